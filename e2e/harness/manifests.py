"""The objects of the suites and the demo, as plain dicts."""

from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[2]
CRDS = _ROOT / "crds"
SAMPLES = CRDS / "samples"
_GATEWAY = _ROOT / "e2e" / "manifests" / "gateway.yaml"


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
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    for variable in variables:
        if variable["name"] == "GATEWAY_MAX_CONNECTIONS":
            variable["value"] = str(capacity)
    variables.extend({"name": name, "value": value} for name, value in environment.items())
    return [deployment, budget]


def cluster(**spec: Any) -> Manifest:
    """Return an ImChatCluster `chat` whose times are seconds; `spec` replaces whole fields."""
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "ImChatCluster",
        "metadata": {"name": "chat"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "gateway"},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": {"interval": "500ms", "timeout": "1s"},
            "scaling": {
                "scaleUp": [{"above": 70, "for": "3s"}],
                "scaleDown": [{"below": 30, "for": "3s"}],
            },
            "draining": {"connectionsPerSecond": 200, "deregisterDelay": "1s", "deadline": "30s"},
            "healing": {"unresponsiveFor": "2s", "notReadyFor": "3s", "restarts": 2},
            **spec,
        },
    }


def steady(**spec: Any) -> Manifest:
    """Return an ImChatCluster that never scales within a test."""
    never = {"scaleUp": [{"above": 100, "for": "1h"}], "scaleDown": [{"below": 1, "for": "1h"}]}
    return cluster(scaling={"target": 60, **never}, **spec)


def window(name: str, *schedules: Manifest) -> Manifest:
    """Return a MaintenanceWindow."""
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "MaintenanceWindow",
        "metadata": {"name": name},
        "spec": {"schedules": list(schedules)},
    }
