"""What the operator keeps of pods, nodes and custom resources: API objects to frozen values."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from imchat_operator.core.snapshot import Cluster, Gateway, Reading, Window
from imchat_operator.models import READINESS_GATE, ImChatClusterStatus, MaintenanceWindowSpec
from imchat_operator.shell.kube import Json

_LOG = logging.getLogger(__name__)

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


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
    )


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
    """A HorizontalPodAutoscaler, KEDA's among them, and what it scales."""

    name: str
    kind: str
    target: str


def autoscaler(found: Json) -> Autoscaler:
    """Return what is kept of a HorizontalPodAutoscaler."""
    ref = found["spec"]["scaleTargetRef"]
    return Autoscaler(name=found["metadata"]["name"], kind=ref["kind"], target=ref["name"])


def cluster_of(body: Json) -> Cluster:
    """Return an ImChatCluster's identity."""
    meta = body["metadata"]
    return Cluster(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        labels=tuple(sorted(meta.get("labels", {}).items())),
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
    return Window(
        name=found["metadata"]["name"],
        uid=found["metadata"]["uid"],
        created_at=time_of(found["metadata"]["creationTimestamp"]),
        spec=MaintenanceWindowSpec.model_validate(found["spec"]),
    )
