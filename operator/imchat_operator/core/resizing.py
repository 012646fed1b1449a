"""A change of size, from its record in status to the last connection handed over.

Up is one call. Down is: drain every victim (draining.py), rank the victims for deletion, see the
ranking in the cache, then shrink by exactly their number, then see that it was they who left.
Until the shrink it can be undone: the drains' records are dropped, and the rule that any gateway
without a record takes connections brings its victims back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imchat_operator.core.decision import (
    Action,
    Notice,
    Reason,
    Scale,
    SetDeletionCost,
)
from imchat_operator.core.load import Load, Unknown, Utilization
from imchat_operator.core.ownership import is_reverted
from imchat_operator.core.scaling import Floor, amount_text, is_too_much_for, max_gap
from imchat_operator.core.snapshot import Gateway, Snapshot, Target
from imchat_operator.models import (
    Direction,
    Drain,
    ImChatClusterSpec,
    Phase,
    Purpose,
    Resize,
)
from imchat_operator.units import duration_text

# What kube-controller-manager ranks victims by, among pods that are equally (un)ready.
VICTIM_COST = -1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What stands in the way of a change of size.

    Attributes:
        up: why the size must not go up, in words; empty where it may.
        down: the same for down.
        waits: whether drained victims have to wait, as one that should stay looks ill.
        floor: the smallest size.
    """

    up: str
    down: str
    floor: Floor
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What becomes of a change of size in one pass; `resize` is None once it is over."""

    resize: Resize | None
    drains: tuple[Drain, ...]
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    finished: bool = False
    changed: Direction | None = None


def advance(
    snapshot: Snapshot, target: Target, drains: tuple[Drain, ...], load: Load, holds: Holds
) -> Progress:
    """Return the next step of the change of size that the status records, if there is one."""
    resize = snapshot.history.resize
    if resize is None:
        return Progress(resize=None, drains=_others(drains))
    if _is_overtaken(snapshot, target, resize, drains):
        why = f"somebody else set {target.replicas} replicas meanwhile, which is left as it is"
        return _given_up(snapshot, resize, drains, Reason.RESIZE_OVERTAKEN, why)
    if resize.to > resize.from_:
        return _growing(snapshot, target, resize, drains, holds)
    if target.replicas == resize.to:
        return _leaving(snapshot, resize, drains)
    objection = _objection(snapshot, resize, drains, load, holds)
    if objection:
        return _given_up(snapshot, resize, drains, Reason.SCALE_DOWN_UNDONE, objection)
    step = _shrinking(snapshot, target, resize, drains, load)
    return replace(step, actions=_before_the_shrink(step)) if holds.waits else step


def _before_the_shrink(step: Progress) -> tuple[Action, ...]:
    return tuple(a for a in step.actions if not isinstance(a, Scale))


def _is_overtaken(
    snapshot: Snapshot, target: Target, resize: Resize, drains: tuple[Drain, ...]
) -> bool:
    """Whether somebody else set the replicas: to another number, too early, or back."""
    is_early = target.replicas == resize.to < resize.from_ and not _is_drained(resize, drains)
    is_other = target.replicas not in {resize.from_, resize.to}
    return is_other or is_early or is_reverted(snapshot, target)


def resize_notice(snapshot: Snapshot, resize: Resize, reason: Reason, message: str) -> Notice:
    """Return an Event about a change of size."""
    return snapshot.cluster.notice(
        reason,
        f"{resize.from_} → {resize.to} gateways: {message}",
        warning=reason in {Reason.WRONG_VICTIM, Reason.RESIZE_OVERTAKEN},
    )


def _victims(drains: tuple[Drain, ...]) -> tuple[Drain, ...]:
    return tuple(d for d in drains if d.purpose is Purpose.SCALE_DOWN)


def _others(drains: tuple[Drain, ...]) -> tuple[Drain, ...]:
    return tuple(d for d in drains if d.purpose is not Purpose.SCALE_DOWN)


def _growing(
    snapshot: Snapshot, target: Target, resize: Resize, drains: tuple[Drain, ...], holds: Holds
) -> Progress:
    if target.replicas == resize.to:
        return Progress(resize=None, drains=drains, finished=True, changed=Direction.UP)
    if holds.up:
        return Progress(resize=None, drains=drains)
    is_old = snapshot.now - resize.at > max_gap(snapshot.spec.metrics)
    if is_old or resize.to > snapshot.spec.max_replicas:
        # Decided too long ago (the operator was away) or under another spec: judge anew.
        return Progress(resize=None, drains=drains)
    return Progress(resize=resize, drains=drains, actions=(_scale(target, resize),))


def _scale(target: Target, resize: Resize) -> Scale:
    return Scale(from_=resize.from_, to=resize.to, resource_version=target.resource_version)


def _objection(
    snapshot: Snapshot, resize: Resize, drains: tuple[Drain, ...], load: Load, holds: Holds
) -> str:
    """Return why a scale-down should not go on, or nothing."""
    if holds.down:
        return f"undone, {holds.down}"
    if len(_victims(drains)) != resize.from_ - resize.to:
        return "undone, a gateway that was to leave was deleted by somebody else"
    if isinstance(load, Utilization) and is_too_much_for(load.load, load, resize.to, snapshot.spec):
        return f"undone, the load is back ({amount_text(load.load)} {load.unit})"
    if resize.to < holds.floor.replicas:
        return f"undone, {holds.floor.why} now"
    return _obstacle(snapshot, resize, drains, load)


def _obstacle(snapshot: Snapshot, resize: Resize, drains: tuple[Drain, ...], load: Load) -> str:
    """Return what has kept drained victims from leaving for too long, or nothing."""
    limit = snapshot.spec.draining.deadline
    if not _is_drained(resize, drains):
        return ""
    if snapshot.now - max(d.phase_since for d in _victims(drains)) < limit:
        return ""
    if _may_be_too_much(load, resize, snapshot.spec):
        return f"undone, the load is not known well enough for {duration_text(limit)}"
    uids = {d.uid for d in drains}
    first = [g.name for g in snapshot.fleet if g.uid not in uids and (g.pending or not g.ready)]
    names = ", ".join(sorted(first))
    lasted = duration_text(limit)
    return f"undone, {names} is not ready for {lasted} and would leave instead" if first else ""


def _is_drained(resize: Resize, drains: tuple[Drain, ...]) -> bool:
    """Whether all victims are known to be ready to leave."""
    leaving = [d for d in _victims(drains) if d.phase is Phase.REMOVING]
    return len(leaving) == resize.from_ - resize.to


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
    snapshot: Snapshot,
    target: Target,
    resize: Resize,
    drains: tuple[Drain, ...],
    load: Load,
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
        staying = [g for g in snapshot.fleet if g not in leaving and not g.terminating]
        if _goes_first(staying, leaving):
            return Progress(resize=resize, drains=drains)
    if not _is_drained(resize, drains) or _may_be_too_much(load, resize, snapshot.spec):
        return Progress(resize=resize, drains=drains)
    return Progress(resize=resize, drains=drains, actions=(_scale(target, resize),))


def _may_be_too_much(load: Load, resize: Resize, spec: ImChatClusterSpec) -> bool:
    """Whether what is not known of the load could be more than those that stay can carry."""
    if isinstance(load, Unknown):
        return True
    signals = (load, *load.others)
    return any(is_too_much_for(one.most, one, resize.to, spec) for one in signals)


def _goes_first(staying: Sequence[Gateway], leaving: Sequence[Gateway]) -> bool:
    """Whether the ReplicaSet would remove a gateway that is to stay before the victims.

    It takes pending pods first, then those that are not ready, and only then asks for the cost.
    """
    a_victim_is_ready = any(g.ready for g in leaving)
    return any(g.pending or (a_victim_is_ready and not g.ready) for g in staying)


def _leaving(snapshot: Snapshot, resize: Resize, drains: tuple[Drain, ...]) -> Progress:
    staying = {g.uid: g.name for g in snapshot.fleet if not g.terminating}
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
    return Progress(
        resize=None,
        drains=_others(drains),
        notices=tuple(notices),
        finished=True,
        changed=Direction.DOWN,
    )
