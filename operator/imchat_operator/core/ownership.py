"""Who else sets the replicas, and whether that is left to win.

- An autoscaler of the same target (an HPA, KEDA's ScaledObject through its HPA) wins while it is
  there.
- A person's change (`kubectl scale`) is the new base: told once, streaks begin anew.
- Any other manager's change (a GitOps tool, a controller) is a conflict. It is left to win until a
  person scales, the ImChatCluster's spec changes, or that manager no longer owns the field.
"""

from dataclasses import dataclass

from imchat_operator.core.decision import Notice, Reason, Scale
from imchat_operator.core.snapshot import Snapshot, Target
from imchat_operator.models import Conflict

OURSELVES = "imchat-operator"
_PEOPLE = "kubectl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who owns the replica count now.

    Attributes:
        rival: who wins and what to do about it, in words; empty while the size is ours to change.
        conflict: the record of a manager that wins.
        changed: whether somebody else has just changed the replicas.
    """

    rival: str = ""
    conflict: Conflict | None = None
    changed: bool = False
    notices: tuple[Notice, ...] = ()


def ownership(snapshot: Snapshot, target: Target) -> Ownership:
    """Return who owns the target's replica count."""
    change = _change(snapshot, target)
    conflict = _conflict(snapshot, target, changed=change is not None)
    rival = ""
    if snapshot.autoscalers:
        rival = f"{', '.join(snapshot.autoscalers)} scales {target.kind} {target.name} too"
        rival += " and is left to win; healing goes on; delete it to have this policy scale"
    elif conflict is not None:
        rival = (
            f"{conflict.manager} set {conflict.replicas} replicas and is left to win; have it "
            "leave spec.replicas alone, then `kubectl scale` or change this object's spec"
        )
    is_person = conflict is None and not snapshot.autoscalers
    told = (snapshot.cluster.notice(Reason.REPLICAS_CHANGED, change),) if change else ()
    return Ownership(
        rival=rival,
        conflict=conflict,
        changed=change is not None,
        notices=told if is_person else (),
    )


def _change(snapshot: Snapshot, target: Target) -> str | None:
    """Return what somebody else did to the replicas since the last pass; None if nothing."""
    before, resize = snapshot.history.replicas, snapshot.history.resize
    who = target.manager or "somebody else"
    if before is None or target.manager == OURSELVES:
        return None
    if resize is not None and is_reverted(snapshot, target):
        return f"{who} changed {resize.to} back to {target.replicas} replicas"
    ours = {before} | ({resize.from_, resize.to} if resize else set())
    if target.replicas in ours:
        return None
    return f"{who} changed {before} to {target.replicas} replicas, which is the new base"


def is_reverted(snapshot: Snapshot, target: Target) -> bool:
    """Return whether the change of size under way was made, and then undone by somebody else."""
    resize = snapshot.history.resize
    if resize is None or target.replicas != resize.from_:
        return False
    made = (o.action for o in snapshot.outcomes if not o.refused)
    return any(isinstance(action, Scale) and action.to == resize.to for action in made)


def _conflict(snapshot: Snapshot, target: Target, *, changed: bool) -> Conflict | None:
    if snapshot.autoscalers:
        return None  # they win as long as they are there, and leave no trace
    if target.manager.startswith(_PEOPLE) or target.manager == OURSELVES:
        return None
    if changed and target.manager:
        return Conflict(
            manager=target.manager[:256],
            replicas=target.replicas,
            since=snapshot.now,
            generation=snapshot.cluster.generation,
        )
    before = snapshot.history.conflict
    still_stands = (
        before is not None
        and before.manager == target.manager[:256]
        and before.generation == snapshot.cluster.generation
    )
    return before if still_stands else None
