"""Sharing connections out: long-lived ones do not move to a new gateway by themselves.

A gateway that holds far more than the average sheds the excess by a partial drain: out of
rotation, closed at the pace of drains down to the average, back into rotation. Meanwhile the
others take all that come. Undoing is dropping the record, as with every drain.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from imchat_operator.core.decision import Reason, StartDrain
from imchat_operator.core.draining import Step, entered
from imchat_operator.core.load import Unknown, donors, rotation
from imchat_operator.core.readmission import readmission
from imchat_operator.core.snapshot import Gateway, Reported, Snapshot
from imchat_operator.core.stage import Facts, Part, isolation, new_drain
from imchat_operator.models import (
    Drain,
    LastRebalance,
    Mode,
    Phase,
    Purpose,
    RebalanceMode,
    Scaling,
    WindowAction,
)

# An excess below this share of the average, or of a gateway's capacity, in percent, is not worth
# a reconnect.
_LEAST_EXCESS = 5
# Donors at a time: each is a record in status, which is bounded.
_MOST_DONORS = 48
# A rebalance that does not help (clients that return to where they were) is not tried again soon.
# One that gave the emptiest gateway this share of the average, in percent, did help.
_REST = timedelta(minutes=10)
_LEAST_GAIN = 10
# One that was stopped since nobody knew the load says nothing of whether it helps.
_SHORT_REST = timedelta(minutes=1)
# Those that were closed are told to come back within two seconds; not to where they were.
_SETTLING = timedelta(seconds=3)


def advance(snapshot: Snapshot, drain: Drain, gateway: Gateway | None, pace: int) -> Step:
    """Return the next step of one donor; it is over once it is back, or looks ill.

    Isolating ─▶ Draining ─▶ Returning ─▶ (done)
    """
    is_well = gateway is not None and gateway.running and not gateway.terminating
    if gateway is None or not is_well or not isinstance(gateway.reading, Reported):
        return Step(drain=None)
    policy = snapshot.spec.draining
    took = snapshot.now - drain.phase_since
    closing = _closing(snapshot, drain, gateway, pace)
    match drain.phase:
        case Phase.ISOLATING | Phase.DRAINING if _is_over(snapshot, drain, gateway):
            return Step(drain=entered(snapshot, drain, Phase.RETURNING))
        case Phase.ISOLATING if (actions := isolation(gateway)) or took < policy.deregister_delay:
            return Step(drain=drain, actions=actions)
        case Phase.ISOLATING:
            return Step(drain=entered(snapshot, drain, Phase.DRAINING), actions=(closing,))
        case Phase.DRAINING:
            return Step(drain=drain, actions=(*isolation(gateway), closing))
        case _:
            return _returning(snapshot, drain, gateway, took)


def _is_over(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> bool:
    took = snapshot.now - drain.phase_since
    is_late = drain.phase is Phase.DRAINING and took >= snapshot.spec.draining.deadline
    return is_late or gateway.connections <= drain.keep or _is_shared(snapshot)


def _returning(snapshot: Snapshot, drain: Drain, gateway: Gateway, took: timedelta) -> Step:
    if took < _SETTLING and not _is_shared(snapshot):
        return Step(drain=drain)
    actions = readmission(gateway)
    is_back = gateway.ready and not actions
    is_over = is_back or took >= _SETTLING + snapshot.spec.healing.not_ready_for
    return Step(drain=None if is_over else drain, actions=actions)


def _is_shared(snapshot: Snapshot) -> bool:
    """Whether the others have their share by now, be it of those who were new.

    They take all that come while the donors are out, and must not be filled up by it.
    """
    drains = snapshot.history.drains
    members, shedding = rotation(snapshot.gateways, drains), donors(drains)
    takers = tuple(g for g in members if g.uid not in shedding)
    return bool(shedding and takers) and _average(takers) >= _average(members)


def _closing(snapshot: Snapshot, drain: Drain, gateway: Gateway, pace: int) -> StartDrain:
    return StartDrain(
        pod=gateway.name,
        uid=gateway.uid,
        connections_per_second=pace,
        # Were it to pass, the gateway would close the whole excess at once; we stop before.
        deadline=2 * snapshot.spec.draining.deadline,
        keep=drain.keep,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing(Part):
    """The part of this stage, and what it remembers."""

    last: LastRebalance | None


def rebalanced(facts: Facts) -> Sharing:
    """Return the rebalance that begins now, or the end of the one under way."""
    last = facts.snapshot.history.last_rebalance
    others = tuple(d for d in facts.drains if d.purpose is not Purpose.REBALANCE)
    why = _objection(facts)
    was_on = bool(donors(facts.snapshot.history.drains))
    is_on = len(others) < len(facts.drains)
    window = facts.maintenance.held(WindowAction.REBALANCE)
    if was_on and (why or not is_on):
        reason, message = Reason.REBALANCED, f"now {_spread(facts.snapshot)}"
        if not _is_shed(facts.snapshot):
            why = why or "those who shed them are gone, or tell nothing"
            reason, message = Reason.REBALANCE_STOPPED, f"connections stay: {why}"
            last = _stopped(facts, last)
        notices = (facts.snapshot.cluster.notice(reason, message),)
        return Sharing(drains=others, notices=notices, last=last)
    if is_on or why:
        return Sharing(drains=facts.drains, last=last)
    found = _donors(facts)
    if window or not found:
        held = (WindowAction.REBALANCE,) if found else ()
        return Sharing(drains=facts.drains, held=held, last=last)
    return _begun(facts, found)


def _is_shed(snapshot: Snapshot) -> bool:
    """Whether all donors had done what they were to do: they only come back."""
    shedding = (d for d in snapshot.history.drains if d.purpose is Purpose.REBALANCE)
    return all(d.phase is Phase.RETURNING for d in shedding)


def _stopped(facts: Facts, last: LastRebalance | None) -> LastRebalance | None:
    if last is None or not isinstance(facts.load, Unknown):
        return last
    return last.model_copy(update={"at": facts.snapshot.now, "stopped": True})


def _spread(snapshot: Snapshot) -> str:
    members = rotation(snapshot.gateways, snapshot.history.drains)
    held = [known for g in members if (known := g.known_connections) is not None]
    if not held:
        return "no gateway tells how many connections it holds"
    return f"{len(held)} gateways hold {min(held)} to {max(held)} connections"


def _objection(facts: Facts) -> str:
    """Return why connections must not be moved now, or nothing."""
    scaling = facts.snapshot.spec.scaling
    if scaling.rebalance.mode is RebalanceMode.OFF:
        return "rebalance.mode is Off"
    if scaling.mode is not Mode.AUTO:
        return f"scaling.mode is {scaling.mode}"
    if donors(facts.drains) and (window := facts.maintenance.stopped(WindowAction.REBALANCE)):
        return window
    if isinstance(facts.load, Unknown):
        return f"the load is not known: {facts.load.why}"
    if facts.ill or any(d.purpose is not Purpose.REBALANCE for d in facts.moving):
        return "a gateway is ill, or leaves"
    shedding = donors(facts.drains)
    takers = [
        g
        for g in facts.snapshot.gateways
        if g.uid not in shedding and g.ready and not g.terminating
    ]
    return "" if takers else "no other gateway takes connections"


def _begun(facts: Facts, found: tuple[Gateway, ...]) -> Sharing:
    snapshot = facts.snapshot
    fair = _average(snapshot.gateways)
    share = ceil(fair)
    cause = f"above the average of {fair:.0f} connections"
    drains = (new_drain(snapshot, facts.id, g, Purpose.REBALANCE, cause) for g in found)
    new = tuple(drain.model_copy(update={"keep": share}) for drain in drains)
    excess = sum(g.connections - share for g in found)
    names = ", ".join(f"{g.name} ({g.connections})" for g in found)
    message = (
        f"{_spread(snapshot)}; {names} move {excess} of them to the others, "
        f"{snapshot.spec.draining.connections_per_second} a second"
    )
    least = min(g.connections for g in facts.members)
    return Sharing(
        last=LastRebalance(at=snapshot.now, least=least),
        actions=isolation(*found),
        notices=(snapshot.cluster.notice(Reason.REBALANCING, message),),
        drains=(*facts.drains, *new),
    )


def _average(gateways: tuple[Gateway, ...]) -> float:
    return sum(g.connections for g in gateways) / max(1, len(gateways))


def _donors(facts: Facts) -> tuple[Gateway, ...]:
    """Return the gateways that hold too much, the fullest first; none where that can't be helped.

    Too much is far above the average, and above what a scale-down would leave a gateway with: an
    uneven fleet with little to do is no reason to have anybody reconnect. All gateways have to be
    in rotation, tell what they hold, and have the readiness gate: without it the clients that are
    closed would come back to where they were. One that is a little above the average sheds too, or
    it would be filled up with what the others shed.
    """
    snapshot = facts.snapshot
    members = rotation(snapshot.gateways, ())
    readings = [g.reading for g in members if isinstance(g.reading, Reported)]
    is_whole = len(members) == len(snapshot.fleet) == facts.target.replicas
    if not is_whole or len(readings) < len(members) or any(g.accepting is None for g in members):
        return ()
    if not _is_rested(snapshot, members):
        return ()
    policy, fair = snapshot.spec.scaling, _average(members)
    if not any(_holds_too_much(g, fair, policy) for g in members):
        return ()
    found = [g for g in members if g.connections * 100 > fair * (100 + _LEAST_EXCESS)]
    return tuple(sorted(found, key=lambda g: (-g.connections, g.name))[:_MOST_DONORS])


def _holds_too_much(gateway: Gateway, fair: float, policy: Scaling) -> bool:
    reading = gateway.reading
    if not isinstance(reading, Reported):
        return False
    is_hot = reading.connections * 100 > (policy.target + policy.margin) * reading.capacity
    is_uneven = reading.connections * 100 > fair * (100 + policy.rebalance.above)
    is_worth_it = (reading.connections - fair) * 100 >= _LEAST_EXCESS * reading.capacity
    return is_hot and is_uneven and is_worth_it


def _is_rested(snapshot: Snapshot, members: tuple[Gateway, ...]) -> bool:
    """Return whether another rebalance may begin: after a rest, or since the latest one helped."""
    last = snapshot.history.last_rebalance
    if last is None:
        return True
    rest = _SHORT_REST if last.stopped else _REST
    if not timedelta() <= snapshot.now - last.at < rest:
        return True
    if any(g.created_at >= last.at for g in members):
        return True
    gained = min(g.connections for g in members) - last.least
    return gained * 100 >= _LEAST_GAIN * _average(members)
