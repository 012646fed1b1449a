"""The workloads by name: what is played (plays.py), and the fleet that it happens to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from faults import plays
from faults.history import Json
from faults.plays import QUICK
from faults.scene import Scene
from harness.manifests import cluster, gateways, stateful_gateways, steady

_CAPACITY = 100
# A gateway that is out of reach when the delay is over is not drained: it must not come to that.
_PROMPT = {**QUICK, "deregisterDelay": "500ms"}
_SLOW = {"connectionsPerSecond": 4, "deregisterDelay": "500ms", "deadline": "60s"}
_HEALING = {
    "unresponsiveFor": "4s",
    "notReadyFor": "2s",
    "recoveredFor": "3s",
    "evictWithin": "8s",
    "restarts": 2,
    "terminatingFor": "2s",
    "stormCooldown": "2s",
}
# A load that a plan interrupts must not count as another load.
_METRICS = {"interval": "500ms", "timeout": "3s", "maxGap": "5m"}
_SET = {"kind": "StatefulSet", "name": "gateway"}
_SCALING = {
    "scaleUp": [{"above": 70, "for": "2s"}],
    "scaleDown": [{"below": 30, "for": "2s"}],
    "cooldown": {"scaleDown": "0s"},
}

Play = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One change, and the fleet that it happens to.

    Attributes:
        users: at the beginning.
        spec: the ImChatCluster.
        play: does it, and returns when it is over.
        is_stateful: whether the gateways are a StatefulSet's.
        most_unavailable: what the gateways' PodDisruptionBudget allows.
        has_own_nodes: whether something happens to a node: else all trials share them.
        optional: changes that are told or not as time has it, with the same end.
    """

    name: str
    replicas: int
    users: int
    spec: Json = field(repr=False)
    play: Play = field(repr=False)
    is_stateful: bool = False
    most_unavailable: int = 1
    has_own_nodes: bool = False
    optional: frozenset[str] = frozenset()

    @property
    def manifests(self) -> list[Json]:
        """The gateways, their PodDisruptionBudget and the ImChatCluster."""
        deployment, budget = gateways(replicas=self.replicas, capacity=_CAPACITY)
        budget["spec"]["maxUnavailable"] = self.most_unavailable
        if self.is_stateful:
            return [
                stateful_gateways(replicas=self.replicas, capacity=_CAPACITY),
                budget,
                self.spec,
            ]
        return [deployment, budget, self.spec]


def _steady(draining: Json | None = None, **spec: Any) -> Json:
    return steady(
        **{"draining": draining or QUICK, "healing": _HEALING, "metrics": _METRICS, **spec}
    )


def _scaled(draining: Json, **spec: Any) -> Json:
    return cluster(draining=draining, healing=_HEALING, metrics=_METRICS, scaling=_SCALING, **spec)


def _interrupted(name: str, play: Play) -> Workload:
    """Return a scale-down by a slow drain, in which something happens."""
    return Workload(
        name=name,
        replicas=4,
        users=200,
        spec=_scaled(_SLOW),
        play=play,
        # It may be over before that: an operator that was away for its time finds it so.
        optional=frozenset({"GatewayDrained"}),
    )


WORKLOADS = {
    w.name: w
    for w in (
        Workload(name="heal", replicas=3, users=90, spec=_steady(), play=plays.heal),
        Workload(
            name="heal-two",
            replicas=5,
            users=150,
            spec=_steady(),
            play=plays.heal_two,
            # The budget allows one; the first one's replacement may come too late for the other.
            optional=frozenset({"GatewayEvicted", "GatewayDeleted"}),
        ),
        Workload(
            name="set",
            replicas=3,
            users=90,
            spec=_steady(targetRef=_SET),
            play=plays.heal,
            is_stateful=True,
        ),
        Workload(
            name="barred",
            replicas=3,
            users=90,
            # Longer than the pods' watch may tell nothing: until it does nobody else is started.
            spec=_steady(healing={**_HEALING, "evictWithin": "30s"}),
            play=plays.heal,
            most_unavailable=0,
        ),
        Workload(
            name="barred-set",
            replicas=3,
            users=90,
            spec=_steady(targetRef=_SET),
            play=plays.heal,
            is_stateful=True,
            most_unavailable=0,
        ),
        Workload(
            name="refused",
            replicas=3,
            users=90,
            spec=_steady(),
            play=plays.ask_in_vain,
            # A load that is not known just then has a replacement come first: then it can't stay.
            optional=frozenset(
                {
                    "GatewayEvicted",
                    "GatewayReplaced",
                    "GatewaySurged",
                    "RemediationFailed",
                    "RemediationVerified",
                }
            ),
        ),
        Workload(
            name="kept", replicas=3, users=90, spec=_steady(), play=plays.keep, most_unavailable=0
        ),
        Workload(name="leave", replicas=3, users=90, spec=_steady(minReplicas=3), play=plays.leave),
        Workload(
            name="leave-late",
            replicas=3,
            users=90,
            spec=_steady(minReplicas=3),
            play=plays.leave_late,
        ),
        Workload(name="storm", replicas=5, users=150, spec=_steady(), play=plays.have_a_storm),
        Workload(
            name="scale-up",
            replicas=2,
            users=80,
            spec=_scaled(QUICK, maxReplicas=3),
            play=plays.scale_up,
            # A load that is not known for a moment stops one, which may have been done by then.
            optional=frozenset({"Rebalanced", "RebalanceStopped", "Rebalancing"}),
        ),
        Workload(
            name="scale-down",
            replicas=4,
            users=200,
            spec=_scaled(QUICK, minReplicas=3),
            play=plays.scale_down,
        ),
        Workload(
            name="node-loss",
            replicas=3,
            users=90,
            spec=_steady(_PROMPT),
            play=plays.lose_a_node,
            has_own_nodes=True,
            # Whether the node is known to be off by the end of the delay: if not, it is tried.
            optional=frozenset({"GatewayDraining"}),
        ),
        _interrupted("by-hand", plays.scale_by_hand),
        _interrupted("autoscaler", plays.have_an_autoscaler),
        _interrupted("window", plays.open_a_window),
        _interrupted("edit", plays.edit_the_spec),
        _interrupted("delete", plays.delete_the_cluster),
        Workload(
            name="delete-late",
            replicas=3,
            users=90,
            spec=_steady(_SLOW, minReplicas=3),
            play=plays.delete_without_a_place,
            # An operator that was away while it drained may have removed it by then.
            optional=frozenset({"GatewayDrained", "GatewayEvicted"}),
        ),
        Workload(
            name="emergency", replicas=3, users=90, spec=_steady(), play=plays.declare_an_emergency
        ),
    )
}
