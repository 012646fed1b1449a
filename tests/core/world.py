"""A small world: a Deployment, its ReplicaSet, gateways and their clients, one second a step.

It knows the few rules of Kubernetes that decisions rest on: which pods a ReplicaSet removes first,
that it counts those only that carry its label, that a pod with a readiness gate is Ready only
while the gate is on, that a budget may refuse evictions, that what is deleted takes a moment to go,
and for ever on a node that is lost. Clients that are closed come back to the gateways that take
connections; one that takes over too many at once answers slowly.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tests.core.fleet import CLUSTER, at
from tests.core.world_parts import REVISION, Host, Pod, Removal

from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    Delete,
    Evict,
    Outcome,
    Release,
    Scale,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.ownership import OURSELVES
from imchat_operator.core.snapshot import Snapshot, Target, Window
from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus, PendingEvent

CHANGED = "the pod is not as it was seen any more"
BUDGET = "HTTP 429: Cannot evict pod as it would violate the pod's disruption budget."


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
    hosts: dict[str, Host] = field(default_factory=dict)
    is_budget_spent: bool = False
    created: int = -1
    kills: int = 0

    @classmethod
    def of(cls, spec: ImChatClusterSpec, loads: list[int]) -> "World":
        """Return a world with one gateway in rotation for each number of connections.

        Gateway 1 is on a node of its own, all others on another, also those that come later.
        """
        hosts = {name: Host(name=name) for name in ("node-0", "node-1")}
        pods = [
            Pod(
                name=f"gateway-{n}",
                created=-600,
                host=hosts["node-1" if n == 1 else "node-0"],
                connections=load,
                accepting=True,
            )
            for n, load in enumerate(loads)
        ]
        return cls(spec=spec, pods=pods, replicas=len(pods), hosts=hosts, created=len(pods) - 1)

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
            gateways=tuple(pod.seen(self.second, self.most_taken) for pod in self.pods),
            windows=self.windows,
            outcomes=outcomes,
            posted=posted,
        )

    def perform(self, action: Action) -> Outcome:
        """Do what an action asks, as the API server and the gateway would."""
        match action:
            case Scale():
                return self._scaled(action)
            case _:
                found = [p for p in self.pods if p.uid == action.uid]
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
            case Release() | Adopt():
                pod.released = REVISION if isinstance(action, Release) else ""
                self._reconcile()
            case Evict() | Delete():
                return self._ended(action, pod)
            case StartDrain() | CancelDrain():
                return self._on_gateway(action, pod)
            case _:
                return Outcome(action=action, refused="nobody knows how")
        pod.version += 1
        return Outcome(action=action)

    def _ended(self, action: Evict | Delete, pod: Pod) -> Outcome:
        if action.resource_version != str(pod.version):
            return Outcome(action=action, refused=CHANGED, is_stale=True)
        if isinstance(action, Delete) and action.force:
            self.pods.remove(pod)
        elif pod.ends is not None:
            return Outcome(action=action)
        elif isinstance(action, Evict) and self.is_budget_spent:
            return Outcome(action=action, refused=BUDGET)
        self._remove(pod, "Force" if pod.ends is not None else type(action).__name__)
        self._reconcile()
        return Outcome(action=action)

    def _on_gateway(self, action: StartDrain | CancelDrain, pod: Pod) -> Outcome:
        if pod.is_silent:
            return Outcome(action=action, refused="no answer within 5s")
        if isinstance(action, CancelDrain):
            pod.draining = False
            return Outcome(action=action)
        if not pod.draining:
            pod.draining, pod.keep = True, action.keep
            pod.drained_until = self.second + action.deadline.total_seconds()
        pod.pace = action.connections_per_second
        return Outcome(action=action)

    def _remove(self, pod: Pod, call: str) -> None:
        pod.end(self.second)
        self.removals.append(Removal(pod=pod.name, call=call, connections=pod.connections))
        self.homeless += pod.connections
        pod.connections = 0

    def _reconcile(self) -> None:
        """Be the ReplicaSet: make what is missing, remove what is too much."""
        counted = [p for p in self.pods if p.ends is None and not p.released]
        ranked = sorted(counted, key=lambda p: p.rank(self.second))
        for pod in ranked[: max(0, len(counted) - self.replicas)]:
            self._remove(pod, "Scale")
        for _ in range(self.replicas - len(counted)):
            self.created += 1
            name = f"gateway-{self.created}"
            self.pods.append(Pod(name=name, created=self.second, host=self.hosts["node-0"]))

    def step(self) -> None:
        """Let a second pass: clients come and go, what ends is gone, what starts is there."""
        self.second += 1
        self.pods = [p for p in self.pods if p.ends is None or p.ends > self.second]
        self._reconcile()
        for pod in self.pods:
            if pod.draining and not pod.is_silent and not pod.is_stubborn:
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
            p for p in self.pods if p.is_ready(self.second) and p.ends is None and not p.draining
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

    def tell(self, event: PendingEvent) -> None:
        """Take an Event, new or continued; done again it changes nothing."""
        known = self.events.get(event.name)
        if known is None or known.count < event.count:
            self.events[event.name] = event

    def outline(self) -> dict[str, object]:
        """Return where things stand, without times, figures and names of Events."""
        told = [e.reason for e in self.events.values() for _ in range(e.count)]
        return {
            "replicas": self.replicas,
            "pods": [
                (p.name, p.accepting, p.draining, p.cost, p.ends, p.released) for p in self.pods
            ],
            "clients": self.homeless + sum(p.connections for p in self.pods),
            "removals": sorted((r.pod, r.call) for r in self.removals),
            "drains": [(d.pod, d.purpose, d.phase) for d in self.status.drains],
            "resize": self.status.resize,
            "events": sorted(reason for reason in told if reason != "StreakInterrupted"),
        }
