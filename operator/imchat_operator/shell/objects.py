"""What the operator keeps of pods, nodes and custom resources: API objects to frozen values."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from imchat_operator.core.snapshot import Cluster, Gateway, Reading, Window
from imchat_operator.models import (
    GROUP,
    READINESS_GATE,
    ImChatClusterStatus,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
)
from imchat_operator.shell.kube import Json
from imchat_operator.units import parsed_quantity

_LOG = logging.getLogger(__name__)

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a pod's containers request, or are limited to; None where one of them does not say."""

    cpu: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """The few fields of a pod that decisions depend on."""

    namespace: str
    name: str
    uid: str
    node: str
    address: str
    created_at: datetime
    phase: str
    running: bool
    containers_ready: bool
    ready: bool
    accepting: bool | None
    terminating: bool
    restarts: int
    waiting: str
    deletion_cost: int
    requests: Resources = Resources()
    limits: Resources = Resources()

    @property
    def answers(self) -> bool:
        """Whether there is something to ask: an address, and a process that should be there."""
        return bool(self.address) and self.phase == "Running"


def time_of(text: str) -> datetime:
    """Return an API time; the API always writes UTC."""
    return datetime.fromisoformat(text)


def pod(found: Json) -> Pod:
    """Return what is kept of a pod."""
    meta, spec, status = found["metadata"], found["spec"], found.get("status", {})
    conditions = {c["type"]: c["status"] == "True" for c in status.get("conditions", ())}
    containers = status.get("containerStatuses", ())
    has_gate = any(g["conditionType"] == READINESS_GATE for g in spec.get("readinessGates", ()))
    waiting = [c["state"]["waiting"].get("reason", "") for c in containers if _is(c, "waiting")]
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        node=spec.get("nodeName", ""),
        address=status.get("podIP", ""),
        created_at=time_of(meta["creationTimestamp"]),
        phase=status.get("phase", "Pending"),
        running=bool(containers) and all(_is(c, "running") for c in containers),
        containers_ready=conditions.get("ContainersReady", False),
        ready=conditions.get("Ready", False),
        accepting=conditions.get(READINESS_GATE, False) if has_gate else None,
        terminating="deletionTimestamp" in meta,
        restarts=sum(c.get("restartCount", 0) for c in containers),
        waiting=waiting[0] if waiting else "",
        deletion_cost=_cost(meta.get("annotations", {})),
        requests=_resources(spec, "requests"),
        limits=_resources(spec, "limits"),
    )


def _resources(spec: Json, kind: str) -> Resources:
    # A sidecar is an init container that is always restarted, and runs on beside the others.
    sidecars = [c for c in spec.get("initContainers", ()) if c.get("restartPolicy") == "Always"]
    containers = [*spec.get("containers", ()), *sidecars]
    return Resources(cpu=_total(containers, kind, "cpu"), memory=_total(containers, kind, "memory"))


def _total(containers: list[Json], kind: str, name: str) -> float | None:
    found = [c.get("resources", {}).get(kind, {}).get(name) for c in containers]
    if not found or None in found:
        return None
    return sum(parsed_quantity(str(text)) for text in found)


def _is(container: Json, state: str) -> bool:
    return state in container.get("state", {})


def _cost(annotations: dict[str, str]) -> int:
    try:
        return int(annotations.get(DELETION_COST, "0"))
    except ValueError:  # Kubernetes ignores such a value too
        return 0


def node_is_ready(found: Json) -> tuple[str, bool]:
    """Return a node's name and whether its kubelet says that it is ready."""
    conditions: list[dict[str, Any]] = found.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return found["metadata"]["name"], ready


def gateway(found: Pod, *, node_ready: bool, reading: Reading) -> Gateway:
    """Return a pod as the core sees it."""
    return Gateway(
        name=found.name,
        uid=found.uid,
        node=found.node,
        created_at=found.created_at,
        pending=found.phase == "Pending",
        running=found.running,
        containers_ready=found.containers_ready,
        ready=found.ready,
        accepting=found.accepting,
        terminating=found.terminating,
        restarts=found.restarts,
        waiting=found.waiting,
        deletion_cost=found.deletion_cost,
        node_ready=node_ready,
        reading=reading,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """A HorizontalPodAutoscaler, or the KEDA ScaledObject behind it, and what it scales."""

    name: str
    kind: str
    target: str


def autoscaler(found: Json) -> Autoscaler:
    """Return what is kept of a HorizontalPodAutoscaler."""
    meta, ref = found["metadata"], found["spec"]["scaleTargetRef"]
    name = f"HorizontalPodAutoscaler {meta['name']}"
    for owner in meta.get("ownerReferences", ()):
        if owner["kind"] == "ScaledObject":
            name = f"ScaledObject {owner['name']}"
    return Autoscaler(name=name, kind=ref["kind"], target=ref["name"])


def replicas_manager(found: Json) -> str:
    """Return who set an object's `spec.replicas` last, by its managedFields; empty if unknown."""
    owners = [
        (entry.get("time", ""), entry.get("manager", ""))
        for entry in found["metadata"].get("managedFields", ())
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    return str(max(owners, default=("", ""))[1])


def cluster_of(body: Json) -> Cluster:
    """Return an ImChatCluster's identity."""
    meta = body["metadata"]
    return Cluster(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        labels=tuple(sorted(meta.get("labels", {}).items())),
        annotations=tuple(
            sorted((k, v) for k, v in meta.get("annotations", {}).items() if k.startswith(GROUP))
        ),
        created_at=time_of(meta["creationTimestamp"]),
    )


def history_of(body: Json) -> ImChatClusterStatus:
    """Return an ImChatCluster's status; an unreadable one counts as none, so that all is undone."""
    try:
        return ImChatClusterStatus.model_validate(body.get("status") or {})
    except ValidationError as error:
        _LOG.warning("status of %s can't be read, begins anew: %s", body["metadata"]["name"], error)
        return ImChatClusterStatus()


def window(found: Json) -> Window:
    """Return a MaintenanceWindow as the core sees it.

    Raises:
        pydantic.ValidationError: the object was stored under other rules than today's.
    """
    meta = found["metadata"]
    return Window(
        name=meta["name"],
        uid=meta["uid"],
        created_at=time_of(meta["creationTimestamp"]),
        spec=MaintenanceWindowSpec.model_validate(found["spec"]),
        generation=meta["generation"],
        status=_window_status(found),
    )


def _window_status(found: Json) -> MaintenanceWindowStatus:
    """Return a window's status; an unreadable one counts as none, so that all is told anew."""
    try:
        return MaintenanceWindowStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        name = found["metadata"]["name"]
        _LOG.warning("status of window %s can't be read, begins anew: %s", name, error)
        return MaintenanceWindowStatus()
