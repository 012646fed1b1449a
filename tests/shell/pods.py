"""Builders of pods as the shell keeps them, and of what is asked about them."""

from typing import Any

from tests.core.fleet import NOON, spec

from imchat_operator.shell.objects import Pod, Resources
from imchat_operator.shell.signals import Asked

GIB = 1024.0**3
RESOURCES = Resources(cpu=2.0, memory=GIB)


def pod(name: str, **fields: Any) -> Pod:
    """Return a pod in rotation that requests 2 cores and 1 GiB, and is limited to twice that."""
    known: dict[str, Any] = {
        "namespace": "chat",
        "uid": f"uid-{name}",
        "node": "node-1",
        "address": "127.0.0.9",
        "ports": (8080,),
        "created_at": NOON,
        "phase": "Running",
        "running": True,
        "containers_ready": True,
        "ready": True,
        "accepting": True,
        "terminating": False,
        "restarts": 0,
        "waiting": "",
        "deletion_cost": 0,
        "requests": RESOURCES,
        "limits": Resources(cpu=4.0, memory=2 * GIB),
    }
    return Pod(name=name, **{**known, **fields})


def asked(
    source: str,
    *signals: dict[str, Any],
    gateways: tuple[Pod, ...] = (pod("a"), pod("b")),
    **metrics: Any,
) -> Asked:
    """Return the question for these signals; a Prometheus is the one called `main`."""
    named = {"prometheus": {"name": "main"}} if source == "Prometheus" else {}
    fields = {"source": source, "timeout": "30s", **named, **metrics}
    return Asked(
        spec=spec(metrics=fields, scaling={"signals": list(signals)}),
        namespace="chat",
        selector="app=gateway",
        pods=gateways,
    )
