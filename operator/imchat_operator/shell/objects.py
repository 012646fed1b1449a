"""What the operator keeps of pods and autoscalers: API objects to frozen values."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache

from imchat_operator.core.pod import PodFacts
from imchat_operator.core.snapshot import Gateway, Keeper, Node, Reading
from imchat_operator.models import DRAIN, QUARANTINE, READINESS_GATE, RELEASED
from imchat_operator.shell import pod_status
from imchat_operator.shell.kube import Json
from imchat_operator.units import parsed_quantity

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
# A ReplicaSet knows its pods by it: without it a pod is released, with it adopted again.
TEMPLATE_HASH = "pod-template-hash"
_CONTROLLER_HASH = "controller-revision-hash"

_LONGEST_WISH = 200
_FACTS = tuple(field.name for field in fields(PodFacts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a pod's containers request, or are limited to; None where one of them does not say."""

    cpu: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod(PodFacts):
    """The few fields of a pod that are kept.

    Attributes:
        node: the name of its node; empty before one has taken it.
        ports: the TCP ports that its containers declare.
        labels: names and values; one object for all pods that have the same.
    """

    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    node: str
    address: str
    ports: tuple[int, ...]
    phase: str
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
    annotations = meta.get("annotations", {})
    containers = pod_status.containers(status)
    waiting, waiting_message = pod_status.waiting(status)
    released = _released(meta)
    return Pod(
        namespace=meta["namespace"],
        labels=_shared(tuple(sorted(meta.get("labels", {}).items()))),
        name=meta["name"],
        uid=meta["uid"],
        node=spec.get("nodeName", ""),
        address=status.get("podIP", ""),
        ports=_ports(spec),
        created_at=time_of(meta["creationTimestamp"]),
        phase=status.get("phase", "Pending"),
        running=bool(containers) and all(pod_status.is_in(c, "running") for c in containers),
        containers_ready=_is_true(status, "ContainersReady"),
        ready=_is_true(status, "Ready"),
        accepting=_accepting(spec, status),
        terminating="deletionTimestamp" in meta,
        restarts=sum(c.get("restartCount", 0) for c in containers),
        waiting=waiting,
        deletion_cost=_cost(annotations),
        requests=_resources(spec, "requests"),
        limits=_resources(spec, "limits"),
        resource_version=meta.get("resourceVersion", ""),
        not_ready_since=pod_status.not_ready_since(status),
        failure=pod_status.failure(status),
        unschedulable=pod_status.unschedulable(status),
        waiting_message=waiting_message,
        restarted_at=pod_status.restarted_at(status),
        # The API server adds the grace period to the time of the request.
        deletion_due=time_of(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
        finalizers=tuple(meta.get("finalizers", ())),
        has_pre_stop=any("preStop" in c.get("lifecycle", {}) for c in spec.get("containers", ())),
        revision=_revision(meta) or released,
        released=released,
        drain_requested=annotations.get(DRAIN) == "true",
        quarantine=_quarantine(annotations),
        asked_by=_annotator(meta, {DRAIN, QUARANTINE} & annotations.keys()),
    )


@lru_cache(maxsize=1024)
def _shared(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return an equal value that others have too."""
    return labels


def _is_true(status: Json, kind: str) -> bool:
    return pod_status.condition(status, kind).get("status") == "True"


def _accepting(spec: Json, status: Json) -> bool | None:
    has_gate = any(g["conditionType"] == READINESS_GATE for g in spec.get("readinessGates", ()))
    return _is_true(status, READINESS_GATE) if has_gate else None


def _revision(meta: Json) -> str:
    labels = meta.get("labels", {})
    return str(labels.get(TEMPLATE_HASH) or labels.get(_CONTROLLER_HASH, ""))


def _released(meta: Json) -> str:
    """Return a released pod's revision; one that its ReplicaSet counts is none, whatever it says.

    Else an annotation in the pod template would take the whole fleet out of the count.
    """
    if TEMPLATE_HASH in meta.get("labels", {}):
        return ""
    return str(meta.get("annotations", {}).get(RELEASED, ""))


def _annotator(meta: Json, keys: Iterable[str]) -> str:
    """Return who set one of the annotations last, by managedFields; empty if nobody did."""
    paths = [("f:metadata", "f:annotations", f"f:{key}") for key in keys]
    return _manager(meta, paths)


def _manager(meta: Json, paths: Iterable[tuple[str, ...]]) -> str:
    """Return the manager who set one of these fields last; empty if that is not known."""
    owners = [
        (entry.get("time", ""), entry.get("manager", ""))
        for entry in meta.get("managedFields", ())
        for path in paths
        if _has(entry.get("fieldsV1", {}), path)
    ]
    return str(max(owners, default=("", ""))[1])


def _has(fields: Json, path: tuple[str, ...]) -> bool:
    *parents, last = path
    for parent in parents:
        fields = fields.get(parent, {})
    return last in fields


def _quarantine(annotations: dict[str, str]) -> str | None:
    why = annotations.get(QUARANTINE)
    return None if why is None else why[:_LONGEST_WISH]


def _containers(spec: Json) -> list[Json]:
    # A sidecar is an init container that is always restarted, and runs on beside the others.
    sidecars = [c for c in spec.get("initContainers", ()) if c.get("restartPolicy") == "Always"]
    return [*spec.get("containers", ()), *sidecars]


def _ports(spec: Json) -> tuple[int, ...]:
    declared = [port for c in _containers(spec) for port in c.get("ports", ())]
    return tuple(p["containerPort"] for p in declared if p.get("protocol", "TCP") == "TCP")


def _resources(spec: Json, kind: str) -> Resources:
    containers = _containers(spec)
    return Resources(cpu=_total(containers, kind, "cpu"), memory=_total(containers, kind, "memory"))


def _total(containers: list[Json], kind: str, name: str) -> float | None:
    found = [c.get("resources", {}).get(kind, {}).get(name) for c in containers]
    if not found or None in found:
        return None
    return sum(parsed_quantity(str(text)) for text in found)


def _cost(annotations: dict[str, str]) -> int:
    try:
        return int(annotations.get(DELETION_COST, "0"))
    except ValueError:  # Kubernetes ignores such a value too
        return 0


def gateway(
    found: Pod, *, node: Node | None, reading: Reading, keeper: Keeper | None = None
) -> Gateway:
    """Return a pod as the core sees it."""
    facts = {name: getattr(found, name) for name in _FACTS}
    is_pending = found.phase == "Pending"
    return Gateway(**facts, node=node, pending=is_pending, reading=reading, keeper=keeper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """A HorizontalPodAutoscaler, or the KEDA ScaledObject behind it, and what it scales."""

    namespace: str
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
    return Autoscaler(namespace=meta["namespace"], name=name, kind=ref["kind"], target=ref["name"])


def replicas_manager(found: Json) -> str:
    """Return who set an object's `spec.replicas` last, by its managedFields; empty if unknown."""
    return _manager(found["metadata"], [("f:spec", "f:replicas")])
