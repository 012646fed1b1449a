"""A change of size, from its record in status to the last connection handed over.

Up is one call. Down is: drain every victim (draining.py), rank the victims for deletion, see the
ranking in the cache, then shrink by exactly their number, then see that it was they who left.
Until the shrink it can be undone: the drains' records are dropped, and the rule that any gateway
without a record takes connections brings its victims back.
"""

from dataclasses import dataclass

from imchat_operator.core.decision import (
    Action,
    Notice,
    Reason,
    Scale,
    SetDeletionCost,
    Subject,
)
from imchat_operator.core.scaling import Unknown, Utilization, is_too_much_for, max_gap
from imchat_operator.core.snapshot import Gateway, Snapshot, Target
from imchat_operator.core.windows import Maintenance
from imchat_operator.models import Drain, Phase, Purpose, Resize

# What kube-controller-manager ranks victims by, among pods that are equally (un)ready.
VICTIM_COST = -1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What becomes of a change of size in one pass; `resize` is None once it is over."""

    resize: Resize | None
    drains: tuple[Drain, ...]
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    finished: bool = False


def advance(
    snapshot: Snapshot,
    target: Target,
    drains: tuple[Drain, ...],
    load: Utilization | Unknown,
    maintenance: Maintenance,
) -> Progress:
    """Return the next step of the change of size that the status records, if there is one."""
    resize = snapshot.history.resize
    if resize is None:
        return Progress(resize=None, drains=drains)
    if target.replicas not in {resize.from_, resize.to}:
        why = f"somebody else set {target.replicas} replicas meanwhile, which is left as it is"
        return _given_up(snapshot, resize, drains, Reason.RESIZE_OVERTAKEN, why)
    if resize.to > resize.from_:
        return _growing(snapshot, target, resize, drains)
    if target.replicas == resize.to:
        return _leaving(snapshot, resize, drains)
    objection = _objection(snapshot, resize, drains, load, maintenance)
    if objection:
        return _given_up(snapshot, resize, drains, Reason.SCALE_DOWN_UNDONE, objection)
    return _shrinking(snapshot, target, resize, drains)


def resize_notice(snapshot: Snapshot, resize: Resize, reason: Reason, message: str) -> Notice:
    """Return an Event about a change of size."""
    warning = reason in {Reason.WRONG_VICTIM, Reason.RESIZE_OVERTAKEN}
    cluster = snapshot.cluster
    return Notice(
        subject=Subject(kind="ImChatCluster", name=cluster.name, uid=cluster.uid),
        reason=reason,
        message=f"{resize.from_} → {resize.to} gateways: {message}",
        type="Warning" if warning else "Normal",
    )


def _victims(drains: tuple[Drain, ...]) -> tuple[Drain, ...]:
    return tuple(d for d in drains if d.purpose is Purpose.SCALE_DOWN)


def _others(drains: tuple[Drain, ...]) -> tuple[Drain, ...]:
    return tuple(d for d in drains if d.purpose is not Purpose.SCALE_DOWN)


def _growing(
    snapshot: Snapshot, target: Target, resize: Resize, drains: tuple[Drain, ...]
) -> Progress:
    if target.replicas == resize.to:
        return Progress(resize=None, drains=drains, finished=True)
    if snapshot.now - resize.at > max_gap(snapshot.spec.metrics):
        # Decided too long ago (the operator was away): judge by today's load instead.
        return Progress(resize=None, drains=drains)
    return Progress(resize=resize, drains=drains, actions=(_scale(target, resize),))


def _scale(target: Target, resize: Resize) -> Scale:
    return Scale(from_=resize.from_, to=resize.to, resource_version=target.resource_version)


def _objection(
    snapshot: Snapshot,
    resize: Resize,
    drains: tuple[Drain, ...],
    load: Utilization | Unknown,
    maintenance: Maintenance,
) -> str:
    """Return why a scale-down should not go on, or nothing."""
    if maintenance.holds:
        return f"undone, {maintenance.until}"
    if len(_victims(drains)) != resize.from_ - resize.to:
        return "undone, a gateway that was to leave was deleted by somebody else"
    if isinstance(load, Utilization) and is_too_much_for(load, resize.to, snapshot.spec):
        return f"undone, the load is back ({load.connections} connections)"
    if resize.to < snapshot.spec.min_replicas:
        return f"undone, minReplicas is {snapshot.spec.min_replicas} now"
    return ""


def _given_up(
    snapshot: Snapshot, resize: Resize, drains: tuple[Drain, ...], reason: Reason, why: str
) -> Progress:
    return Progress(
        resize=None,
        drains=_others(drains),
        notices=(resize_notice(snapshot, resize, reason, why),),
        finished=True,
    )


def _shrinking(
    snapshot: Snapshot, target: Target, resize: Resize, drains: tuple[Drain, ...]
) -> Progress:
    by_uid = {g.uid: g for g in snapshot.gateways}
    leaving = [by_uid[d.uid] for d in _victims(drains) if d.uid in by_uid]
    if target.kind != "StatefulSet":
        unranked = tuple(
            SetDeletionCost(pod=g.name, uid=g.uid, cost=VICTIM_COST)
            for g in leaving
            if g.deletion_cost != VICTIM_COST
        )
        if unranked:
            return Progress(resize=resize, drains=drains, actions=unranked)
    if any(d.phase is not Phase.REMOVING for d in _victims(drains)) or _has_pending(
        snapshot.gateways
    ):
        return Progress(resize=resize, drains=drains)
    return Progress(resize=resize, drains=drains, actions=(_scale(target, resize),))


def _has_pending(gateways: tuple[Gateway, ...]) -> bool:
    """Whether a pod waits for a node: the ReplicaSet would remove that one before any victim."""
    return any(g.pending and not g.terminating for g in gateways)


def _leaving(snapshot: Snapshot, resize: Resize, drains: tuple[Drain, ...]) -> Progress:
    staying = {g.uid: g.name for g in snapshot.gateways if not g.terminating}
    spared = [d.pod for d in _victims(drains) if d.uid in staying]
    if spared and len(staying) > resize.to:
        return Progress(resize=resize, drains=drains)
    names = ", ".join(d.pod for d in _victims(drains))
    notices = [
        resize_notice(
            snapshot, resize, Reason.SCALED_DOWN, f"{names} drained and removed; {resize.cause}"
        )
    ]
    if spared:
        why = f"{', '.join(spared)} was drained, but another gateway was removed in its place"
        notices = [resize_notice(snapshot, resize, Reason.WRONG_VICTIM, why)]
    return Progress(resize=None, drains=_others(drains), notices=tuple(notices), finished=True)
