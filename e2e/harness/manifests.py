"""The objects of the suites and the demo, as plain dicts."""

from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[2]
CRDS = _ROOT / "crds"
SAMPLES = CRDS / "samples"
POLICIES = _ROOT / "policies"
_GATEWAY = _ROOT / "e2e" / "manifests" / "gateway.yaml"
# What a gateway requests, in thousandths of a core and MiB.
CPU_MILLIS, MEMORY_MEBIBYTES = 200, 100


def loaded(path: Path) -> list[Manifest]:
    """Return the documents of a YAML file."""
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


def gateways(*, replicas: int = 3, capacity: int = 500, **environment: str) -> list[Manifest]:
    """Return the reference gateway's Deployment and PodDisruptionBudget.

    Args:
        replicas: how many gateways.
        capacity: client connections that one accepts.
        environment: further variables of the gateway process.
    """
    deployment, budget = loaded(_GATEWAY)
    deployment["spec"]["replicas"] = replicas
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    requests = {"cpu": f"{CPU_MILLIS}m", "memory": f"{MEMORY_MEBIBYTES}Mi"}
    container["resources"] = {"requests": requests}
    variables = container["env"]
    for variable in variables:
        if variable["name"] == "GATEWAY_MAX_CONNECTIONS":
            variable["value"] = str(capacity)
    variables.extend({"name": name, "value": value} for name, value in environment.items())
    return [deployment, budget]


def stateful_gateways(*, replicas: int = 3, capacity: int = 500) -> Manifest:
    """Return the reference gateway as a StatefulSet whose pods start at the same time."""
    deployment, _ = gateways(replicas=replicas, capacity=capacity)
    own = {"serviceName": "gateway", "podManagementPolicy": "Parallel"}
    return {**deployment, "kind": "StatefulSet", "spec": {**deployment["spec"], **own}}


def budget(name: str, **spec: Any) -> Manifest:
    """Return a PodDisruptionBudget of the gateways; `spec` has what it allows."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "gateway"}}, **spec},
    }


def autoscaler(name: str, *, scaled_object: str = "") -> Manifest:
    """Return a HorizontalPodAutoscaler of the gateways, as KEDA's if it has a ScaledObject."""
    owner = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "name": scaled_object,
        "uid": "00000000-0000-0000-0000-000000000001",
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "ownerReferences": [owner] if scaled_object else []},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"},
            "minReplicas": 1,
            "maxReplicas": 6,
        },
    }


def scaling(**changes: Any) -> Manifest:
    """Return an ImChatCluster's `spec.scaling` whose times are seconds, with changes."""
    return {
        "scaleUp": [{"above": 70, "for": "3s"}],
        "scaleDown": [{"below": 30, "for": "3s"}],
        "cooldown": {"scaleDown": "0s"},
        **changes,
    }


SLOWLY: Manifest = {"connectionsPerSecond": 1, "deregisterDelay": "1s", "deadline": "10m"}
"""Draining that is under way for as long as a test needs."""


def plain_cluster(**spec: Any) -> Manifest:
    """Return an ImChatCluster `chat` of the Deployment `gateway`; what is not given is default."""
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "ImChatCluster",
        "metadata": {"name": "chat"},
        "spec": {"targetRef": {"kind": "Deployment", "name": "gateway"}, **spec},
    }


def cluster(**spec: Any) -> Manifest:
    """Return an ImChatCluster `chat` whose times are seconds; `spec` replaces whole fields."""
    fast: dict[str, Any] = {
        "minReplicas": 2,
        "maxReplicas": 6,
        "metrics": {"interval": "500ms", "timeout": "1s"},
        "scaling": scaling(),
        "draining": {"connectionsPerSecond": 200, "deregisterDelay": "1s", "deadline": "30s"},
        "healing": {"unresponsiveFor": "2s", "notReadyFor": "3s", "restarts": 2},
    }
    return plain_cluster(**{**fast, **spec})


def by_cpu(*, metrics: Manifest | None = None, **changes: Any) -> Manifest:
    """Return an ImChatCluster that scales by CPU, as metrics.k8s.io tells it (harness.usage).

    Args:
        metrics: fields of `spec.metrics` that differ.
        changes: of `spec.scaling`.
    """
    source = {"source": "Resource", "interval": "500ms", "timeout": "2s", **(metrics or {})}
    return cluster(metrics=source, scaling=scaling(signals=[{"type": "CPU"}], **changes))


def steady(**spec: Any) -> Manifest:
    """Return an ImChatCluster that never scales by its load within a test."""
    never = {"scaleUp": [{"above": 100, "for": "1h"}], "scaleDown": [{"below": 1, "for": "1h"}]}
    return cluster(scaling={"target": 60, **never}, **spec)


def window(name: str, *schedules: Manifest, **spec: Any) -> Manifest:
    """Return a MaintenanceWindow; `spec` has the other fields."""
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "MaintenanceWindow",
        "metadata": {"name": name},
        "spec": {"schedules": list(schedules), **spec},
    }
