"""The end of an ImChatCluster: every drain is undone, but for those that can only be finished.

A gateway that was taken out of its ReplicaSet and whose place another has can't be given back with
its clients: the ReplicaSet has one too many then, and would remove one of the two at once. It is
drained first, and given back empty, out of rotation and first in its order, so that it is the one.
"""

from imchat_operator.core import pacing
from imchat_operator.core.ailments import Ailment
from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    Decision,
    Reason,
    SetDeletionCost,
    decision_id,
)
from imchat_operator.core.draining import Step, closed, count_text, entered, on_both
from imchat_operator.core.readmission import DRAIN_CHECK, readmissions
from imchat_operator.core.replacement import places
from imchat_operator.core.resizing import VICTIM_COST
from imchat_operator.core.snapshot import Gateway, Silent, Snapshot, Target, Unreadable
from imchat_operator.core.stage import isolation, new_drain
from imchat_operator.core.status import named, promised
from imchat_operator.models import BEFORE_REMOVAL, Drain, Phase, Purpose

_CAUSE = "the ImChatCluster is deleted, and another has its place"


def released(snapshot: Snapshot) -> Decision:
    """Return what is left to do for a cluster that is being deleted; it is over without any."""
    id_ = decision_id(snapshot.cluster.uid, snapshot.now)
    slowed = pacing.pacing(snapshot)
    pace = pacing.pace(snapshot, slowed)
    last = tuple(_finished(snapshot, id_, g, pace) for g in _superfluous(snapshot))
    going_on = tuple(step.drain for step in last if step.drain is not None)
    kept = frozenset(d.uid for d in going_on)
    others = (d for d in snapshot.history.drains if d.uid not in kept)
    untold = tuple(filter(None, (_untold(snapshot, d) for d in others)))
    drains = (*going_on, *untold)
    notices = (
        *(n for step in last for n in step.notices),
        *pacing.pace_notices(snapshot, slowed, going_on),
    )
    told = promised(snapshot, id_, notices)
    status = snapshot.history.model_copy(
        update={"drains": drains, "resize": None, "pacing": slowed, **told.fields}
    )
    return Decision(
        id=id_,
        actions=(
            *(a for step in last for a in step.actions),
            *readmissions(snapshot, frozenset(d.uid for d in drains), at_once=True),
            *(CancelDrain(pod=d.pod, uid=d.uid) for d in untold),
        ),
        status=named(id_, snapshot.history, status),
        next_check=DRAIN_CHECK,
        dropped=told.dropped,
    )


def _superfluous(snapshot: Snapshot) -> tuple[Gateway, ...]:
    """Return those that have no place any more: the ones with the most clients have the first."""
    target = snapshot.target
    if not isinstance(target, Target):
        return ()
    ranked = {d.uid for d in snapshot.history.drains if _is_to_be_removed(snapshot, d)}
    alive = [g for g in snapshot.gateways if not g.terminating]
    outside = [g for g in alive if g.released and g.quarantine is None]
    outside.sort(key=lambda g: (-g.connections, g.name))
    excess = sum(not g.released for g in alive) > target.replicas
    leaving = (g for g in alive if excess and not g.released and g.uid in ranked)
    return (*outside[places(snapshot, target) :], *leaving)


def _is_to_be_removed(snapshot: Snapshot, drain: Drain) -> bool:
    """Whether its ReplicaSet has yet to remove one: a Deployment in a rollout has more for long."""
    waited = snapshot.now - drain.phase_since
    is_ours = drain.phase is Phase.RETURNING and drain.cause == _CAUSE
    return is_ours and waited < snapshot.spec.healing.replace_within


def _finished(snapshot: Snapshot, decision: str, gateway: Gateway, pace: int) -> Step:
    """Return the next step of a gateway that closes its connections, and goes back empty."""
    record = next((d for d in snapshot.history.drains if d.uid == gateway.uid), None)
    if record is None or record.cause != _CAUSE:
        return _begun(snapshot, decision, gateway, record)
    step = Step(drain=record)
    if record.phase in {Phase.ISOLATING, Phase.DRAINING}:
        step = closed(snapshot, record, gateway, pace)
    drain = step.drain or record
    if drain.phase is Phase.REMOVING:
        drain = entered(snapshot, drain, Phase.RETURNING)
    back = _given_back(gateway) if drain.phase is Phase.RETURNING and gateway.released else ()
    return Step(drain=drain, actions=(*step.actions, *back), notices=step.notices)


def _given_back(gateway: Gateway) -> tuple[Action, ...]:
    """Return what has a ReplicaSet remove this one: one without a gate is as ready as the rest."""
    if gateway.deletion_cost != VICTIM_COST:
        return (SetDeletionCost(pod=gateway.name, uid=gateway.uid, cost=VICTIM_COST),)
    return (Adopt(pod=gateway.name, uid=gateway.uid, revision=gateway.released),)


def _begun(snapshot: Snapshot, decision: str, gateway: Gateway, before: Drain | None) -> Step:
    """Begin a drain in place of the one that there may be: what that has closed stays closed."""
    fresh = new_drain(snapshot, decision, gateway, Purpose.HEALING, _CAUSE)
    is_over = before is not None and before.phase not in BEFORE_REMOVAL
    update = {
        "ailment": Ailment.SUPERSEDED.value,
        "phase": Phase.REMOVING if is_over else Phase.ISOLATING,
    }
    drain = fresh.model_copy(update=update)
    held = count_text(gateway.known_connections)
    message = (
        f"{gateway.name} closes its {held} connections before the ImChatCluster is gone: it is "
        "out of its ReplicaSet, where another has its place, and goes back when it is empty"
    )
    notices = on_both(snapshot, drain, Reason.GATEWAY_LEAVING, message)
    return Step(drain=drain, actions=isolation(gateway), notices=notices)


def _untold(snapshot: Snapshot, drain: Drain) -> Drain | None:
    """Return a drain that may go on: its gateway has not agreed to end it.

    Nobody looks at it later, so that its figures do not count here: they may be of before. Who
    can't be asked for as long as a gateway may hang is left alone.
    """
    gateway = next((g for g in snapshot.gateways if g.uid == drain.uid), None)
    if gateway is None or gateway.terminating or drain.phase is Phase.QUARANTINED:
        return None
    is_told = drain.phase not in {Phase.SURGING, Phase.ISOLATING}
    if not is_told and not isinstance(gateway.reading, Silent | Unreadable):
        return None
    has_agreed = any(
        isinstance(o.action, CancelDrain)
        and o.action.uid == drain.uid
        and (not o.refused or o.is_final)
        for o in snapshot.outcomes
    )
    since = drain.silent_since or snapshot.now
    if has_agreed or snapshot.now - since >= snapshot.spec.healing.unresponsive_for:
        return None
    return drain.model_copy(update={"silent_since": since})
