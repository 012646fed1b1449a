"""decide(): one Snapshot in, one Decision out.

Windows come before the storm gate, before healing, before scaling; all draw on one disruption
budget: while any gateway is ill or being repaired no scale-down begins, and a scale-down's victims
never exceed what the load can spare after one more loss (`scaling.desired_size`).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from imchat_operator.core import draining, healing, remediation, resizing, scaling, sizing
from imchat_operator.core.decision import (
    Action,
    CancelDrain,
    Decision,
    Notice,
    Reason,
    Scale,
    SetAccepting,
    SetDeletionCost,
    Subject,
    Verdict,
    decision_id,
)
from imchat_operator.core.snapshot import Cluster, Reported, Snapshot, Target, TargetMissing
from imchat_operator.core.stage import Facts, Part
from imchat_operator.core.status import announcements, conditions, pending_events, worth_writing
from imchat_operator.core.windows import Maintenance, maintenance
from imchat_operator.models import MOST_PENDING, MOST_SUSPECTS, ImChatClusterStatus, Phase
from imchat_operator.units import duration_text

# How often drains under way are looked at; and how soon after a window's boundary.
_DRAIN_CHECK = timedelta(seconds=1)
_BOUNDARY_MARGIN = timedelta(milliseconds=50)
_INVALID_CHECK = timedelta(minutes=5)


def decide(snapshot: Snapshot) -> Decision:
    """Return what to do about a cluster now, and why; the only policy there is."""
    if isinstance(snapshot.target, TargetMissing):
        return _without_target(snapshot, snapshot.target)
    drained = frozenset(d.uid for d in snapshot.history.drains)
    load = scaling.utilization(snapshot.gateways, drained)
    facts = Facts(
        id=decision_id(snapshot.cluster.uid, snapshot.now),
        snapshot=snapshot,
        target=snapshot.target,
        maintenance=maintenance(snapshot.windows, snapshot.cluster.labels, snapshot.now),
        load=load,
        running=scaling.streaks(
            snapshot.spec,
            snapshot.target.replicas,
            snapshot.history.streaks,
            load,
            snapshot.sampled_at,
        ),
        ill=healing.patients(snapshot, drained),
        drains=(),
    )
    steps = _drain_steps(snapshot, snapshot.target)
    progress = resizing.advance(
        snapshot,
        snapshot.target,
        tuple(step.drain for step in steps if step.drain is not None),
        load,
        facts.maintenance,
    )
    facts = replace(
        facts, drains=progress.drains, running=() if progress.finished else facts.running
    )
    repairs = remediation.repaired(facts)
    facts = replace(facts, drains=repairs.drains)
    size = sizing.sized(facts, progress)
    facts = replace(facts, drains=size.drains)
    actions = (
        *(a for step in steps for a in step.actions if _concerns(a, facts.drained)),
        *progress.actions,
        *repairs.actions,
        *size.actions,
        *_readmissions(snapshot, facts.drained),
    )
    notices = (
        *(n for step in steps for n in step.notices),
        *progress.notices,
        *repairs.notices,
        *size.notices,
        *_interruptions(facts),
    )
    status = _status(facts, repairs, size, notices)
    return Decision(id=facts.id, actions=actions, status=status, next_check=_next_check(facts))


def _drain_steps(snapshot: Snapshot, target: Target) -> tuple[draining.Step, ...]:
    drains = snapshot.history.drains
    closing = sum(d.phase in {Phase.ISOLATING, Phase.DRAINING} for d in drains)
    pace = max(1, snapshot.spec.draining.connections_per_second // max(1, closing))
    by_uid = {g.uid: g for g in snapshot.gateways}
    return tuple(draining.advance(snapshot, target, d, by_uid.get(d.uid), pace) for d in drains)


def _concerns(action: Action, drained: frozenset[str]) -> bool:
    """Whether an action of a drain's step still stands: the drain may have been undone since."""
    return isinstance(action, Scale) or action.uid in drained


def _readmissions(snapshot: Snapshot, drained: frozenset[str]) -> tuple[Action, ...]:
    """Return what makes full members of all gateways that nobody drains: new ones, undone ones."""
    actions: list[Action] = []
    for g in sorted(snapshot.gateways, key=lambda g: g.name):
        if g.terminating or g.uid in drained:
            continue
        if isinstance(g.reading, Reported) and g.reading.draining:
            actions.append(CancelDrain(pod=g.name, uid=g.uid))
        if g.accepting is False:
            actions.append(SetAccepting(pod=g.name, uid=g.uid, accepting=True))
        if g.deletion_cost == resizing.VICTIM_COST:
            actions.append(SetDeletionCost(pod=g.name, uid=g.uid, cost=None))
    return tuple(actions)


def _interruptions(facts: Facts) -> tuple[Notice, ...]:
    gap = scaling.max_gap(facts.snapshot.spec.metrics)
    lost = [s for s in facts.snapshot.history.streaks if facts.snapshot.sampled_at - s.last > gap]
    return tuple(
        Notice(
            subject=_subject(facts.snapshot),
            reason=Reason.STREAK_INTERRUPTED,
            message=f"{s.rule}: no sample for more than {duration_text(gap)}, counting anew",
        )
        for s in lost
    )


def _subject(snapshot: Snapshot) -> Subject:
    return Subject(kind="ImChatCluster", name=snapshot.cluster.name, uid=snapshot.cluster.uid)


def _ready(facts: Facts, ready: int) -> Verdict:
    expected = facts.target.replicas
    enough = ready >= min(expected, facts.snapshot.spec.min_replicas)
    return Verdict(
        type="Ready",
        status="True" if enough else "False",
        reason=Reason.FLEET_READY if enough else Reason.GATEWAYS_NOT_READY,
        message=f"{ready} of {expected} gateways take connections",
    )


def _metrics(facts: Facts) -> Verdict:
    kind = "MetricsAvailable"
    if isinstance(facts.load, scaling.Unknown):
        why = facts.load.why
        return Verdict(type=kind, status="False", reason=Reason.METRICS_UNAVAILABLE, message=why)
    message = "the gateways report their connections"
    return Verdict(type=kind, status="True", reason=Reason.METRICS_AVAILABLE, message=message)


def maintenance_verdict(found: Maintenance) -> Verdict:
    """Return the condition that tells which window holds a cluster."""
    kind = "MaintenanceActive"
    if found.holds:
        message = f"{found.until}: healing and scaling down wait, scaling up does not"
        return Verdict(type=kind, status="True", reason=Reason.WINDOW_OPEN, message=message)
    change = found.next_change
    message = f"the next window opens at {change:%Y-%m-%d %H:%M} UTC" if change else "no window"
    return Verdict(type=kind, status="False", reason=Reason.WINDOW_CLOSED, message=message)


def _status(
    facts: Facts, repairs: Part, size: Part, notices: tuple[Notice, ...]
) -> ImChatClusterStatus:
    snapshot = facts.snapshot
    ready = len(scaling.rotation(snapshot.gateways, facts.drained))
    verdicts = (
        _ready(facts, ready),
        _metrics(facts),
        size.verdict,
        repairs.verdict,
        maintenance_verdict(facts.maintenance),
    )
    begun = {d.uid for d in facts.drains}
    after = ImChatClusterStatus(
        observed_generation=snapshot.cluster.generation,
        observed_at=snapshot.now,
        replicas=facts.target.replicas,
        ready_replicas=ready,
        desired_replicas=size.resize.to if size.resize else facts.target.replicas,
        streaks=facts.running,
        suspects=tuple(p.suspect for p in facts.ill if p.gateway.uid not in begun)[:MOST_SUSPECTS],
        drains=facts.drains,
        resize=size.resize,
    )
    return _recorded(snapshot, facts.id, after, verdicts, notices)


def _recorded(
    snapshot: Snapshot,
    id_: str,
    after: ImChatClusterStatus,
    verdicts: tuple[Verdict, ...],
    notices: tuple[Notice, ...],
) -> ImChatClusterStatus:
    """Add the conditions, and the Events to post, to a new status."""
    before = snapshot.history
    states = conditions(before.conditions, verdicts, snapshot.cluster.generation, snapshot.now)
    told = announcements(_subject(snapshot), before.conditions, states)
    events = (
        *(e for e in before.pending_events if e.name not in snapshot.posted),
        *pending_events(id_, (*told, *notices), snapshot.now),
    )
    after = after.model_copy(
        update={"conditions": states, "pending_events": events[-MOST_PENDING:]}
    )
    return worth_writing(snapshot, after)


def released(snapshot: Snapshot) -> Decision:
    """Undo every drain, for a cluster that is being deleted; no action means that it is done."""
    status = snapshot.history.model_copy(update={"drains": (), "resize": None})
    return Decision(
        id=decision_id(snapshot.cluster.uid, snapshot.now),
        actions=_readmissions(snapshot, frozenset()),
        status=status,
        next_check=_DRAIN_CHECK,
    )


def invalid(cluster: Cluster, history: ImChatClusterStatus, why: str, now: datetime) -> Decision:
    """Do nothing about a spec that can't be understood, and say so; what is under way waits."""
    id_ = decision_id(cluster.uid, now)
    verdict = Verdict(
        type="Ready", status="False", reason=Reason.SPEC_INVALID, message=f"spec: {why}"
    )
    states = conditions(history.conditions, (verdict,), cluster.generation, now)
    subject = Subject(kind="ImChatCluster", name=cluster.name, uid=cluster.uid)
    told = announcements(subject, history.conditions, states)
    status = history.model_copy(
        update={
            "conditions": states,
            "observed_generation": cluster.generation,
            "pending_events": (*history.pending_events, *pending_events(id_, told, now)),
        }
    )
    return Decision(id=id_, actions=(), status=status, next_check=_INVALID_CHECK)


def _without_target(snapshot: Snapshot, missing: TargetMissing) -> Decision:
    """Wait for the target; drains under way have lost their pods with it."""
    found = maintenance(snapshot.windows, snapshot.cluster.labels, snapshot.now)
    waits = "waits for the target"
    verdicts = (
        Verdict(type="Ready", status="False", reason=Reason.TARGET_NOT_FOUND, message=missing.why),
        *(
            Verdict(type=kind, status="Unknown", reason=Reason.WAITING, message=waits)
            for kind in ("MetricsAvailable", "Scaling", "Healing")
        ),
        maintenance_verdict(found),
    )
    after = ImChatClusterStatus(
        observed_generation=snapshot.cluster.generation, observed_at=snapshot.now
    )
    id_ = decision_id(snapshot.cluster.uid, snapshot.now)
    status = _recorded(snapshot, id_, after, verdicts, ())
    return Decision(id=id_, actions=(), status=status, next_check=snapshot.spec.metrics.interval)


def _next_check(facts: Facts) -> timedelta:
    wait = facts.snapshot.spec.metrics.interval
    if facts.drains or facts.ill:
        wait = min(wait, _DRAIN_CHECK)
    change = facts.maintenance.next_change
    if change is not None:
        wait = min(wait, change - facts.snapshot.now + _BOUNDARY_MARGIN)
    return max(wait, _BOUNDARY_MARGIN)
