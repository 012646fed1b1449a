"""What is told of a maintenance window: when it is declared, ahead of each opening, at its end.

A notice that is due is told once: `status.told` keeps until when those of the next opening are.
What was due before the window was declared is not told: the declaration says it all. Of several
that are due at a time (the operator was away) one is told.
"""

from datetime import datetime, timedelta

from imchat_operator.core.decision import Notice, Reason
from imchat_operator.core.openings import Occurrence
from imchat_operator.core.snapshot import Window
from imchat_operator.core.window_openings import declaration, is_approved, utc
from imchat_operator.models import (
    Effect,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
    Told,
    WindowState,
    WindowType,
)
from imchat_operator.units import duration_text

# Openings whose notices are remembered.
_MOST_TOLD = 4


def effect_text(spec: MaintenanceWindowSpec) -> str:
    """Return what a window does while it is open, in words."""
    names = [str(action) for action in spec.held_actions]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    is_one = len(names) == 1
    if spec.effect is Effect.PERMIT:
        return f"{listed} may go on"
    return f"{listed} {'is' if is_one else 'are'} held"


def told(
    window: Window, after: MaintenanceWindowStatus, current: Occurrence | None, now: datetime
) -> tuple[Notice, ...]:
    """Return the notices of a window that are due at `now`, given its next status."""
    found = (
        *_missed(window, now),
        *_declared(window, after, now),
        *_closed(window, after),
        *_upcoming(window, after, current, now),
    )
    return tuple(
        Notice(subject=window.subject, reason=reason, message=f"{text}{_why(window.spec)}")
        for reason, text in found
    )


def _why(spec: MaintenanceWindowSpec) -> str:
    parts = [part for part in (spec.reason, spec.ticket) if part]
    return f" ({', '.join(parts)})" if parts else ""


def _missed(window: Window, now: datetime) -> list[tuple[Reason, str]]:
    """Tell of an opening that came and went while no operator ran."""
    before = window.status
    is_known = before.observed_generation == window.generation
    if not is_known or before.state is not WindowState.SCHEDULED:
        return []
    if before.opens is None or before.closes is None or before.closes > now:
        return []
    span = f"from {utc(before.opens)} to {utc(before.closes)}"
    return [(Reason.WINDOW_CLOSED, f"it was open {span}, while no operator ran")]


def _declared(
    window: Window, after: MaintenanceWindowStatus, now: datetime
) -> list[tuple[Reason, str]]:
    is_new = window.status.declaration != after.declaration
    if not is_new or after.opens is None or after.closes is None:
        return []
    opens = "opened" if after.opens <= now else "opens"
    text = f"{opens} at {utc(after.opens)} and closes at {utc(after.closes)}"
    once = "" if is_approved(window.spec) else ", once somebody approves"
    return [(Reason.MAINTENANCE_SCHEDULED, f"{text}: {effect_text(window.spec)}{once}")]


def _closed(window: Window, after: MaintenanceWindowStatus) -> list[tuple[Reason, str]]:
    was_open = window.status.state is WindowState.OPEN
    if not was_open or after.state is not WindowState.SCHEDULED or after.opens is None:
        return []
    return [(Reason.WINDOW_CLOSED, f"closed; it opens again at {utc(after.opens)}")]


def _upcoming(
    window: Window, after: MaintenanceWindowStatus, current: Occurrence | None, now: datetime
) -> list[tuple[Reason, str]]:
    opens = after.next
    if opens is None or not due_notices(window, opens, now):
        return []
    ahead = duration_text(timedelta(seconds=round((opens - now).total_seconds())))
    again = "again " if current is not None else ""
    missing = unchecked(window.spec)
    left = f"; unchecked: {', '.join(missing)}" if missing else ""
    text = f"opens {again}in {ahead}, at {utc(opens)}: {effect_text(window.spec)}{left}"
    return [(Reason.MAINTENANCE_UPCOMING, text)]


def unchecked(spec: MaintenanceWindowSpec) -> tuple[str, ...]:
    """Return the required items of a checklist that are not done."""
    return tuple(item.name for item in spec.checklist if item.required and not item.done)


def due_notices(window: Window, opens: datetime, now: datetime) -> tuple[timedelta, ...]:
    """Return the notices of an opening that are due and not told."""
    since = next(
        (t.until for t in window.status.told if t.opens == opens), declaration(window, now).at
    )
    return tuple(lead for lead in leads(window.spec) if since < opens - lead <= now)


def leads(spec: MaintenanceWindowSpec) -> tuple[timedelta, ...]:
    """Return how long ahead an opening is announced; an emergency is not."""
    is_announced = spec.type is WindowType.PLANNED and is_approved(spec)
    return spec.notice if is_announced else ()


def remembered(window: Window, opens: datetime | None, now: datetime) -> tuple[Told, ...]:
    """Return until when notices are told, after those that are due now are."""
    before = tuple(t for t in window.status.told if t.opens > now)
    if opens is None or not due_notices(window, opens, now):
        return before
    others = tuple(t for t in before if t.opens != opens)
    return (*others, Told(opens=opens, until=now))[-_MOST_TOLD:]
