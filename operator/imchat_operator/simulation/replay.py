"""Replay of a load: the policy that the operator runs, and the HPA's, over a model of a fleet.

Ours is `core.planner.decide`, pass by pass, as the operator calls it: when the decision asks to be
called again, and when a gateway has started. Its status is all that goes from one pass to the next.
The HPA looks every 15 s, and knows no drain and no readiness gate; its samples are as fresh as
ours. Both see what the gateways hold; clients that all gateways refused show in none of it.

A trace has its steps at full minutes. Looks at the same moments would see each at once, which no
operator does, so the first look comes half an interval after the begin.

No pass is left out and nothing is drawn by lot: the same arguments give the same run.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from imchat_operator.core.decision import Outcome
from imchat_operator.core.load import donors
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import (
    Cluster,
    Gateway,
    Node,
    NotAsked,
    Reported,
    Snapshot,
    Target,
    Window,
)
from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus
from imchat_operator.simulation import hpa
from imchat_operator.simulation.fleet import Conditions, Fleet, Pod
from imchat_operator.simulation.playback import Load, Playback, Run

# kube-controller-manager's default of --horizontal-pod-autoscaler-sync-period.
_SYNC = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator would read from the API server."""

    cluster: Cluster
    spec: ImChatClusterSpec
    windows: tuple[Window, ...] = ()

    def sampled_every(self, interval: timedelta) -> "Policy":
        """Return the same policy with another `metrics.interval`."""
        metrics = self.spec.metrics.model_copy(update={"interval": interval})
        return replace(self, spec=self.spec.model_copy(update={"metrics": metrics}))


def replayed(load: Load, policy: Policy, conditions: Conditions) -> Run:
    """Return what the operator would have made of a load."""
    spec = policy.spec
    bounds = range(spec.min_replicas, spec.max_replicas + 1)
    playback = Playback.of(load, conditions, bounds, spec.scaling.target)
    fleet, status = playback.fleet, ImChatClusterStatus()
    outcomes: tuple[Outcome, ...] = ()
    playback.play(spec.metrics.interval / 2, until_ready=True)
    while not playback.is_over:
        decision = decide(_snapshot(fleet, policy, status, outcomes))
        outcomes = tuple(fleet.perform(action) for action in decision.actions)
        status = decision.status
        playback.shedding = donors(status.drains)
        playback.play(decision.next_check, until_ready=True)
    return playback.run()


def replayed_by_hpa(load: Load, spec: hpa.HpaSpec, conditions: Conditions) -> Run:
    """Return what a HorizontalPodAutoscaler would have made of a load.

    Args:
        load: the load.
        spec: the HPA's; its target is in thousandths of a connection.
        conditions: the fleet's; its pods have no readiness gate, whatever these say.
    """
    bounds = range(spec.min_replicas, spec.max_replicas + 1)
    target = max(1, spec.average_value // (conditions.capacity * 10))
    playback = Playback.of(load, replace(conditions, has_gate=False), bounds, target)
    fleet, state = playback.fleet, hpa.HpaState()
    playback.play(_SYNC / 2, until_ready=False)
    while not playback.is_over:
        pods = tuple(_metric(pod) for pod in fleet.pods)
        state, decision = hpa.step(spec, state, fleet.now, fleet.replicas, pods)
        if decision.replicas != fleet.replicas:
            fleet.scale(decision.replicas)
        playback.play(_SYNC, until_ready=False)
    return playback.run()


def _metric(pod: Pod) -> hpa.PodMetric:
    return hpa.PodMetric(
        name=pod.name,
        is_ready=pod.is_ready,
        is_pending=not pod.is_up,
        value=pod.connections * 1000 if pod.is_up else None,
    )


def _snapshot(
    fleet: Fleet, policy: Policy, status: ImChatClusterStatus, outcomes: tuple[Outcome, ...]
) -> Snapshot:
    """Return what the operator would observe."""
    return Snapshot(
        now=fleet.now,
        sampled_at=fleet.now,
        cluster=policy.cluster,
        spec=policy.spec,
        history=status,
        target=Target(
            kind=fleet.conditions.kind,
            name=policy.spec.target_ref.name,
            replicas=fleet.replicas,
            resource_version=str(fleet.version),
        ),
        gateways=tuple(_gateway(pod, fleet.conditions.capacity) for pod in fleet.pods),
        windows=policy.windows,
        outcomes=outcomes,
        posted=frozenset(event.receipt for event in status.pending_events),
    )


def _gateway(pod: Pod, capacity: int) -> Gateway:
    is_draining = pod.closing is not None
    return Gateway(
        name=pod.name,
        uid=pod.uid,
        node=Node(name="node"),
        created_at=pod.created,
        pending=not pod.is_up,
        running=pod.is_up,
        containers_ready=pod.is_up,
        ready=pod.is_ready,
        accepting=pod.accepting,
        terminating=False,
        restarts=0,
        waiting="",
        deletion_cost=pod.cost,
        reading=Reported(connections=pod.connections, capacity=capacity, draining=is_draining)
        if pod.is_up
        else NotAsked(),
    )
