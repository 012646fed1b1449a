"""How a gateway loses its connections: out of rotation, closed at a pace, ready to be removed.

Each phase looks at what is observed and either stays (saying again what has to be so; every
action is idempotent) or goes on to the next. Nothing here remembers: a drain continues from its
record in status, whichever process reads it.

    Isolating ─▶ Draining ─▶ Removing ─▶ a scale-down: resizing.py removes all victims at once
        └───── out of reach ────▲        a repair: repairing.py goes on

A gateway that answers but has no drain is removed as it is: the rest is up to its preStop hook.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from imchat_operator.core.decision import (
    Action,
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
from imchat_operator.models import Drain, Phase, Purpose, Remediation, Suspect
from imchat_operator.units import duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What becomes of a drain in one pass; `drain` is None once it is over."""

    drain: Drain | None
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    remediation: Remediation | None = None


def on_both(
    snapshot: Snapshot,
    drain: Drain | Suspect,
    reason: Reason,
    message: str,
    type_: Literal["Normal", "Warning"] = "Normal",
) -> tuple[Notice, ...]:
    """Return one Event on the ImChatCluster and the same on the pod."""
    pod = Subject(kind="Pod", name=drain.pod, uid=drain.uid)
    return tuple(
        Notice(subject=subject, reason=reason, message=message, type=type_, about=drain.uid)
        for subject in (snapshot.cluster.subject, pod)
    )


def advance(
    snapshot: Snapshot, target: Target, drain: Drain, gateway: Gateway | None, pace: int
) -> Step:
    """Return the next step of a scale-down's victim.

    Args:
        snapshot: what is.
        target: its target, which exists.
        drain: the record of the drain.
        gateway: the pod, or None if it is gone.
        pace: connections per second that this gateway may close.
    """
    if gateway is None or gateway.terminating:
        return _gone(snapshot, target, drain)
    if drain.phase is Phase.REMOVING:
        return _awaiting(snapshot, drain, gateway)
    return closed(snapshot, drain, gateway, pace)


def closed(snapshot: Snapshot, drain: Drain, gateway: Gateway, pace: int) -> Step:
    """Return the next step of a drain that isolates a gateway or closes its connections."""
    heard = listened(snapshot, drain, gateway)
    if drain.phase is Phase.ISOLATING:
        return _isolating(snapshot, heard, gateway, pace)
    return _draining(snapshot, heard, gateway, pace)


def listened(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Drain:
    """Keep the time since which a gateway under drain has been silent."""
    if not isinstance(gateway.reading, Silent):
        return drain.model_copy(update={"silent_since": None})
    return drain.model_copy(update={"silent_since": drain.silent_since or snapshot.now})


def entered(snapshot: Snapshot, drain: Drain, phase: Phase) -> Drain:
    """Return a drain's record as it goes on to another phase."""
    return drain.model_copy(update={"phase": phase, "phase_since": snapshot.now, "blocked": ""})


def is_out_of_reach(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> bool:
    """Return whether nothing can be asked of a gateway any more: waiting would help nobody."""
    if isinstance(gateway.reading, NotAsked):
        return not gateway.running
    if drain.silent_since is None:
        return False
    patience = snapshot.spec.healing.unresponsive_for
    given_up = snapshot.now - drain.silent_since >= patience
    is_cut_off = gateway.node is None or not gateway.node.ready
    return given_up or not gateway.running or is_cut_off


def _isolating(snapshot: Snapshot, drain: Drain, gateway: Gateway, pace: int) -> Step:
    if is_out_of_reach(snapshot, drain, gateway):
        return out_of_reach(snapshot, drain, gateway)
    actions = isolation(gateway)
    waited = snapshot.now - drain.phase_since >= snapshot.spec.draining.deregister_delay
    if actions or not waited:
        return Step(drain=drain, actions=actions)
    next_drain = entered(snapshot, drain, Phase.DRAINING)
    held = count_text(gateway.known_connections)
    message = f"{drain.pod} closes {held} connections, {pace} a second"
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
    if is_out_of_reach(snapshot, drain, gateway):
        return out_of_reach(snapshot, drain, gateway)
    reading = gateway.reading
    took = snapshot.now - drain.phase_since
    is_due = took >= snapshot.spec.draining.deadline
    residual = snapshot.spec.draining.residual
    refused = _final_refusal(snapshot, drain, gateway)
    is_over = is_due or bool(refused)
    match reading:
        case Reported(connections=held, draining=drains) if held <= residual and (
            drains or is_over
        ):
            return _drained(snapshot, drain, gateway, took)
        case Silent() if is_due:
            return out_of_reach(snapshot, drain, gateway)
    if refused:
        return _left_to_itself(snapshot, drain, gateway, refused)
    if is_due:
        limit = duration_text(snapshot.spec.draining.deadline)
        left = count_text(gateway.known_connections)
        message = f"{drain.pod} is removed with {left} connections still open, "
        return Step(
            drain=_removed(snapshot, drain, gateway),
            notices=on_both(
                snapshot,
                drain,
                Reason.CONNECTIONS_CUT,
                f"{message}which are cut: the drain's deadline of {limit} has passed",
                "Warning",
            ),
        )
    return Step(drain=drain, actions=(*isolation(gateway), *_told(snapshot, gateway, pace)))


def _final_refusal(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> str:
    """Return why a gateway will never drain, as it goes on saying after a hang's patience."""
    reading = gateway.reading
    is_draining = isinstance(reading, Reported) and reading.draining
    if is_draining or snapshot.now - drain.phase_since < snapshot.spec.healing.unresponsive_for:
        return ""
    answers = (
        o
        for o in snapshot.outcomes
        if isinstance(o.action, StartDrain) and o.action.uid == drain.uid and o.is_final
    )
    return next((o.refused for o in answers), "")


def _left_to_itself(snapshot: Snapshot, drain: Drain, gateway: Gateway, refused: str) -> Step:
    left = count_text(gateway.known_connections)
    fate = "are left to its preStop hook"
    if not gateway.has_pre_stop:
        fate = "are lost unless it closes them on SIGTERM, as it has no preStop hook"
    if drain.purpose is Purpose.QUARANTINE:
        fate = "stay open"
    message = f"{drain.pod} can't be told to drain ({refused}): {left} connections {fate}"
    type_: Literal["Normal", "Warning"] = "Normal" if gateway.has_pre_stop else "Warning"
    removing = entered(snapshot, drain, Phase.REMOVING)
    return Step(
        drain=removing.model_copy(update={"left": gateway.known_connections or 0}),
        actions=isolation(gateway),
        notices=on_both(snapshot, drain, Reason.DRAIN_REFUSED, message, type_),
    )


def _drained(snapshot: Snapshot, drain: Drain, gateway: Gateway, took: timedelta) -> Step:
    left = gateway.connections
    took_text = f"in {seconds_text(took)}"
    message = f"{drain.pod} closed all its connections {took_text}, none was cut"
    if left:
        message = f"{drain.pod} closed all but {left} connections {took_text}: draining.residual "
        message += f"is {snapshot.spec.draining.residual}, so they count as none and are cut"
    return Step(
        drain=_removed(snapshot, drain, gateway),
        notices=on_both(snapshot, drain, Reason.GATEWAY_DRAINED, message),
    )


def _removed(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Drain:
    """Return the record of a drain that goes on to the removal, with what is lost by it."""
    removing = entered(snapshot, drain, Phase.REMOVING)
    return removing.model_copy(update={"cut": gateway.known_connections or 0})


def out_of_reach(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    """Return the step that gives up a drain, since the gateway can't be asked for it."""
    reading = gateway.reading
    lost = count_text(gateway.known_connections)
    why = reading.why if isinstance(reading, Silent) else "it does not run"
    message = f"{drain.pod} can't be drained ({why}): {lost} connections are lost with it"
    return Step(
        drain=_removed(snapshot, drain, gateway),
        actions=isolation(gateway),
        notices=on_both(snapshot, drain, Reason.CONNECTIONS_CUT, message, "Warning"),
    )


def _awaiting(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    """Wait for all victims; one that restarted meanwhile takes clients again, and starts over."""
    if gateway.restarts <= drain.restarts or gateway.connections == 0:
        return Step(drain=drain)
    again = entered(snapshot, drain, Phase.ISOLATING)
    anew = {
        "restarts": gateway.restarts,
        "connections": gateway.known_connections,
        "cut": 0,
        "left": 0,
    }
    return Step(drain=again.model_copy(update=anew), actions=isolation(gateway))


def _gone(snapshot: Snapshot, target: Target, drain: Drain) -> Step:
    """The victim leaves: as decided, or because somebody else deleted it."""
    resize = snapshot.history.resize
    was_due = resize is not None and target.replicas == resize.to
    if was_due and drain.phase is Phase.REMOVING:
        return Step(drain=drain)  # resizing.py tells whether it was meant to go
    message = f"{drain.pod} was deleted by somebody else while it was drained"
    return Step(
        drain=None, notices=on_both(snapshot, drain, Reason.GATEWAY_GONE, message, "Warning")
    )


def count_text(connections: int | None) -> str:
    """Return a number of connections in words."""
    return "an unknown number of" if connections is None else f"{connections}"


def seconds_text(duration: timedelta) -> str:
    """Return a duration in seconds, to a tenth."""
    return f"{duration.total_seconds():.1f}s"
