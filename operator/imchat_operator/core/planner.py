"""decide(): one Snapshot in, one Decision out.

Windows come before the storm gate, before healing, before scaling; all draw on one disruption
budget: while any gateway is ill or being repaired no scale-down begins, and a scale-down's victims
never exceed what the load can spare after one more loss (`scaling.desired_size`).
"""

from dataclasses import replace
from datetime import timedelta

from imchat_operator.core import (
    consent,
    draining,
    explanation,
    floors,
    healing,
    inaction,
    pacing,
    permissions,
    rebalancing,
    remediation,
    repairing,
    resizing,
    scaling,
    sizing,
    upkeep,
)
from imchat_operator.core.decision import (
    Action,
    Decision,
    Notice,
    Reason,
    Scale,
    decision_id,
)
from imchat_operator.core.load import highest, utilizations
from imchat_operator.core.ownership import ownership
from imchat_operator.core.readmission import DRAIN_CHECK, readmissions
from imchat_operator.core.snapshot import (
    Gateway,
    Snapshot,
    Target,
    TargetClaimed,
    TargetMissing,
)
from imchat_operator.core.stage import Facts, Part
from imchat_operator.core.status import recorded
from imchat_operator.core.verdicts import fallback_notices, verdicts
from imchat_operator.core.windows import maintenance
from imchat_operator.models import (
    MOST_REMEDIATIONS,
    Direction,
    Drain,
    ImChatClusterStatus,
    Pacing,
    Purpose,
    Streak,
)
from imchat_operator.units import duration_text

# How soon after a window's boundary it is looked at.
_BOUNDARY_MARGIN = timedelta(milliseconds=50)


def decide(snapshot: Snapshot) -> Decision:
    """Return what to do about a cluster now, and why; the only policy there is."""
    match snapshot.target:
        case TargetMissing(why=why):
            return inaction.without_target(snapshot, Reason.TARGET_NOT_FOUND, why)
        case TargetClaimed(by=by):
            return inaction.claimed(snapshot, by)
        case Target() as target:
            return _decided(snapshot, target)


def _decided(snapshot: Snapshot, target: Target) -> Decision:
    facts = _facts(snapshot, target)
    slowed = pacing.pacing(snapshot)
    steps = _drain_steps(facts, pacing.pace(snapshot, slowed))
    going_on = tuple(step.drain for step in steps if step.drain is not None)
    progress = resizing.advance(snapshot, target, going_on, facts.load, permissions.holds(facts))
    facts = replace(facts, drains=progress.drains, running=_going_on(facts, progress))
    repairs = remediation.repaired(facts)
    facts = facts.after(repairs.drains)
    size = sizing.sized(facts, progress)
    how = explanation.explained(facts, size)
    facts = facts.after(size.drains)
    shares = rebalancing.rebalanced(facts)
    facts = facts.after(shares.drains)
    stages = (repairs, size, shares)
    actions = (
        *(a for step in steps for a in step.actions if _concerns(a, facts.drained)),
        *progress.actions,
        *(a for stage in stages for a in stage.actions),
        *readmissions(snapshot, facts.drained),
    )
    notices = (
        *(n for step in steps for n in step.notices),
        *progress.notices,
        *(n for stage in stages for n in stage.notices),
        *facts.owner.notices,
        *pacing.pace_notices(snapshot, slowed, facts.drains),
        *_interruptions(facts),
        *fallback_notices(facts),
        *upkeep.closing_notices(facts),
    )
    found = (*verdicts(facts), *upkeep.verdicts(facts), *size.verdicts, *repairs.verdicts)
    held = frozenset(a for stage in stages for a in stage.held)
    records = {**upkeep.records(facts, held), **_healing_status(repairs, steps)}
    records |= {"sizing": how, "last_rebalance": shares.last}
    after = _status(facts, size, slowed, progress.changed).model_copy(update=records)
    status, dropped = recorded(snapshot, facts.id, after, found, notices)
    return Decision(
        id=facts.id,
        actions=actions,
        status=status,
        next_check=_next_check(facts),
        dropped=dropped,
    )


def _going_on(facts: Facts, progress: resizing.Progress) -> tuple[Streak, ...]:
    """Return the streaks that outlive this pass: of growth those for more growth do, no others.

    The size wanted follows from the load, not from the size, so that a load that stays high
    asks for no more than it needs.
    """
    if not progress.finished and not facts.owner.changed:
        return facts.running
    if progress.changed is not Direction.UP or facts.owner.changed:
        return ()
    growing = {scaling.rule_text(rule) for rule in facts.snapshot.spec.scaling.scale_up}
    return tuple(s for s in facts.running if s.rule in growing)


def _facts(snapshot: Snapshot, target: Target) -> Facts:
    loads = utilizations(snapshot)
    load = highest(loads)
    blind = floors.blindness(snapshot, load)
    history = snapshot.history
    labels = snapshot.cluster.labels
    windows = maintenance(snapshot.windows, labels, snapshot.now, history.deferrals)
    restarts = healing.restarts(snapshot)
    found = healing.patients(snapshot, frozenset(d.uid for d in history.drains), restarts)
    health = healing.health(snapshot, target, found)
    return Facts(
        id=decision_id(snapshot.cluster.uid, snapshot.now),
        snapshot=snapshot,
        target=target,
        maintenance=windows,
        owner=ownership(snapshot, target),
        loads=loads,
        load=load,
        blindness=blind,
        floor=floors.floor(snapshot, blind, windows),
        running=scaling.streaks(
            snapshot.spec, target.replicas, history.streaks, load, snapshot.sampled_at
        ),
        restarts=restarts,
        patients=found,
        health=health,
        storm=consent.storm(snapshot, health, found),
        drains=history.drains,
    )


def _drain_steps(facts: Facts, pace: int) -> tuple[draining.Step, ...]:
    by_uid = {g.uid: g for g in facts.snapshot.gateways}
    return tuple(_drain_step(facts, d, by_uid.get(d.uid), pace) for d in facts.drains)


def _drain_step(facts: Facts, drain: Drain, gateway: Gateway | None, pace: int) -> draining.Step:
    match drain.purpose:
        case Purpose.REBALANCE:
            return rebalancing.advance(facts.snapshot, drain, gateway, pace)
        case Purpose.SCALE_DOWN:
            return draining.advance(facts.snapshot, facts.target, drain, gateway, pace)
        case Purpose.HEALING | Purpose.QUARANTINE:
            return repairing.advance(facts.snapshot, drain, gateway, pace)


def _concerns(action: Action, drained: frozenset[str]) -> bool:
    """Whether an action of a drain's step still stands: the drain may have been undone since."""
    return isinstance(action, Scale) or action.uid in drained


def _interruptions(facts: Facts) -> tuple[Notice, ...]:
    snapshot = facts.snapshot
    gap = scaling.max_gap(snapshot.spec.metrics)
    lost = [s for s in snapshot.history.streaks if snapshot.sampled_at - s.last > gap]
    return tuple(
        snapshot.cluster.notice(
            Reason.STREAK_INTERRUPTED,
            f"{s.rule}: no sample that tells for more than {duration_text(gap)}, counting anew",
            about=s.rule,
        )
        for s in lost
    )


def _status(
    facts: Facts, size: Part, slowed: Pacing | None, changed: Direction | None
) -> ImChatClusterStatus:
    snapshot = facts.snapshot
    wanted = size.resize or size.recommendation
    return ImChatClusterStatus(
        observed_generation=snapshot.cluster.generation,
        observed_at=snapshot.now,
        replicas=facts.target.replicas,
        ready_replicas=len(facts.members),
        desired_replicas=wanted.to if wanted else facts.target.replicas,
        streaks=facts.running,
        restarts=facts.restarts,
        storm=facts.storm,
        drains=facts.drains,
        resize=size.resize,
        last_resizes=permissions.last_resizes(snapshot, changed),
        recommendation=size.recommendation,
        conflict=facts.owner.conflict,
        pacing=slowed,
        blindness=facts.blindness,
        peaks=floors.peaks(snapshot, facts.load),
    )


def _healing_status(
    repairs: remediation.Repairs, steps: tuple[draining.Step, ...]
) -> dict[str, object]:
    """Return what the healing stage remembers, by its fields of the status."""
    ended = (step.remediation for step in steps if step.remediation is not None)
    return {
        "suspects": repairs.suspects,
        "repairs_begun": repairs.begun,
        "remediations": (*repairs.remediations, *ended)[-MOST_REMEDIATIONS:],
    }


def _next_check(facts: Facts) -> timedelta:
    wait = facts.snapshot.spec.metrics.interval
    if facts.moving or facts.patients or facts.storm is not None:
        wait = min(wait, DRAIN_CHECK)
    change = facts.maintenance.next_change
    for moment in (change, floors.next_event(facts.snapshot)):
        if moment is not None:
            wait = min(wait, moment - facts.snapshot.now + _BOUNDARY_MARGIN)
    return max(wait, _BOUNDARY_MARGIN)
