"""What is under way when the clock is set: time that did not go by must not count as waited.

A status has moments of the wall clock, which an operator that comes up later can compare with.
Where that clock is set while the operator runs, the moments from which something is being waited
are set with it: a drain keeps its deadline, a suspect its patience, a cool-down its length.
Streaks stay as they are: after a step they begin anew, which only ever delays. What people
planned (windows, schedules, seasons, deferrals) is by the wall clock, right or wrong.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from imchat_operator.models import ImChatClusterStatus, Model

M = TypeVar("M", bound=Model)


def rebased(history: ImChatClusterStatus, step: timedelta) -> ImChatClusterStatus:
    """Return a status as it were if the clock had been right before it was set by `step`."""
    if not step:
        return history
    parts = {
        # When a drain began stays: it is compared with the births of pods, by another's clock.
        "drains": tuple(_moved(d, step, "phase_since", "silent_since") for d in history.drains),
        "suspects": tuple(_moved(s, step, "since", "ill_since") for s in history.suspects),
        "last_resizes": tuple(_moved(r, step, "at") for r in history.last_resizes),
        "resize": history.resize and _moved(history.resize, step, "at"),
        "last_rebalance": history.last_rebalance and _moved(history.last_rebalance, step, "at"),
        "pacing": history.pacing and _moved(history.pacing, step, "at"),
        "blindness": history.blindness and _moved(history.blindness, step, "since"),
        "storm": history.storm and _moved(history.storm, step, "since", "over_at"),
        "repairs_begun": tuple(_later(at, step) for at in history.repairs_begun),
    }
    return history.model_copy(update=parts)


def _moved(record: M, step: timedelta, *fields: str) -> M:
    before: dict[str, datetime | None] = {name: getattr(record, name) for name in fields}
    after = {n: _later(at, step) for n, at in before.items() if at is not None}
    return record.model_copy(update=after)


def _later(at: datetime, step: timedelta) -> datetime:
    try:
        return at + step
    except OverflowError:
        return at  # at the end of the calendar, which nobody waits for
