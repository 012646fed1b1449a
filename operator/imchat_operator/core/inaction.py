"""What is decided where nothing can be done: no spec that is understood, or no target to act on."""

from datetime import datetime, timedelta

from imchat_operator.core import upkeep
from imchat_operator.core.decision import Decision, Reason, Verdict, decision_id
from imchat_operator.core.outbox import Outbox, outbox
from imchat_operator.core.snapshot import Cluster, Snapshot
from imchat_operator.core.status import announcements, conditions, named, recorded
from imchat_operator.core.windows import maintenance
from imchat_operator.models import ImChatClusterStatus

_INVALID_CHECK = timedelta(minutes=5)


def invalid(cluster: Cluster, history: ImChatClusterStatus, why: str, now: datetime) -> Decision:
    """Do nothing about a spec that can't be understood, and say why; what is under way waits."""
    id_ = decision_id(cluster.uid, now)
    verdict = Verdict(type="Ready", status="False", reason=Reason.SPEC_INVALID, message=why)
    states = conditions(history.conditions, (verdict,), cluster.generation, now)
    announced = announcements(cluster.subject, history.conditions, states)
    before = Outbox(events=history.pending_events, series=history.event_series)
    told = outbox(before, id_, announced, now)
    generation = {"observed_generation": cluster.generation}
    status = history.model_copy(update={"conditions": states, **generation, **told.fields})
    return Decision(
        id=id_,
        actions=(),
        status=named(id_, history, status),
        next_check=_INVALID_CHECK,
        dropped=told.dropped,
    )


def claimed(snapshot: Snapshot, by: str) -> Decision:
    """Leave the target to the older ImChatCluster `by`, which acts on it."""
    ref = snapshot.spec.target_ref
    why = (
        f"spec.targetRef: {ref.kind} {ref.name} is what ImChatCluster {by} acts on, which is "
        "older; this one does nothing until that one is gone or either names another workload"
    )
    return without_target(snapshot, Reason.TARGET_CLAIMED, why)


def without_target(snapshot: Snapshot, reason: Reason, why: str) -> Decision:
    """Wait for the target; drains under way have lost their pods, or the older one undoes them."""
    found = maintenance(snapshot.windows, snapshot.cluster.labels, snapshot.now)
    waits = "waits for the target"
    verdicts = (
        Verdict(type="Ready", status="False", reason=reason, message=why),
        *(
            Verdict(type=kind, status="Unknown", reason=Reason.WAITING, message=waits)
            for kind in ("MetricsAvailable", "Scaling", "Healing")
        ),
        upkeep.maintenance_verdict(found),
    )
    after = ImChatClusterStatus(
        observed_generation=snapshot.cluster.generation,
        observed_at=snapshot.now,
        peaks=snapshot.history.peaks,  # what took a season to learn
        window=upkeep.shown(found),
        deferrals=snapshot.history.deferrals,
        repairs_begun=snapshot.history.repairs_begun,
        remediations=snapshot.history.remediations,
    )
    id_ = decision_id(snapshot.cluster.uid, snapshot.now)
    status, dropped = recorded(snapshot, id_, after, verdicts, ())
    wait = snapshot.spec.metrics.interval
    return Decision(id=id_, actions=(), status=status, next_check=wait, dropped=dropped)
