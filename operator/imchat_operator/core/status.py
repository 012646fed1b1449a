"""The next status: verdicts become conditions, and what changed becomes Events.

Figures in messages move all the time; a status is written for them only now and then
(`_REFRESH` samples), and at once for everything else.
"""

from datetime import datetime
from operator import attrgetter

from imchat_operator.core.decision import Dropped, Notice, Reason, Subject, Verdict
from imchat_operator.core.outbox import Outbox, outbox
from imchat_operator.core.snapshot import Snapshot
from imchat_operator.models import Condition, ImChatClusterStatus, Obstacle

_REFRESH = 2

# Conditions whose change is worth an Event: (type of the Event, also when it is the first state).
_TYPES = {
    Reason.SPEC_INVALID: ("Warning", True),
    Reason.TARGET_NOT_FOUND: ("Warning", True),
    Reason.TARGET_CLAIMED: ("Warning", True),
    Reason.FLEET_READY: ("Normal", True),
    Reason.GATEWAYS_NOT_READY: ("Warning", False),
    Reason.METRICS_UNAVAILABLE: ("Warning", False),
    Reason.METRICS_AVAILABLE: ("Normal", False),
    Reason.HELD_BY_WINDOW: ("Warning", True),
    Reason.STORM_GATE: ("Warning", True),
    Reason.STORM_COOLDOWN: ("Normal", False),
    Reason.DEPENDENCY_DOWN: ("Warning", True),
    Reason.DEPENDENCIES_UP: ("Normal", False),
    Reason.DEPENDENCIES_UNKNOWN: ("Warning", True),
    Reason.HOURLY_BUDGET_SPENT: ("Warning", True),
    Reason.BACKING_OFF: ("Warning", True),
    Reason.WINDOW_OPEN: ("Normal", True),
    Reason.WINDOW_CLOSED: ("Normal", False),
    Reason.SCALED_TO_ZERO: ("Warning", True),
    Reason.SCALING_CONFLICT: ("Warning", True),
    Reason.AT_MAXIMUM: ("Warning", True),
    Reason.PAUSED: ("Normal", True),
    Reason.SURVIVORS_OVERLOADED: ("Normal", True),
    Reason.CAPACITY_PRESSURE: ("Warning", True),
    Reason.CAPACITY_SUFFICIENT: ("Normal", False),
    Reason.WINDOW_INVALID: ("Warning", True),
    Reason.WINDOW_ENDED: ("Normal", False),
    Reason.SHORT_NOTICE: ("Warning", True),
    Reason.APPROVED: ("Normal", True),
    Reason.APPROVAL_MISSING: ("Warning", True),
    Reason.CHECKLIST_INCOMPLETE: ("Warning", True),
    Reason.CHECKLIST_COMPLETE: ("Normal", False),
    Reason.DEFERRAL_EXPIRED: ("Warning", True),
}
ANNOUNCED = frozenset(_TYPES)

# What moves with each sample, or tells of what does; and the epoch, which is the shell's: a new
# leader's first status is written for it anyway.
_MOVING = frozenset(
    {
        "observed_at",
        "decision",
        "conditions",
        "streaks",
        "pending_events",
        "peaks",
        "sizing",
        "epoch",
    }
)
_LASTING = attrgetter(*(n for n in ImChatClusterStatus.model_fields if n not in _MOVING))


def conditions(
    before: tuple[Condition, ...], verdicts: tuple[Verdict, ...], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions of verdicts; the time of transition is kept where status stays."""
    known = {c.type: c for c in before}
    return tuple(_condition(v, known.get(v.type), generation, now) for v in verdicts)


def _condition(
    verdict: Verdict, before: Condition | None, generation: int, now: datetime
) -> Condition:
    message, since = verdict.message[:1024], now
    if before is not None and before.status == verdict.status:
        since = before.last_transition_time
        told = (before.reason, before.message, before.observed_generation)
        if told == (verdict.reason, message, generation):
            return before
    return Condition(
        type=verdict.type,
        status=verdict.status,
        reason=verdict.reason,
        message=message,
        last_transition_time=since,
        observed_generation=generation,
    )


def announcements(
    subject: Subject, before: tuple[Condition, ...], after: tuple[Condition, ...]
) -> tuple[Notice, ...]:
    """Return Events for the conditions whose reason is new and worth telling."""
    known = {c.type: c.reason for c in before}
    notices = []
    for condition in after:
        old = known.get(condition.type)
        if condition.type == "Healing" or old == condition.reason:
            continue  # what Healing holds is told by RemediationBlocked, what it does by Events
        type_, also_first = _TYPES.get(Reason(condition.reason), ("", False))
        if not type_ or (old is None and not also_first):
            continue
        if condition.reason == Reason.CAPACITY_SUFFICIENT and old != Reason.CAPACITY_PRESSURE:
            continue
        notices.append(
            Notice(
                subject=subject,
                reason=Reason(condition.reason),
                message=f"{condition.type}: {condition.message}",
                type="Warning" if type_ == "Warning" else "Normal",
                about=condition.type,
            )
        )
    return tuple(notices)


def recorded(
    snapshot: Snapshot,
    decision: str,
    after: ImChatClusterStatus,
    verdicts: tuple[Verdict, ...],
    notices: tuple[Notice, ...],
) -> tuple[ImChatClusterStatus, tuple[Dropped, ...]]:
    """Return a new status with conditions and the Events to post, and the Events it can't keep."""
    before = snapshot.history
    states = conditions(before.conditions, verdicts, snapshot.cluster.generation, snapshot.now)
    announced = announcements(snapshot.cluster.subject, before.conditions, states)
    told = promised(snapshot, decision, (*announced, *notices))
    after = after.model_copy(update={"conditions": states, **told.fields})
    return named(decision, before, worth_writing(snapshot, after)), told.dropped


def promised(snapshot: Snapshot, decision: str, notices: tuple[Notice, ...]) -> Outbox:
    """Return the Events to post: those that wait, and what a decision has to tell."""
    before = snapshot.history
    waiting = tuple(e for e in before.pending_events if e.receipt not in snapshot.posted)
    return outbox(
        Outbox(events=waiting, series=before.event_series), decision, notices, snapshot.now
    )


def named(
    decision: str, before: ImChatClusterStatus, after: ImChatClusterStatus
) -> ImChatClusterStatus:
    """Return a status with the decision that it is of, unless it is the one that there is."""
    return before if after == before else after.model_copy(update={"decision": decision})


def worth_writing(snapshot: Snapshot, after: ImChatClusterStatus) -> ImChatClusterStatus:
    """Return the new status, or the old one where only figures moved since a moment ago."""
    before = snapshot.history
    fresh_events = {e.receipt for e in after.pending_events}
    fresh_events -= {e.receipt for e in before.pending_events}
    if fresh_events or _lasting(before) != _lasting(after):
        return after
    if before.observed_at is None:
        return after
    age = snapshot.now - before.observed_at
    moved = _figures(before) != _figures(after)
    return after if moved and age >= _REFRESH * snapshot.spec.metrics.interval else before


def _lasting(status: ImChatClusterStatus) -> tuple[object, ...]:
    return (
        _LASTING(status),
        tuple((o.direction, o.reason) for o in _obstacles(status)),
        tuple((c.type, c.status, c.reason, c.observed_generation) for c in status.conditions),
        tuple((s.rule, s.since) for s in status.streaks),
    )


def _figures(status: ImChatClusterStatus) -> tuple[object, ...]:
    return (
        tuple(c.message for c in status.conditions),
        tuple(s.last for s in status.streaks),
        tuple(e.receipt for e in status.pending_events),
        status.peaks,
        tuple(load.percent for load in status.sizing.loads) if status.sizing else (),
    )


def _obstacles(status: ImChatClusterStatus) -> tuple[Obstacle, ...]:
    return status.sizing.obstacles if status.sizing else ()
