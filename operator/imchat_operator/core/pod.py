"""What the API server says of a pod, as far as decisions depend on it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """A pod that may be a gateway.

    Attributes:
        resource_version: which a deletion must name; a newer one alone tells nothing new.
        accepting: our readiness gate; None where the pod has no such gate.
        not_ready_since: when its containers stopped being ready; None while they are ready.
        failure: why the pod is over, such as `Evicted: ...`; empty while it is not.
        unschedulable: the scheduler's reason why no node takes it; empty if one does.
        waiting: the kubelet's reason why a container does not run, such as CrashLoopBackOff.
        restarted_at: when a container ended last, to be started again.
        deletion_due: end of its grace period, once it is being deleted.
        finalizers: who keeps it from going.
        has_pre_stop: whether a container's preStop hook runs before it is told to end.
        revision: of the target's pod template.
        released: its revision, if it was taken out of its ReplicaSet by the operator.
        drain_requested: whether its annotation asks for a drain.
        quarantine: why it is to be kept for forensics, by its annotation; None if it is not.
        asked_by: who set either annotation, by its field manager; empty if nobody did.
    """

    name: str
    uid: str
    created_at: datetime
    running: bool
    containers_ready: bool
    ready: bool
    accepting: bool | None
    terminating: bool
    restarts: int
    waiting: str
    deletion_cost: int
    resource_version: str = field(default="", compare=False)
    not_ready_since: datetime | None = None
    failure: str = ""
    unschedulable: str = ""
    waiting_message: str = ""
    restarted_at: datetime | None = None
    deletion_due: datetime | None = None
    finalizers: tuple[str, ...] = ()
    has_pre_stop: bool = False
    revision: str = ""
    released: str = ""
    drain_requested: bool = False
    quarantine: str | None = None
    asked_by: str = ""
