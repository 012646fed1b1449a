"""The objects of a case: pods, a target, and its autoscaler.

The target is a ReplicaSet that no controller looks after: what counts is its scale subresource.
"""

from typing import Any

from hpa_conformance.cases import PODS, Case, PodState
from imchat_operator.simulation.hpa import ScalingRules

Manifest = dict[str, Any]

_TARGET = {"apiVersion": "apps/v1", "kind": "ReplicaSet"}
_FINALIZER = "imchat.dev/conformance"
_CONTAINERS = {"containers": [{"name": "gateway", "image": "none"}]}


def pod_name(slot: int, pod: int) -> str:
    """The name of one of `PODS` in a slot."""
    return f"slot-{slot}-{pod}"


def pod(slot: int, number: int) -> Manifest:
    """One of `PODS`, with its name as a label; to stay terminating takes a finalizer."""
    name = pod_name(slot, number)
    metadata: Manifest = {"name": name, "labels": {"pod": name}}
    if PODS[number] is PodState.TERMINATING:
        metadata["finalizers"] = [_FINALIZER]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _CONTAINERS}


def pod_status(state: PodState) -> Manifest:
    """The status of a pod in a state."""
    phase = {PodState.PENDING: "Pending", PodState.FAILED: "Failed"}.get(state, "Running")
    ready = "True" if state in {PodState.READY, PodState.TERMINATING} else "False"
    return {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}


def target(case: Case, name: str, slot: int) -> Manifest:
    """The target of a case; without pods it selects one that does not exist."""
    names = [pod_name(slot, pod) for pod in case.pods] or ["none"]
    template = {"metadata": {"labels": {"pod": names[0]}}, "spec": _CONTAINERS}
    chosen = {"matchExpressions": [{"key": "pod", "operator": "In", "values": names}]}
    return {
        **_TARGET,
        "metadata": {"name": name},
        "spec": {"replicas": case.replicas, "selector": chosen, "template": template},
    }


def autoscaler(case: Case, name: str) -> Manifest:
    """The autoscaler of a case; its metric has its name, so that the source of figures knows it."""
    spec = case.spec
    metric = {
        "metric": {"name": name},
        "target": {"type": "AverageValue", "averageValue": f"{spec.average_value}m"},
    }
    manifest: Manifest = {
        "scaleTargetRef": {**_TARGET, "name": name},
        "minReplicas": spec.min_replicas,
        "maxReplicas": spec.max_replicas,
        "metrics": [{"type": "Pods", "pods": metric}],
    }
    if spec.has_behavior:
        manifest["behavior"] = {
            "scaleUp": rules(spec.scale_up),
            "scaleDown": rules(spec.scale_down),
        }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": manifest,
    }


def rules(rules: ScalingRules) -> Manifest:
    """One direction of a `behavior`."""
    return {
        "stabilizationWindowSeconds": rules.stabilization_seconds,
        "selectPolicy": rules.select,
        "tolerance": f"{round(rules.tolerance * 1000)}m",
        "policies": [
            {"type": p.type, "value": p.value, "periodSeconds": p.period_seconds}
            for p in rules.policies
        ],
    }
