"""A small world: a Deployment, its ReplicaSet, gateways and their clients, one second a step.

It knows the few rules of Kubernetes that decisions rest on: which pods a ReplicaSet removes first,
that a pod with a readiness gate is Ready only while the gate is on, that what is deleted takes a
moment to go. Clients that are closed come back to the gateways that take connections; one that
takes over too many at once answers slowly.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.core.fleet import CLUSTER, at

from imchat_operator.core.decision import (
    Action,
    CancelDrain,
    Evict,
    Outcome,
    Scale,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.ownership import OURSELVES
from imchat_operator.core.snapshot import (
    Gateway,
    NotAsked,
    Reading,
    Reported,
    Silent,
    Snapshot,
    Target,
    Window,
)
from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus, PendingEvent

_STARTING = 2.0
_ENDING = 2.0
_CAPACITY = 1000
_FAST = timedelta(milliseconds=10)
_SLOW = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class Pod:
    """One gateway of the world."""

    name: str
    created: float
    connections: int = 0
    accepting: bool = False
    draining: bool = False
    pace: int = 0
    keep: int = 0
    taken: int = 0
    drained_until: float = 0.0
    cost: int = 0
    hangs: bool = False
    is_stubborn: bool = False
    ends: float | None = None

    def is_ready(self, second: float) -> bool:
        """Whether its containers are ready and its gate is on."""
        return self.runs(second) and self.accepting

    def runs(self, second: float) -> bool:
        """Whether it has started."""
        return second >= self.created + _STARTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A gateway that was removed: by which call, and what it held."""

    pod: str
    call: str
    connections: int


@dataclass(slots=True, kw_only=True)
class World:
    """What there is; `step` lets a second pass."""

    spec: ImChatClusterSpec
    pods: list[Pod]
    second: float = 0.0
    replicas: int = 0
    version: int = 1
    manager: str = "kubectl"
    status: ImChatClusterStatus = field(default_factory=ImChatClusterStatus)
    windows: tuple[Window, ...] = ()
    events: dict[str, PendingEvent] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    homeless: int = 0
    most_taken: int = 1_000_000

    @classmethod
    def of(cls, spec: ImChatClusterSpec, loads: list[int]) -> "World":
        """Return a world with one gateway in rotation for each number of connections."""
        pods = [
            Pod(name=f"gateway-{n}", created=-600, connections=load, accepting=True)
            for n, load in enumerate(loads)
        ]
        return cls(spec=spec, pods=pods, replicas=len(pods))

    @property
    def now(self) -> datetime:
        """The time."""
        return at(self.second)

    def snapshot(self, outcomes: tuple[Outcome, ...], posted: frozenset[str]) -> Snapshot:
        """Return what an operator observes."""
        return Snapshot(
            now=self.now,
            sampled_at=self.now,
            cluster=CLUSTER,
            spec=self.spec,
            history=self.status,
            target=Target(
                kind="Deployment",
                name="gateway",
                replicas=self.replicas,
                resource_version=str(self.version),
                manager=self.manager,
            ),
            gateways=tuple(self._gateway(pod) for pod in self.pods),
            windows=self.windows,
            outcomes=outcomes,
            posted=posted,
        )

    def _gateway(self, pod: Pod) -> Gateway:
        runs = pod.runs(self.second)
        return Gateway(
            name=pod.name,
            uid=f"uid-{pod.name}",
            node="node-1",
            created_at=at(int(pod.created)),
            pending=not runs,
            running=runs,
            containers_ready=runs and not pod.hangs,
            ready=pod.is_ready(self.second) and not pod.hangs,
            accepting=pod.accepting,
            terminating=pod.ends is not None,
            restarts=0,
            waiting="",
            deletion_cost=pod.cost,
            node_ready=True,
            reading=self._reading(pod),
        )

    def _reading(self, pod: Pod) -> Reading:
        if not pod.runs(self.second):
            return NotAsked()
        if pod.hangs:
            return Silent(why="no answer within 2s", last_connections=pod.connections)
        return Reported(
            connections=pod.connections,
            capacity=_CAPACITY,
            draining=pod.draining,
            answer_time=_SLOW if pod.taken > self.most_taken else _FAST,
            accept_rate=pod.taken,
        )

    def perform(self, action: Action) -> Outcome:
        """Do what an action asks, as the API server and the gateway would."""
        match action:
            case Scale():
                return self._scaled(action)
            case _:
                found = [p for p in self.pods if f"uid-{p.name}" == action.uid]
                return self._on_pod(action, found[0]) if found else Outcome(action=action)

    def _scaled(self, action: Scale) -> Outcome:
        if action.resource_version != str(self.version):
            return Outcome(action=action, refused="the object has been modified")
        self.scaled_by(OURSELVES, action.to)
        return Outcome(action=action)

    def _on_pod(self, action: Action, pod: Pod) -> Outcome:
        match action:
            case SetAccepting():
                pod.accepting = action.accepting
            case SetDeletionCost():
                pod.cost = action.cost or 0
            case Evict() if pod.ends is None:
                self._remove(pod, "Evict")
                self._reconcile()
            case StartDrain() if not pod.hangs and not pod.draining:
                pod.draining, pod.pace, pod.keep = True, action.connections_per_second, action.keep
                pod.drained_until = self.second + action.deadline.total_seconds()
            case StartDrain() if not pod.hangs:
                pod.pace = action.connections_per_second
            case CancelDrain():
                pod.draining = False
            case StartDrain():
                return Outcome(action=action, refused="no answer within 5s")
            case _:
                pass
        return Outcome(action=action)

    def _remove(self, pod: Pod, call: str) -> None:
        pod.ends = self.second + _ENDING
        self.removals.append(Removal(pod=pod.name, call=call, connections=pod.connections))
        self.homeless += pod.connections
        pod.connections = 0

    def _reconcile(self) -> None:
        """Be the ReplicaSet: make what is missing, remove what is too much."""
        staying = [p for p in self.pods if p.ends is None]
        ranked = sorted(
            staying,
            key=lambda p: (p.runs(self.second), p.is_ready(self.second), p.cost, -p.created),
        )
        for pod in ranked[: max(0, len(staying) - self.replicas)]:
            self._remove(pod, "Scale")
        for _ in range(self.replicas - len(staying)):
            number = 1 + max(int(p.name.rsplit("-", 1)[1]) for p in self.pods) if self.pods else 0
            self.pods.append(Pod(name=f"gateway-{number}", created=self.second))

    def step(self) -> None:
        """Let a second pass: clients come and go, what ends is gone, what starts is there."""
        self.second += 1
        self.pods = [p for p in self.pods if p.ends is None or p.ends > self.second]
        self._reconcile()
        for pod in self.pods:
            if pod.draining and not pod.hangs and not pod.is_stubborn:
                due = pod.connections if self.second >= pod.drained_until else pod.pace
                self._leave(pod, due)
        self._settle()

    def _leave(self, pod: Pod, count: int) -> None:
        gone = min(count, max(0, pod.connections - pod.keep))
        pod.connections -= gone
        self.homeless += gone

    def _settle(self) -> None:
        """Share the clients that have no gateway out among those that take connections."""
        for pod in self.pods:
            pod.taken = 0
        takers = [
            p
            for p in self.pods
            if p.is_ready(self.second) and p.ends is None and not p.draining and not p.hangs
        ]
        for number, pod in enumerate(takers):
            share = self.homeless // (len(takers) - number)
            pod.connections += share
            pod.taken = share
            self.homeless -= share

    def scaled_by(self, manager: str, replicas: int) -> None:
        """Have somebody else change the replicas."""
        self.manager, self.replicas, self.version = manager, replicas, self.version + 1
        self._reconcile()

    def grow(self, connections: int) -> None:
        """Have so many more clients look for a gateway."""
        self.homeless += connections

    def outline(self) -> dict[str, object]:
        """Return where things stand, without times, figures and names of Events."""
        told = [e.reason for e in self.events.values() if e.reason != "StreakInterrupted"]
        return {
            "replicas": self.replicas,
            "pods": [(p.name, p.accepting, p.draining, p.cost, p.ends) for p in self.pods],
            "clients": self.homeless + sum(p.connections for p in self.pods),
            "removals": sorted((r.pod, r.call) for r in self.removals),
            "drains": self.status.drains,
            "resize": self.status.resize,
            "events": sorted(told),
        }
