"""Who scales and heals: the operator by three policies, the HPA by two, each in its own namespace.

The HPA's subjects have nobody but Kubernetes to heal them. The pods differ in nothing but the
readiness gate, which nobody would set without the operator.
"""

from dataclasses import dataclass
from typing import Any

from harness.manifests import Manifest, gateways, plain_cluster
from hpa_conformance.manifests import rules
from imchat_operator.simulation.hpa_model import ScalingPolicy, ScalingRules
from loopback_node.registration import PREFIX_LABEL
from peers_bench.setting import CAPACITY, LEAST, MOST, SPEED, scaled, scaled_seconds

METRIC = "connections"
TARGET = 70
"""Percent, the HPA's."""
_NONE, _HANDBOOKS_DOWN = 0.0, 0.571
"""Tolerances: `below 30` is 70 % less 57.1 % of it."""
_DEFAULT_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One of those that are compared.

    Attributes:
        name: also that of its namespace and the prefix of its nodes.
        title: for the tables.
        scaler: its ImChatCluster or HorizontalPodAutoscaler.
    """

    name: str
    title: str
    scaler: Manifest

    @property
    def is_ours(self) -> bool:
        """Whether the operator looks after it."""
        return bool(self.scaler["kind"] == "ImChatCluster")

    def manifests(self, replicas: int) -> list[Manifest]:
        """Its gateways; its scaler comes once they are ready."""
        deployment, budget = gateways(
            replicas=replicas, capacity=CAPACITY, GATEWAY_GRACE_SECONDS=str(scaled_seconds(30))
        )
        pod = deployment["spec"]["template"]["spec"]
        pod["nodeSelector"] = {PREFIX_LABEL: self.name}
        pod["terminationGracePeriodSeconds"] = scaled_seconds(30)
        pod["tolerations"] = [
            {
                "key": f"node.kubernetes.io/{key}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": scaled_seconds(300),
            }
            for key in ("not-ready", "unreachable")
        ]
        # Else gateways that are not ready, on the node that died, keep each other.
        budget["spec"]["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
        if not self.is_ours:
            del pod["readinessGates"]
        return [deployment, budget]


def _cluster(**scaling: Any) -> Manifest:
    """An ImChatCluster whose durations are the defaults, scaled."""
    return plain_cluster(
        minReplicas=LEAST,
        maxReplicas=MOST,
        # An answer takes as long as the machine needs: a timeout is not scaled.
        metrics={"interval": scaled(15), "timeout": "1s", "maxAge": scaled(60)},
        scaling={
            "cooldown": {"scaleDown": scaled(300)},
            "rebalance": {"mode": "Off"},
            **scaling,
        },
        draining={
            # The default is 100 a second for gateways of 10,000: 1 % of one.
            "connectionsPerSecond": CAPACITY * SPEED // 100,
            "deregisterDelay": scaled(10),
            "deadline": scaled(600),
        },
        healing=_healing(),
    )


def _healing() -> Manifest:
    durations = {
        "restartSpan": 1200,
        "unresponsiveFor": 30,
        "notReadyFor": 120,
        "zombieFor": 120,
        "pendingFor": 300,
        "failedFor": 60,
        "terminatingFor": 60,
        "stormCooldown": 120,
        "recoveredFor": 60,
        "backoff": 60,
        "evictWithin": 60,
        "replaceWithin": 300,
    }
    # An hour of the trace is two minutes; the budget by the hour can't be scaled, and is not tried.
    return {**{name: scaled(each) for name, each in durations.items()}, "maxPerHour": 120}


def _autoscaler(up: ScalingRules, down: ScalingRules) -> Manifest:
    """An HPA on the mean connections of a gateway."""
    average = {"type": "AverageValue", "averageValue": str(CAPACITY * TARGET // 100)}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "gateway"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"},
            "minReplicas": LEAST,
            "maxReplicas": MOST,
            "metrics": [{"type": "Pods", "pods": {"metric": {"name": METRIC}, "target": average}}],
            "behavior": {"scaleUp": rules(up), "scaleDown": rules(down)},
        },
    }


# The API's defaults for both directions; 15 s is half a second here, and a second is the least.
_PERIOD = scaled_seconds(15)
_PERCENT = ScalingPolicy(type="Percent", value=100, period_seconds=_PERIOD)
_PODS = ScalingPolicy(type="Pods", value=4, period_seconds=_PERIOD)


def _up(stabilization: int, tolerance: float) -> ScalingRules:
    return ScalingRules(
        stabilization_seconds=stabilization,
        select="Max",
        tolerance=tolerance,
        policies=(_PODS, _PERCENT),
    )


def _down(stabilization: int, tolerance: float) -> ScalingRules:
    return ScalingRules(
        stabilization_seconds=stabilization,
        select="Max",
        tolerance=tolerance,
        policies=(_PERCENT,),
    )


SUBJECTS = (
    Subject(
        name="operator",
        title="operator, fast lane",
        scaler=_cluster(
            scaleUp=[{"above": 80, "for": "0s"}],
            scaleDown=[{"below": 55, "for": scaled(300)}],
            target=65,
        ),
    ),
    Subject(
        name="operator-even",
        title="operator, the HPA's thresholds",
        # 70 % and a tenth more or less, no headroom: nobody is ahead by what it may spend.
        scaler=_cluster(
            scaleUp=[{"above": 77, "for": "0s"}],
            scaleDown=[{"below": 63, "for": scaled(300)}],
            target=TARGET,
            failureHeadroom=0,
        ),
    ),
    Subject(
        name="hpa",
        title="HPA 70 %, defaults",
        scaler=_autoscaler(
            _up(0, _DEFAULT_TOLERANCE), _down(scaled_seconds(300), _DEFAULT_TOLERANCE)
        ),
    ),
    Subject(
        name="operator-handbook",
        title="operator, defaults (the handbook)",
        scaler=_cluster(
            scaleUp=[{"above": 70, "for": scaled(900)}],
            scaleDown=[{"below": 30, "for": scaled(3600)}],
        ),
    ),
    Subject(
        name="hpa-handbook",
        title="HPA 70 %, the handbook's windows",
        scaler=_autoscaler(
            _up(scaled_seconds(900), _NONE), _down(scaled_seconds(3600), _HANDBOOKS_DOWN)
        ),
    ),
)
