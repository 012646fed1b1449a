"""What is: everything that a decision may depend on, as frozen values.

The shell fills a Snapshot on every pass, the replay from a trace. `now` is a field like any other.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from imchat_operator.core.decision import Notice, Outcome, Reason, Subject
from imchat_operator.core.pod import PodFacts
from imchat_operator.models import (
    ImChatClusterSpec,
    ImChatClusterStatus,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A gateway's own figures.

    Attributes:
        connections: client connections held.
        capacity: most that it accepts.
        draining: whether it refuses new ones because of a drain.
        answer_time: how long it took to answer; None if that was not measured.
        accept_rate: new connections a second since the sample before; None if that is not known.
        message_rate: messages a second since the sample before; None if that is not known.
        error_rate: sessions a second that ended in an error; None if that is not known.
    """

    connections: int
    capacity: int
    draining: bool = False
    answer_time: timedelta | None = None
    accept_rate: float | None = None
    message_rate: float | None = None
    error_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A gateway that has an address and did not answer.

    Attributes:
        why: the reason in words.
        last_connections: what it held when it last answered; None if that is not known.
        last_answer: when it last answered; None if that is not known.
    """

    why: str
    last_connections: int | None = None
    last_answer: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A gateway that answered, but not with its figures: not ill, yet its load is unknown."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """A gateway that can't be asked yet: it has no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One gateway's value of a signal, what is 100 % of it in the same unit, and when it was so."""

    uid: str
    value: float
    capacity: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One signal's figures; a gateway without one is missing.

    Attributes:
        signal: its name, such as `cpu`.
        unit: of values and capacities in words, such as `cores`.
        base: what 100 % is, such as `requests`; empty where that goes without saying.
    """

    signal: str
    unit: str
    figures: tuple[Figure, ...]
    base: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A signal without figures, and why its source gave none."""

    signal: str
    why: str


Measurement = Measured | Unmeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyState:
    """Whether something that the gateways need is up; None where that can't be told, and why."""

    name: str
    up: bool | None
    why: str = ""


Reading = Reported | Silent | Unreadable | NotAsked


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The node that a gateway is on.

    Attributes:
        exists: whether the API server still has its object.
        ready: whether its kubelet says so.
        lapsed: whether its lease was not renewed for as long as it lasts, by our own clock.
        cordoned: whether it is unschedulable.
        leaving: why it will go away soon, such as a taint of the cloud's; empty if it won't.
        fenced: whether it is known to be off: it has the out-of-service taint.
        pressures: the resources that it runs out of, such as `MemoryPressure`.
    """

    name: str
    exists: bool = True
    ready: bool = True
    lapsed: bool = False
    cordoned: bool = False
    leaving: str = ""
    fenced: bool = False
    pressures: tuple[str, ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether nothing can run on it any more: a pod of it may be deleted by force."""
        return self.fenced or not self.exists

    @property
    def drives_out(self) -> bool:
        """Whether what is well on it may have to leave."""
        is_sound = self.exists and self.ready and not self.pressures
        return bool(self.leaving) or self.cordoned or not is_sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """What would refuse the eviction of a pod that is well: its PodDisruptionBudget, or several.

    Attributes:
        why: in words, with its figures.
        yields: whether it would let the pod go once a replacement is ready beside it.
    """

    why: str
    yields: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway(PodFacts):
    """One pod of the target, as the API server and the gateway itself describe it.

    Attributes:
        node: where it runs; None before a node has taken it.
        pending: whether a container has yet to be started for the first time.
        reading: what the gateway says of itself.
        keeper: what would refuse its eviction; None if nothing would, or nobody asked.
    """

    node: Node | None
    pending: bool
    reading: Reading
    keeper: Keeper | None = None

    @property
    def node_name(self) -> str:
        """The node's name; empty before a node has taken it."""
        return self.node.name if self.node else ""

    @property
    def connections(self) -> int:
        """Connections it reports; 0 where it reports none."""
        return self.reading.connections if isinstance(self.reading, Reported) else 0

    @property
    def known_connections(self) -> int | None:
        """Connections it reports, or held when it last answered; None if that is not known."""
        match self.reading:
            case Silent(last_connections=last):
                return last
            case Unreadable():
                return None
            case _:
                return self.connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The workload's scale, as its scale subresource tells it.

    Attributes:
        manager: who set the replicas last, by its field manager; empty where that was not asked,
            because nobody but the operator can have been it.
    """

    kind: str
    name: str
    replicas: int
    resource_version: str
    manager: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMissing:
    """There is nothing to scale, with what to do about it in words."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetClaimed:
    """The workload is an older ImChatCluster's, whose name this is."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The ImChatCluster itself; of its annotations the operator's own."""

    namespace: str
    name: str
    uid: str
    generation: int
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    created_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    @property
    def subject(self) -> Subject:
        """The object as Events refer to it."""
        return Subject(kind="ImChatCluster", name=self.name, uid=self.uid)

    def notice(
        self, reason: Reason, message: str, *, warning: bool = False, about: str = ""
    ) -> Notice:
        """Return an Event about it."""
        type_: Literal["Normal", "Warning"] = "Warning" if warning else "Normal"
        subject = self.subject
        return Notice(subject=subject, reason=reason, message=message, type=type_, about=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A MaintenanceWindow of the cluster's namespace."""

    name: str
    uid: str
    created_at: datetime
    spec: MaintenanceWindowSpec
    generation: int = 1
    status: MaintenanceWindowStatus = field(default_factory=MaintenanceWindowStatus)

    @property
    def subject(self) -> Subject:
        """The object as Events refer to it."""
        return Subject(kind="MaintenanceWindow", name=self.name, uid=self.uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is, at one moment.

    Attributes:
        sampled_at: when the gateways' readings were taken; not later than `now`.
        measurements: the signals that the gateways' readings do not tell.
        history: the status as last written; what is under way continues from there.
        dependencies: whether what `spec.dependencies` declares is up, in its order.
        autoscalers: what else scales the same target, such as `HorizontalPodAutoscaler web`.
        outcomes: what became of the previous pass's actions; empty after a restart.
        posted: receipts of pending Events known to be posted.
    """

    now: datetime
    sampled_at: datetime
    cluster: Cluster
    spec: ImChatClusterSpec
    history: ImChatClusterStatus
    target: Target | TargetMissing | TargetClaimed
    gateways: tuple[Gateway, ...] = ()
    windows: tuple[Window, ...] = ()
    autoscalers: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    dependencies: tuple[DependencyState, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    posted: frozenset[str] = frozenset()

    @property
    def fleet(self) -> tuple[Gateway, ...]:
        """The gateways that the target counts: those that were released are beside it."""
        return tuple(g for g in self.gateways if not g.released)
