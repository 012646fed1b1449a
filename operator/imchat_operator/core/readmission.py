"""Who takes connections: whom nobody drains, and at the end of an ImChatCluster all gateways."""

from datetime import timedelta

from imchat_operator.core import resizing
from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    Decision,
    SetAccepting,
    SetDeletionCost,
    decision_id,
)
from imchat_operator.core.replacement import is_replaced
from imchat_operator.core.snapshot import Gateway, Reported, Silent, Snapshot, Unreadable
from imchat_operator.core.status import named
from imchat_operator.models import Drain, Phase

DRAIN_CHECK = timedelta(seconds=1)
"""How often drains under way are looked at."""


def readmission(
    snapshot: Snapshot, gateway: Gateway, *, at_once: bool = False
) -> tuple[Action, ...]:
    """Return what makes a full member of a gateway again, if it is none.

    A released one goes back to its ReplicaSet when it is ready: that has one too many then, and
    takes the least ready away. Where that would be one with clients, it serves on beside it.

    Args:
        snapshot: what is.
        gateway: one that nobody drains.
        at_once: whether it goes back in any case: nobody looks at it later.
    """
    reading, actions = gateway.reading, list[Action]()
    is_welcome = gateway.ready and not is_replaced(snapshot, gateway)
    if isinstance(reading, Reported) and reading.draining:
        actions.append(CancelDrain(pod=gateway.name, uid=gateway.uid))
    if gateway.accepting is False:
        actions.append(SetAccepting(pod=gateway.name, uid=gateway.uid, accepting=True))
    if gateway.released and (is_welcome or at_once):
        actions.append(Adopt(pod=gateway.name, uid=gateway.uid, revision=gateway.released))
    return tuple(actions)


def readmissions(
    snapshot: Snapshot, drained: frozenset[str], *, at_once: bool = False
) -> tuple[Action, ...]:
    """Return what makes full members of all gateways that nobody drains: new ones, undone ones."""
    actions: list[Action] = []
    for g in sorted(snapshot.gateways, key=lambda g: g.name):
        is_kept = g.quarantine is not None and bool(g.released)
        if g.terminating or g.uid in drained or is_kept:
            continue
        actions.extend(readmission(snapshot, g, at_once=at_once))
        if g.deletion_cost == resizing.VICTIM_COST:
            actions.append(SetDeletionCost(pod=g.name, uid=g.uid, cost=None))
    return tuple(actions)


def released(snapshot: Snapshot) -> Decision:
    """Undo every drain, for a cluster that is being deleted; no action means that it is done."""
    id_ = decision_id(snapshot.cluster.uid, snapshot.now)
    untold = tuple(filter(None, (_untold(snapshot, d) for d in snapshot.history.drains)))
    status = snapshot.history.model_copy(update={"drains": untold, "resize": None})
    return Decision(
        id=id_,
        actions=(
            *readmissions(snapshot, frozenset(d.uid for d in untold), at_once=True),
            *(CancelDrain(pod=d.pod, uid=d.uid) for d in untold),
        ),
        status=named(id_, snapshot.history, status),
        next_check=DRAIN_CHECK,
    )


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
