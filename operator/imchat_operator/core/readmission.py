"""Who takes connections: every gateway that nobody drains."""

from datetime import timedelta

from imchat_operator.core import resizing
from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    SetAccepting,
    SetDeletionCost,
)
from imchat_operator.core.replacement import places
from imchat_operator.core.snapshot import Gateway, Reported, Snapshot, Target

DRAIN_CHECK = timedelta(seconds=1)
"""How often drains under way are looked at."""


def readmission(gateway: Gateway) -> tuple[Action, ...]:
    """Return what has a gateway that nobody drains take connections again, if it does not."""
    reading, actions = gateway.reading, list[Action]()
    if isinstance(reading, Reported) and reading.draining:
        actions.append(CancelDrain(pod=gateway.name, uid=gateway.uid))
    if gateway.accepting is False:
        actions.append(SetAccepting(pod=gateway.name, uid=gateway.uid, accepting=True))
    return tuple(actions)


def readmissions(
    snapshot: Snapshot, drained: frozenset[str], *, at_once: bool = False
) -> tuple[Action, ...]:
    """Return what makes full members of all gateways that nobody drains: new ones, undone ones.

    A released one goes back to its ReplicaSet when it is ready: that has one too many then, and
    takes the least ready away. Where that would be one with clients, it serves on beside it.

    Args:
        snapshot: what is.
        drained: the uids of those under drain.
        at_once: whether released ones go back in any case: nobody looks at them later.
    """
    actions: list[Action] = []
    target = snapshot.target
    free = places(snapshot, target) if isinstance(target, Target) else 0
    for g in sorted(snapshot.gateways, key=lambda g: g.name):
        is_kept = g.quarantine is not None and bool(g.released)
        if g.terminating or g.uid in drained or is_kept:
            continue
        actions.extend(readmission(g))
        if g.released and (at_once or (g.ready and free > 0)):
            actions.append(Adopt(pod=g.name, uid=g.uid, revision=g.released))
            free -= 1
        if g.deletion_cost == resizing.VICTIM_COST:
            actions.append(SetDeletionCost(pod=g.name, uid=g.uid, cost=None))
    return tuple(actions)
