"""Which gateway has come in the place of one that is repaired.

No object says so: a ReplicaSet makes pods, and does not tell for which. It is told by age.
"""

from datetime import timedelta

from imchat_operator.core.snapshot import Gateway, Snapshot, Target
from imchat_operator.models import Drain, Phase

# creationTimestamp is cut to the second.
_CUT_OFF = timedelta(seconds=1)


def can_surge(target: Target, gateway: Gateway) -> bool:
    """Return whether another can come before a gateway goes: a ReplicaSet fills a place left empty.

    A StatefulSet does not, as its pods' names are their places.
    """
    return target.kind == "Deployment" and bool(gateway.revision or gateway.released)


def places(snapshot: Snapshot, target: Target) -> int:
    """Return how many gateways can be given back to their ReplicaSet without harm.

    One more would be one too many there, and one with clients would have to go: the least ready
    one is removed, and each of the others is ready, or still holds somebody.
    """
    missed = (g for g in snapshot.fleet if not g.terminating and (g.ready or g.connections > 0))
    return max(0, target.replicas - sum(1 for _ in missed))


def is_replaced(snapshot: Snapshot, gateway: Gateway) -> bool:
    """Whether a gateway was taken out of its ReplicaSet, and no place is left for it there."""
    target = snapshot.target
    return bool(gateway.released) and isinstance(target, Target) and not places(snapshot, target)


def successor(snapshot: Snapshot, drain: Drain, gateway: Gateway) -> Gateway | None:
    """Return who takes connections in place of a gateway that is waited with.

    What was out of its ReplicaSet before its drain began may have been replaced by then.
    """
    found = replacement(snapshot, drain)
    if found is not None or not is_replaced(snapshot, gateway):
        return found
    ready = [g for g in snapshot.fleet if g.ready and not g.terminating]
    return max(ready, key=lambda g: (g.created_at, g.name), default=None)


def replacement(snapshot: Snapshot, drain: Drain) -> Gateway | None:
    """Return the gateway that is there in a drained one's place; each counts for one only."""
    drains = snapshot.history.drains
    waiting = [d for d in drains if d.phase in {Phase.SURGING, Phase.REPLACING} and not d.by_uid]
    order = sorted(waiting, key=lambda d: (d.started_at, d.uid)).index(drain)
    taken = {r.by_uid for r in snapshot.history.remediations}
    taken |= {d.by_uid for d in drains} | {d.uid for d in drains}
    fresh = [
        g
        for g in snapshot.fleet
        if g.ready and not g.terminating and g.uid not in taken and _is_later(g, drain)
    ]
    ranked = sorted(fresh, key=lambda g: (g.created_at, g.name))
    return ranked[order] if order < len(ranked) else None


def _is_later(gateway: Gateway, drain: Drain) -> bool:
    """Whether a gateway came after a drain had begun, by the API server's clock where it is known.

    Creation times are whole seconds. Within the one of the youngest gateway of then, and for a
    record of an older operator, this one's clock decides.
    """
    if drain.youngest_at is None or gateway.created_at == drain.youngest_at:
        return gateway.created_at >= drain.started_at - _CUT_OFF
    return gateway.created_at > drain.youngest_at
