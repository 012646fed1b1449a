"""One gateway's way out: isolate, drain, remove, and for a repair see it replaced.

Each phase looks at what is observed and either stays (saying again what has to be so; every
action is idempotent) or goes on to the next. Nothing here remembers: a drain continues from its
record in status, whichever process reads it.

    Isolating ─▶ Draining ─▶ Removing ─▶ Replacing ─▶ (done)
        └───── out of reach ────▲  └─ scale-down: resizing.py removes all victims at once
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from imchat_operator.core.decision import (
    Action,
    Evict,
    Notice,
    Reason,
    StartDrain,
    Subject,
)
from imchat_operator.core.snapshot import (
    Gateway,
    NotAsked,
    Reported,
    Silent,
    Snapshot,
    Target,
)
from imchat_operator.core.stage import isolation
from imchat_operator.models import Drain, Phase, Purpose
from imchat_operator.units import duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What becomes of a drain in one pass; `drain` is None once it is over."""

    drain: Drain | None
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()


def began(snapshot: Snapshot, drain: Drain, reason: Reason) -> tuple[Notice, ...]:
    """Return the Events that say why a gateway is being drained."""
    warning = drain.purpose is Purpose.HEALING
    held = _count(drain.connections)
    message = f"{drain.pod} is taken out of rotation with {held} connections: "
    return on_both(
        snapshot, drain, reason, message + drain.cause, "Warning" if warning else "Normal"
    )


def on_both(
    snapshot: Snapshot,
    drain: Drain,
    reason: Reason,
    message: str,
    type_: Literal["Normal", "Warning"] = "Normal",
) -> tuple[Notice, ...]:
    """Return one Event on the ImChatCluster and the same on the pod."""
    pod = Subject(kind="Pod", name=drain.pod, uid=drain.uid)
    return tuple(
        Notice(subject=subject, reason=reason, message=message, type=type_)
        for subject in (snapshot.cluster.subject, pod)
    )


def advance(
    snapshot: Snapshot, target: Target, drain: Drain, gateway: Gateway | None, pace: int
) -> Step:
    """Return the next step of one drain.

    Args:
        snapshot: what is.
        target: its target, which exists.
        drain: the record of the drain.
        gateway: the pod, or None if it is gone.
        pace: connections per second that this gateway may close.
    """
    match drain.phase:
        case Phase.REPLACING:
            return _replacing(snapshot, target, drain)
        case _ if gateway is None or gateway.terminating:
            return _gone(snapshot, target, drain)
        case Phase.ISOLATING:
            return _isolating(snapshot, _listened(snapshot, drain, gateway), gateway, pace)
        case Phase.DRAINING:
            return _draining(snapshot, _listened(snapshot, drain, gateway), gateway, pace)
        case Phase.REMOVING:
            return _removing(snapshot, drain, gateway)
        case Phase.RETURNING:
            return Step(drain=None)


def _listened(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Drain:
    """Keep the time since which a gateway under drain has been silent."""
    if not isinstance(gateway.reading, Silent):
        return drain.model_copy(update={"silent_since": None})
    return drain.model_copy(update={"silent_since": drain.silent_since or snapshot.now})


def entered(snapshot: Snapshot, drain: Drain, phase: Phase) -> Drain:
    """Return a drain's record as it goes on to another phase."""
    return drain.model_copy(update={"phase": phase, "phase_since": snapshot.now, "blocked": ""})


def _is_out_of_reach(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> bool:
    if isinstance(gateway.reading, NotAsked):
        return not gateway.running
    if drain.silent_since is None:
        return False
    patience = snapshot.spec.healing.unresponsive_for
    given_up = snapshot.now - drain.silent_since >= patience
    return given_up or not gateway.running or not gateway.node_ready


def _isolating(snapshot: Snapshot, drain: Drain, gateway: Gateway, pace: int) -> Step:
    if _is_out_of_reach(snapshot, drain, gateway):
        return _out_of_reach(snapshot, drain, gateway)
    actions = isolation(gateway)
    waited = snapshot.now - drain.phase_since >= snapshot.spec.draining.deregister_delay
    if actions or not waited:
        return Step(drain=drain, actions=actions)
    next_drain = entered(snapshot, drain, Phase.DRAINING)
    message = f"{drain.pod} closes {gateway.connections} connections, {pace} a second"
    notices = on_both(snapshot, drain, Reason.GATEWAY_DRAINING, message)
    return Step(drain=next_drain, actions=_told(snapshot, gateway, pace), notices=notices)


def _told(snapshot: Snapshot, gateway: Gateway, pace: int) -> tuple[Action, ...]:
    deadline = snapshot.spec.draining.deadline
    return (
        StartDrain(
            pod=gateway.name, uid=gateway.uid, connections_per_second=pace, deadline=deadline
        ),
    )


def _draining(snapshot: Snapshot, drain: Drain, gateway: Gateway, pace: int) -> Step:
    if _is_out_of_reach(snapshot, drain, gateway):
        return _out_of_reach(snapshot, drain, gateway)
    reading = gateway.reading
    took = snapshot.now - drain.phase_since
    is_due = took >= snapshot.spec.draining.deadline
    residual = snapshot.spec.draining.residual
    match reading:
        case Reported(connections=held, draining=drains) if held <= residual and (drains or is_due):
            return _drained(snapshot, drain, gateway, took)
        case Silent() if is_due:
            return _out_of_reach(snapshot, drain, gateway)
    if is_due:
        limit = duration_text(snapshot.spec.draining.deadline)
        left = _count(gateway.known_connections)
        message = f"{drain.pod} is removed with {left} connections still open, "
        return Step(
            drain=entered(snapshot, drain, Phase.REMOVING),
            notices=on_both(
                snapshot,
                drain,
                Reason.CONNECTIONS_CUT,
                f"{message}which are cut: the drain's deadline of {limit} has passed",
                "Warning",
            ),
        )
    return Step(drain=drain, actions=(*isolation(gateway), *_told(snapshot, gateway, pace)))


def _drained(snapshot: Snapshot, drain: Drain, gateway: Gateway, took: timedelta) -> Step:
    left = gateway.connections
    took_text = f"in {_seconds(took)}"
    message = f"{drain.pod} closed all its connections {took_text}, none was cut"
    if left:
        message = f"{drain.pod} closed all but {left} connections {took_text}: draining.residual "
        message += f"is {snapshot.spec.draining.residual}, so they count as none and are cut"
    return Step(
        drain=entered(snapshot, drain, Phase.REMOVING),
        notices=on_both(snapshot, drain, Reason.GATEWAY_DRAINED, message),
    )


def _out_of_reach(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    reading = gateway.reading
    lost = _count(gateway.known_connections)
    why = reading.why if isinstance(reading, Silent) else "it does not run"
    message = f"{drain.pod} can't be drained ({why}): {lost} connections are lost with it"
    return Step(
        drain=entered(snapshot, drain, Phase.REMOVING),
        actions=isolation(gateway),
        notices=on_both(snapshot, drain, Reason.CONNECTIONS_CUT, message, "Warning"),
    )


def _removing(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    if drain.purpose is Purpose.SCALE_DOWN:
        return _awaiting(snapshot, drain, gateway)
    evict = Evict(pod=gateway.name, uid=gateway.uid)
    refused = next((o.refused for o in snapshot.outcomes if o.action == evict), "")
    blocked = (refused or drain.blocked)[:512]
    notices: tuple[Notice, ...] = ()
    if blocked and not drain.blocked:
        message = f"{drain.pod} can't be evicted yet: {blocked}"
        notices = on_both(snapshot, drain, Reason.EVICTION_BLOCKED, message, "Warning")
    return Step(
        drain=drain.model_copy(update={"blocked": blocked}), actions=(evict,), notices=notices
    )


def _awaiting(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    """Wait for all victims; one that restarted meanwhile takes clients again, and starts over."""
    if gateway.restarts <= drain.restarts or gateway.connections == 0:
        return Step(drain=drain)
    again = entered(snapshot, drain, Phase.ISOLATING)
    again = again.model_copy(update={"restarts": gateway.restarts})
    return Step(drain=again, actions=isolation(gateway))


def _gone(snapshot: Snapshot, target: Target, drain: Drain) -> Step:
    """The pod leaves: as decided, or because somebody else deleted it."""
    if drain.purpose is Purpose.SCALE_DOWN:
        resize = snapshot.history.resize
        was_due = resize is not None and target.replicas == resize.to
        if was_due and drain.phase is Phase.REMOVING:
            return Step(drain=drain)  # resizing.py tells whether it was meant to go
        message = f"{drain.pod} was deleted by somebody else while it was drained"
        return Step(
            drain=None, notices=on_both(snapshot, drain, Reason.GATEWAY_GONE, message, "Warning")
        )
    message = f"{drain.pod} leaves, its replacement is awaited"
    return Step(
        drain=entered(snapshot, drain, Phase.REPLACING),
        notices=on_both(snapshot, drain, Reason.GATEWAY_EVICTED, message),
    )


def _replacing(snapshot: Snapshot, target: Target, drain: Drain) -> Step:
    ready = [g for g in snapshot.gateways if g.ready and not g.terminating]
    # creationTimestamp is cut to the second
    fresh = [g.name for g in ready if g.created_at >= drain.started_at - timedelta(seconds=1)]
    others = len(snapshot.history.drains) - 1  # they can't be ready
    is_whole = len(ready) >= target.replicas - others
    took = _seconds(snapshot.now - drain.suspected_at)
    if fresh and is_whole:
        noticed = _seconds(drain.started_at - drain.suspected_at)
        message = (
            f"{drain.pod} is replaced by {', '.join(sorted(fresh))}: ready {took} after the first "
            f"sign of trouble, which was acted upon after {noticed}"
        )
        return Step(drain=None, notices=on_both(snapshot, drain, Reason.GATEWAY_REPLACED, message))
    limit = snapshot.spec.healing.replace_within
    if snapshot.now - drain.phase_since >= limit:
        message = (
            f"{drain.pod} is gone and no replacement is ready after {duration_text(limit)}: "
            "see the target's own Events"
        )
        return Step(
            drain=None,
            notices=on_both(snapshot, drain, Reason.REPLACEMENT_LATE, message, "Warning"),
        )
    return Step(drain=drain)


def _count(connections: int | None) -> str:
    return "an unknown number of" if connections is None else f"{connections}"


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f}s"
