"""The Events to post: what a pass has to tell, in the form that status keeps until it is posted.

An Event tells of a change, or of a state. Each change is told by an Event of its own, whose number
is limited by whatever limits the changes. A state may come and go as often as something flaps,
so it is told as Kubernetes tells what repeats:

- The same of the same object and gateway (the message differs in figures only) within `SPAN` of
  the time before is a series: one Event, whose count, last time and message move on.
- Any other message of the same object, reason and gateway is a new Event, `BURST` of them at once
  and one more for each `REFILL`. Those that are too many are counted, and the next one says so.

All of that is in status, so it outlives the operator, and an Event says how often something was
in all: posting it twice, or by two operators, counts nothing twice.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from imchat_operator.core.decision import Dropped, Notice, Reason
from imchat_operator.models import MOST_PENDING, MOST_SERIES, EventSeries, PendingEvent

SPAN = timedelta(minutes=10)
BURST = 10
REFILL = timedelta(minutes=1)

_LONGEST = 1024  # bytes, not characters: the API server's limit for an Event's message
_LONGEST_WORD = 80
# What starts with a digit and is no part of a name: 3, 1.5, 83%, 15m, 2026-03-01T12:00:00Z.
_FIGURE = re.compile(r"(?<![\w.-])\d[\w.:+%-]*")

# The verb that an Event's `action` field shows; all else is an observation.
_ACTIONS = {
    Reason.SCALING_UP: "Scale",
    Reason.SCALING_DOWN: "Scale",
    Reason.SCALED_DOWN: "Scale",
    Reason.GATEWAY_UNHEALTHY: "Remediate",
    Reason.GATEWAY_LEAVING: "Remediate",
    Reason.GATEWAY_SURGED: "Remediate",
    Reason.REMEDIATION_UNDONE: "Remediate",
    Reason.REMEDIATION_FAILED: "Remediate",
    Reason.GATEWAY_QUARANTINED: "Quarantine",
    Reason.GATEWAY_DRAINING: "Drain",
    Reason.GATEWAY_DRAINED: "Drain",
    Reason.DRAIN_REFUSED: "Drain",
    Reason.CONNECTIONS_CUT: "Drain",
    Reason.GATEWAY_EVICTED: "Evict",
    Reason.GATEWAY_DELETED: "Delete",
    Reason.REBALANCING: "Rebalance",
    Reason.REBALANCED: "Rebalance",
    Reason.SCALE_RECOMMENDED: "Recommend",
    Reason.REMEDIATION_RECOMMENDED: "Recommend",
}

# States: what may be so, not be so, and be so again without a change that somebody made.
STATES = frozenset(
    {
        Reason.TARGET_NOT_FOUND,
        Reason.TARGET_CLAIMED,
        Reason.METRICS_UNAVAILABLE,
        Reason.METRICS_AVAILABLE,
        Reason.FLEET_READY,
        Reason.GATEWAYS_NOT_READY,
        Reason.AT_MAXIMUM,
        Reason.SCALING_CONFLICT,
        Reason.SCALED_TO_ZERO,
        Reason.STREAK_INTERRUPTED,
        Reason.SCALE_RECOMMENDED,
        Reason.PAUSED,
        Reason.SURVIVORS_OVERLOADED,
        Reason.FALLBACK_ACTIVATED,
        Reason.FALLBACK_DEACTIVATED,
        Reason.CAPACITY_PRESSURE,
        Reason.CAPACITY_SUFFICIENT,
        Reason.ACTION_REQUIRED,
        Reason.ROLLOUT_SUSPECTED,
        Reason.REMEDIATION_RECOMMENDED,
        Reason.EVICTION_BLOCKED,
        Reason.STORM_GATE,
        Reason.STORM_COOLDOWN,
        Reason.DEPENDENCY_DOWN,
        Reason.DEPENDENCIES_UP,
        Reason.DEPENDENCIES_UNKNOWN,
        Reason.HOURLY_BUDGET_SPENT,
        Reason.BACKING_OFF,
        Reason.DRAIN_SLOWED,
        Reason.HELD_BY_WINDOW,
        Reason.DEFERRAL_EXPIRED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """Events to post, oldest first; what repeated ones go on from; those that are not posted."""

    events: tuple[PendingEvent, ...] = ()
    series: tuple[EventSeries, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def fields(self) -> dict[str, object]:
        """What a status keeps of it."""
        return {"pending_events": self.events, "event_series": self.series}


def outbox(before: Outbox, decision: str, notices: tuple[Notice, ...], now: datetime) -> Outbox:
    """Return the outbox with what a decision has to tell."""
    events = {e.name: e for e in before.events}
    series = {s.key: s for s in before.series}
    dropped: list[Dropped] = []
    for notice, fresh in zip(notices, pending_events(decision, notices, now), strict=True):
        event: PendingEvent | None = fresh
        if notice.reason in STATES:
            key = _digest(notice.subject.uid, notice.reason, notice.about)
            shape = _digest(notice.type, _FIGURE.sub("#", notice.message))
            series[key], event = _repeated(series.pop(key, None), key, shape, fresh)
        if event is None:
            dropped.append(Dropped(reason=notice.reason, cause="RateLimited"))
            continue
        events.pop(event.name, None)  # what it was so far need not be posted any more
        events[event.name] = event
    waiting = tuple(events.values())
    excess = waiting[:-MOST_PENDING]
    lost = (Dropped(reason=e.reason, cause="Overflow") for e in excess)
    return Outbox(
        events=waiting[-MOST_PENDING:],
        series=_remembered(tuple(series.values()), now) if notices else before.series,
        dropped=(*dropped, *lost),
    )


def _repeated(
    before: EventSeries | None, key: str, shape: str, fresh: PendingEvent
) -> tuple[EventSeries, PendingEvent | None]:
    """Return the series that an Event of a state goes on with or begins, and what to post."""
    now, unrecorded = fresh.at, before.unrecorded if before else 0
    if before is not None and before.shape == shape and now - before.last < SPAN:
        after = before.model_copy(update={"last": now, "count": before.count + 1, "unrecorded": 0})
    else:
        spent = max(before.spent_until, now) if before else now
        if before is not None and spent - now > (BURST - 1) * REFILL:
            return before.model_copy(update={"unrecorded": unrecorded + 1}), None
        after = EventSeries(
            key=key,
            reason=fresh.reason,
            name=fresh.name,
            shape=shape,
            since=now,
            last=now,
            spent_until=spent + REFILL,
        )
    update: dict[str, object] = {"name": after.name, "count": after.count}
    if after.count > 1:
        update["since"] = after.since
    if unrecorded:
        aside = f" ({unrecorded} more not recorded)"
        update["message"] = cut(fresh.message, _LONGEST - len(aside)) + aside
    return after, fresh.model_copy(update=update)


def _remembered(series: tuple[EventSeries, ...], now: datetime) -> tuple[EventSeries, ...]:
    """Return the series that may go on, or have something left to tell."""
    return tuple(s for s in series if now - s.last < SPAN or s.unrecorded)[-MOST_SERIES:]


def pending_events(
    decision: str, notices: tuple[Notice, ...], at: datetime
) -> tuple[PendingEvent, ...]:
    """Return notices in the form that is kept in status until they are posted."""
    return tuple(_pending(decision, notice, at, order) for order, notice in enumerate(notices))


def _pending(decision: str, notice: Notice, at: datetime, order: int) -> PendingEvent:
    """Return a notice's Event.

    Its name follows from the arguments, so that a second posting makes no second Event, and
    sorts by time, as lists of Events do; `order` is its place among those of the same time.
    """
    subject = notice.subject
    digest = _digest(subject.uid, notice.reason, notice.message, decision)[:8]
    moment = int(at.timestamp() * 1_000_000) + order
    return PendingEvent(
        name=f"{subject.name[:200].rstrip('.-')}.{moment:x}.{digest}",
        kind=subject.kind,
        object=subject.name,
        uid=subject.uid,
        type=notice.type,
        reason=notice.reason,
        action=_ACTIONS.get(notice.reason, "Observe"),
        message=cut(notice.message),
        at=at,
        decision=decision,
    )


def cut(message: str, limit: int = _LONGEST) -> str:
    """Return a message of so many bytes at most, cut at a word where one ends near enough."""
    if len(message.encode()) <= limit:
        return message
    ellipsis = "…"
    head = message.encode()[: limit - len(ellipsis.encode())].decode(errors="ignore")
    space = head.rfind(" ", len(head) - _LONGEST_WORD)
    return f"{head[:space] if space > 0 else head}{ellipsis}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]
