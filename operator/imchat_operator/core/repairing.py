"""The ladder of a repair: each step has a deadline, an Event, and a next step if it does not help.

    Surging ─▶ Isolating ─▶ Draining ─▶ Removing ─▶ Deleting ─▶ Replacing ─▶ (over)
                                 └─▶ Quarantined

- *Surging*, only where the others could not do without the gateway: out of rotation and out of its
  ReplicaSet, which starts another at once. It is waited for.
- *Isolating*, *Draining*: as every drain (draining.py).
- *Removing*: evicted, which a PodDisruptionBudget may refuse for a while, or for ever. In the place
  of what is ill a Deployment's ReplicaSet starts another meanwhile.
- *Deleting*: what is ill, and was refused for too long. Its place is empty anyway.
- *Replacing*: until another gateway takes connections in its place.
- *Quarantined*: instead of a removal, for as long as the annotation says.

Whatever was done to a gateway that is well is undone when its cause is gone before it is removed.
Giving up is dropping the record: the gateway is readmitted like any that nobody drains. One whose
place another has is never given up: its ReplicaSet would remove one of the two, with its clients.
It stays out of rotation, and is asked for until it may go.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from imchat_operator.core.ailments import Ailment, Treatment, treatment
from imchat_operator.core.decision import Delete, Evict, Notice, Outcome, Reason
from imchat_operator.core.draining import (
    Step,
    closed,
    entered,
    is_out_of_reach,
    listened,
    on_both,
    out_of_reach,
    seconds_text,
)
from imchat_operator.core.replacement import can_surge, is_replaced, replacement, successor
from imchat_operator.core.snapshot import Gateway, Node, Reported, Snapshot, Target
from imchat_operator.core.stage import isolation, release
from imchat_operator.models import BEFORE_REMOVAL, Drain, Phase, Purpose, Remediation
from imchat_operator.units import duration_text


def advance(snapshot: Snapshot, drain: Drain, gateway: Gateway | None, pace: int) -> Step:
    """Return the next step of one repair, or of one way into quarantine.

    Args:
        snapshot: what is.
        drain: the record of the repair.
        gateway: the pod, or None if it is gone.
        pace: connections per second that this gateway may close.
    """
    if drain.phase is Phase.REPLACING:
        return _replacing(snapshot, drain)
    if gateway is None or gateway.terminating:
        return _gone(snapshot, drain)
    may_stay = drain.phase in BEFORE_REMOVAL and not _has_lost_its_place(snapshot, drain, gateway)
    if may_stay and _is_needless(drain, gateway):
        return _undone(snapshot, drain)
    return _advanced(snapshot, drain, gateway, pace)


def _advanced(snapshot: Snapshot, drain: Drain, gateway: Gateway, pace: int) -> Step:
    match drain.phase:
        case Phase.SURGING:
            return _surging(snapshot, drain, gateway)
        case Phase.REMOVING:
            return _removing(snapshot, drain, gateway)
        case Phase.DELETING:
            return _deleting(snapshot, drain, gateway)
        case Phase.QUARANTINED:
            return _quarantined(snapshot, drain, gateway)
        case _:
            step = closed(snapshot, drain, gateway, pace)
            is_kept = drain.purpose is Purpose.QUARANTINE
            return _kept(snapshot, step, gateway) if is_kept else step


def _has_lost_its_place(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> bool:
    """Whether its ReplicaSet would remove one of the two if it stayed, as another has its place."""
    return bool(drain.by_uid) or is_replaced(snapshot, gateway)


_IS_OVER: Mapping[str, Callable[[Gateway, Node], bool]] = {
    Ailment.DRAIN_REQUESTED: lambda gateway, _: not gateway.drain_requested,
    Ailment.QUARANTINE_REQUESTED: lambda gateway, _: gateway.quarantine is None,
    Ailment.NODE_LEAVING: lambda _, node: node.exists and not (node.leaving or node.cordoned),
    Ailment.NODE_NOT_READY: lambda _, node: node.ready,
    Ailment.NODE_PRESSURE: lambda _, node: not node.pressures,
    Ailment.SUPERSEDED: lambda *_: True,  # asked for where it has its place again
}


def _is_needless(drain: Drain, gateway: Gateway) -> bool:
    """Whether a gateway that is well need not leave any more: its cause has gone."""
    is_over, node = _IS_OVER.get(drain.ailment), gateway.node
    is_well = isinstance(gateway.reading, Reported)
    return is_over is not None and is_well and node is not None and is_over(gateway, node)


def _undone(snapshot: Snapshot, drain: Drain) -> Step:
    message = f"{drain.pod} stays, and takes connections again: its cause is gone ({drain.cause})"
    return Step(drain=None, notices=on_both(snapshot, drain, Reason.REMEDIATION_UNDONE, message))


def _surging(snapshot: Snapshot, before: Drain, gateway: Gateway) -> Step:
    drain = listened(snapshot, before, gateway)
    if drain.purpose is Purpose.HEALING and is_out_of_reach(snapshot, drain, gateway):
        return out_of_reach(snapshot, drain, gateway)
    next_drain = entered(snapshot, drain, Phase.ISOLATING)
    next_drain = next_drain.model_copy(update={"phase_since": drain.phase_since})
    other = successor(snapshot, before, gateway)
    if other is not None:
        message = f"{other.name} takes connections in place of {drain.pod}, which can leave now"
        return Step(
            drain=next_drain.model_copy(update={"by": other.name, "by_uid": other.uid}),
            actions=isolation(gateway),
            notices=on_both(snapshot, drain, Reason.GATEWAY_SURGED, message),
        )
    limit = snapshot.spec.healing.replace_within
    if snapshot.now - drain.phase_since >= limit:
        tried = f"a replacement first (not ready within {duration_text(limit)})"
        if _has_choice(drain, gateway):
            return _given_up(snapshot, _with_tried(drain, tried), "it stays and serves on")
        return Step(drain=_with_tried(next_drain, tried), actions=isolation(gateway))
    return Step(drain=drain, actions=(*isolation(gateway), *release(gateway)))


def _has_choice(drain: Drain, gateway: Gateway) -> bool:
    """Whether it is better to leave a gateway where it is than to move it into too little room."""
    is_leaving = gateway.node is not None and bool(gateway.node.leaving)
    return treatment(drain.ailment) is Treatment.EVACUATE and not is_leaving


def _with_tried(drain: Drain, what: str) -> Drain:
    return drain.model_copy(update={"tried": (*drain.tried, what[:256])[-8:]})


def _removing(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    evict = Evict(pod=gateway.name, uid=gateway.uid, resource_version=gateway.resource_version)
    step = _asked(snapshot, drain, evict)
    blocked, now = step.drain or drain, snapshot.now
    is_well = treatment(drain.ailment) is Treatment.EVACUATE
    spec = snapshot.spec
    limit = spec.draining.deadline if is_well else spec.healing.evict_within
    answer = _refusal(snapshot, drain)
    is_late = now - blocked.phase_since >= limit
    if answer is None:
        return step
    if not (is_late or answer.is_final):
        return step if is_well else _with_another(snapshot, step, gateway)
    lasted = f"for {duration_text(limit)}" if is_late else "for good"
    tried = _with_tried(blocked, f"eviction (refused {lasted}: {blocked.blocked})")
    if not is_well:
        return Step(drain=entered(snapshot, tried, Phase.DELETING), notices=step.notices)
    if _has_lost_its_place(snapshot, drain, gateway):
        return step
    given_up = _given_up(snapshot, tried, "a gateway that is well is not deleted past a budget")
    return Step(
        drain=None,
        notices=(*step.notices, *given_up.notices),
        remediation=given_up.remediation,
    )


def _with_another(snapshot: Snapshot, step: Step, gateway: Gateway) -> Step:
    """Have another started in the place of what is ill: with it the budget may allow the eviction.

    One that allows nothing does then, and one that counts two that died together, too.
    """
    target = snapshot.target
    if not (isinstance(target, Target) and can_surge(target, gateway)):
        return step
    return replace(step, actions=(*step.actions, *release(gateway)))


def _deleting(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    delete = Delete(pod=gateway.name, uid=gateway.uid, resource_version=gateway.resource_version)
    step = _asked(snapshot, drain, delete)
    blocked = step.drain or drain
    is_late = snapshot.now - blocked.phase_since >= snapshot.spec.healing.evict_within
    is_kept = _has_lost_its_place(snapshot, drain, gateway)
    if is_late and not is_kept and _refusal(snapshot, drain) is not None:
        tried = _with_tried(blocked, f"deletion (refused: {blocked.blocked})")
        return _given_up(snapshot, tried, "delete the pod by hand")
    return step


def _answer(snapshot: Snapshot, drain: Drain) -> Outcome | None:
    """Return what became of the removal that was asked for in the pass before."""
    found = (
        o
        for o in snapshot.outcomes
        if isinstance(o.action, Evict | Delete) and o.action.uid == drain.uid
    )
    return next(found, None)


def _refusal(snapshot: Snapshot, drain: Drain) -> Outcome | None:
    """Return the refusal that stands now: not one of long ago, nor that nobody answered."""
    answer = _answer(snapshot, drain)
    return answer if answer is not None and answer.refused and _is_told(answer) else None


def _is_told(answer: Outcome) -> bool:
    return not (answer.is_stale or answer.is_unanswered)


def _asked(snapshot: Snapshot, drain: Drain, action: Evict | Delete) -> Step:
    """Ask for a removal, again after each refusal: how often is the shell's to know (act.py).

    How long it is refused counts from the first refusal: not while the API server is away.
    """
    answer = _answer(snapshot, drain)
    is_told = answer is not None and _is_told(answer)
    blocked = answer.refused[:512] if answer is not None and is_told else drain.blocked
    notices: tuple[Notice, ...] = ()
    since = drain.phase_since
    if blocked and not drain.blocked:
        since = snapshot.now
        verb = "evicted" if isinstance(action, Evict) else "deleted"
        message = f"{drain.pod} can't be {verb} yet: {blocked}"
        notices = on_both(snapshot, drain, Reason.EVICTION_BLOCKED, message, "Warning")
    record = drain.model_copy(update={"blocked": blocked, "phase_since": since})
    return Step(drain=record, actions=(action,), notices=notices)


def _gone(snapshot: Snapshot, drain: Drain) -> Step:
    """The pod leaves: as decided, or because somebody else deleted it."""
    if drain.purpose is Purpose.QUARANTINE:
        message = f"{drain.pod} has left quarantine"
        return Step(drain=None, notices=on_both(snapshot, drain, Reason.GATEWAY_GONE, message))
    if drain.ailment == Ailment.FAILED:
        message = f"{drain.pod} is removed, {drain.cause}"
        return Step(drain=None, notices=on_both(snapshot, drain, Reason.GATEWAY_DELETED, message))
    reason, by = Reason.GATEWAY_EVICTED, ""
    if drain.phase is Phase.DELETING:
        reason, by = Reason.GATEWAY_DELETED, f", deleted after {'; '.join(drain.tried)}"
    message = f"{drain.pod} leaves{by}, its replacement is awaited"
    if drain.by:
        message = f"{drain.pod} leaves{by}, {drain.by} has its place"
    return Step(
        drain=entered(snapshot, drain, Phase.REPLACING),
        notices=on_both(snapshot, drain, reason, message),
    )


def _replacing(snapshot: Snapshot, drain: Drain) -> Step:
    first = [g for g in snapshot.fleet if g.uid == drain.by_uid and g.ready]
    other = first[0] if first else None
    if other is None:
        seeking = drain.model_copy(update={"by": "", "by_uid": ""})
        if seeking != drain:
            return Step(drain=seeking)
        other = replacement(snapshot, drain)
    if other is not None:
        return _replaced(snapshot, drain, other)
    limit = snapshot.spec.healing.replace_within
    if snapshot.now - drain.phase_since < limit:
        return Step(drain=drain)
    tried = _with_tried(drain, f"a replacement (none is ready {duration_text(limit)} later)")
    return _given_up(snapshot, tried, "see the target's own Events")


def _replaced(snapshot: Snapshot, drain: Drain, other: Gateway) -> Step:
    took = seconds_text(snapshot.now - drain.suspected_at)
    noticed = seconds_text(drain.started_at - drain.suspected_at)
    message = (
        f"{drain.pod} is replaced by {other.name}: ready {took} after the first "
        f"sign of trouble, which was acted upon after {noticed}"
    )
    return Step(
        drain=None,
        notices=on_both(snapshot, drain, Reason.GATEWAY_REPLACED, message),
        remediation=_record(snapshot, drain, "Replaced", other),
    )


def _given_up(snapshot: Snapshot, drain: Drain, advice: str) -> Step:
    tried = "; ".join(drain.tried)
    message = f"{drain.pod} ({drain.cause}): tried {tried}. {advice[:1].upper()}{advice[1:]}"
    return Step(
        drain=None,
        notices=on_both(snapshot, drain, Reason.REMEDIATION_FAILED, message, "Warning"),
        remediation=_record(snapshot, drain, "Failed", None),
    )


def _record(
    snapshot: Snapshot,
    drain: Drain,
    outcome: Literal["Replaced", "Failed"],
    other: Gateway | None,
) -> Remediation:
    return Remediation(
        pod=drain.pod,
        uid=drain.uid,
        ailment=drain.ailment,
        failed_at=drain.suspected_at,
        detected_at=drain.started_at,
        ended_at=snapshot.now,
        outcome=outcome,
        by=other.name if other else "",
        by_uid=other.uid if other else "",
        attempt=drain.attempt,
        cut=drain.cut,
    )


def _kept(snapshot: Snapshot, step: Step, gateway: Gateway) -> Step:
    """Return a drain's step, with quarantine in place of the removal."""
    drain = step.drain
    if drain is None or drain.phase is not Phase.REMOVING:
        return step
    count = " and out of the count" if gateway.released else ", still counted by its target"
    message = f"{drain.pod} is kept for forensics, out of rotation{count}: {drain.cause}"
    return Step(
        drain=entered(snapshot, drain, Phase.QUARANTINED),
        actions=step.actions,
        notices=(
            *step.notices,
            *on_both(snapshot, drain, Reason.GATEWAY_QUARANTINED, message),
        ),
    )


def _quarantined(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Step:
    if gateway.quarantine is None:
        return Step(drain=entered(snapshot, drain, Phase.REMOVING))
    return Step(drain=drain, actions=isolation(gateway))
