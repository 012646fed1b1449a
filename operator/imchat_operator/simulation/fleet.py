"""A model of a fleet whose connections stick to their gateway.

The load is the number of connections that clients want. A connection stays on its gateway until
its session ends, until it is drained, or until its gateway is removed. New ones, and those that
lost their gateway, go to the gateways in rotation; a full gateway refuses, and whom all refuse
waits and tries again. So at any time: wanted = held by gateways + waiting.

- When the load falls, sessions end on all gateways in proportion to what they hold.
- Beside that, sessions end at random (mean `session`) and as many others begin elsewhere: the only
  way in which a fleet that nobody rebalances evens out.
- A new gateway is empty and takes `startup` to be ready. One that is removed is gone at once; what
  it held is cut and comes back at once.

Of Kubernetes it knows which pods a ReplicaSet removes first (pending, unready, lowest deletion
cost, youngest; it ranks ages by orders of magnitude and draws lots among equals, this model takes
the youngest), that a StatefulSet removes its highest ordinals, and that a pod with our readiness
gate is Ready only while the gate is on.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import expm1

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
from imchat_operator.simulation.sharing import Balancing, arrivals, departures

# The gateway's contract: a partial drain that nobody renews for so long ends.
_LEASE = timedelta(seconds=30)
# Steps of the golden ratio fall evenly over 0 to 1, whatever their number.
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a fleet lives under.

    Attributes:
        kind: the workload's; a StatefulSet removes its highest ordinals.
        capacity: the most connections that a gateway holds.
        startup: from the pod's creation until it is ready.
        session: mean length of a client's session.
        balancing: how new connections are spread.
        has_gate: whether the pods have our readiness gate, off until the operator sets it.
    """

    kind: str = "Deployment"
    capacity: int = 1000
    startup: timedelta = timedelta(seconds=30)
    session: timedelta = timedelta(minutes=30)
    balancing: Balancing = Balancing.ROUND_ROBIN
    has_gate: bool = True


@dataclass(slots=True, kw_only=True)
class Closing:
    """A gateway's drain: its pace a second, what may stay, when all go, when it was last asked."""

    pace: int
    keep: int
    deadline: datetime
    renewed: datetime
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class Pod:
    """One gateway."""

    name: str
    uid: str
    created: datetime
    ready_from: datetime
    accepting: bool | None
    is_up: bool = False
    connections: int = 0
    closing: Closing | None = None
    cost: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether it has started and its gate, if it has one, is on."""
        return self.is_up and self.accepting is not False


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The gateways and their clients; `advance` lets time pass, `want` changes the load.

    Attributes:
        moved: connections that had to change their gateway, for whatever reason.
        cut: those of them that were not asked to, or all at once when a deadline had passed.
        refused: connections that found every gateway full, or none at all; each counts once.
    """

    conditions: Conditions
    now: datetime
    replicas: int = 0
    version: int = 1
    pods: list[Pod] = field(default_factory=list)
    wanted: int = 0
    waiting: int = 0
    moved: int = 0
    cut: int = 0
    refused: int = 0
    _made: int = 0
    _turn: int = 0
    _phase: float = 0.0
    _ending: float = 0.0

    @classmethod
    def of(cls, conditions: Conditions, now: datetime, replicas: int, wanted: int) -> "Fleet":
        """Return a fleet in balance: all gateways in rotation, the load spread evenly."""
        fleet = cls(conditions=conditions, now=now, replicas=replicas, wanted=wanted)
        fleet._reconcile()
        for pod in fleet.pods:
            pod.created -= conditions.startup
            pod.ready_from = now
            pod.is_up, pod.accepting = True, True if conditions.has_gate else None
        fleet._settle()
        fleet.refused = fleet.waiting  # nobody was refused before the begin
        return fleet

    @property
    def hottest(self) -> int:
        """Connections of the gateway that holds most."""
        return max((p.connections for p in self.pods), default=0)

    @property
    def next_ready(self) -> datetime | None:
        """When the next gateway will have started."""
        return min((p.ready_from for p in self.pods if not p.is_up), default=None)

    def want(self, connections: int) -> None:
        """Change the load: those who wait give up first, then sessions end on all gateways."""
        fall = max(0, self.wanted - connections)
        given_up = min(self.waiting, fall)
        self.wanted, self.waiting = connections, self.waiting - given_up
        self._end(fall - given_up)
        self._settle()

    def advance(self, to: datetime) -> None:
        """Let time pass: sessions end and begin, drains go on, pods start."""
        seconds = (to - self.now).total_seconds()
        self.now = to
        for pod in self.pods:
            pod.is_up = pod.is_up or pod.ready_from <= to
            if pod.closing is not None:
                self._close(pod, pod.closing, seconds)
        held = sum(p.connections for p in self.pods)
        self._ending += held * -expm1(-seconds / self.conditions.session.total_seconds())
        ended = min(int(self._ending), held)
        self._ending -= ended
        self._end(ended)
        self._settle()

    def _end(self, count: int) -> None:
        if not count:
            return
        self._phase = (self._phase + _GOLDEN) % 1
        shares = departures([p.connections for p in self.pods], count, self._phase)
        for pod, share in zip(self.pods, shares, strict=True):
            pod.connections -= share

    def _close(self, pod: Pod, closing: Closing, seconds: float) -> None:
        if closing.keep and self.now - closing.renewed > _LEASE:
            pod.closing = None
            return
        spare = max(0, pod.connections - closing.keep)
        closing.due += closing.pace * seconds
        count = min(int(closing.due), spare)
        closing.due -= int(closing.due)
        if self.now >= closing.deadline:
            self.cut += spare - count
            count = spare
        pod.connections -= count
        self.moved += count

    def _settle(self) -> None:
        """Have all clients without a gateway try those that take new connections."""
        takers = [p for p in self.pods if p.is_ready and p.closing is None]
        homeless = self.wanted - sum(p.connections for p in self.pods)
        if takers and homeless:
            held = [p.connections for p in takers]
            rules = self.conditions
            turn = self._turn % len(takers)
            shares = arrivals(rules.balancing, held, homeless, rules.capacity, turn)
            for pod, share in zip(takers, shares, strict=True):
                pod.connections += share
            self._turn = turn + homeless
            homeless -= sum(shares)
        self.refused += max(0, homeless - self.waiting)
        self.waiting = homeless

    def perform(self, action: Action) -> Outcome:
        """Do what an action asks, as the API server and the gateway would.

        Nothing fails here, so that no repair ever asks for a release or a deletion.
        """
        match action:
            case Scale() if action.resource_version != str(self.version):
                return Outcome(action=action, refused="the object has been modified")
            case Scale():
                self.scale(action.to)
            case Delete() | Release() | Adopt():
                return Outcome(action=action, refused="the model has no failures")
            case _:
                for pod in [p for p in self.pods if p.uid == action.uid]:
                    self._perform_on(pod, action)
        return Outcome(action=action)

    def scale(self, replicas: int) -> None:
        """Set the workload's size."""
        self.replicas, self.version = replicas, self.version + 1
        self._reconcile()

    def _perform_on(
        self, pod: Pod, action: SetAccepting | StartDrain | CancelDrain | SetDeletionCost | Evict
    ) -> None:
        match action:
            case SetAccepting():
                pod.accepting = action.accepting
                self._settle()
            case SetDeletionCost():
                pod.cost = action.cost or 0
            case StartDrain():
                self._start_drain(pod, action)
            case CancelDrain():
                pod.closing = None
                self._settle()
            case Evict():
                self._remove(pod)
                self._reconcile()

    def _start_drain(self, pod: Pod, action: StartDrain) -> None:
        if pod.closing is None:
            until = self.now + action.deadline
            pod.closing = Closing(pace=0, keep=0, deadline=until, renewed=self.now)
        pod.closing.pace = action.connections_per_second
        pod.closing.keep = action.keep
        pod.closing.renewed = self.now

    def _reconcile(self) -> None:
        """Be the workload's controller: remove what is too much, make what is missing."""
        for pod in self._ranked()[: max(0, len(self.pods) - self.replicas)]:
            self._remove(pod)
        for _ in range(self.replicas - len(self.pods)):
            self.pods.append(self._new_pod())
        self._settle()

    def _ranked(self) -> list[Pod]:
        """Return the pods, those that leave first in front."""
        if self.conditions.kind == "StatefulSet":
            return self.pods[::-1]
        return sorted(
            self.pods, key=lambda p: (p.is_up, p.is_ready, p.cost, -p.created.timestamp(), p.name)
        )

    def _remove(self, pod: Pod) -> None:
        self.pods.remove(pod)
        self.moved += pod.connections
        self.cut += pod.connections

    def _new_pod(self) -> Pod:
        self._made += 1
        ordinal = len(self.pods)  # without evictions a StatefulSet has no holes
        is_set = self.conditions.kind == "StatefulSet"
        return Pod(
            name=f"gateway-{ordinal}" if is_set else f"gateway-7c9d5b8f46-{self._made:05}",
            uid=f"uid-{self._made}",
            created=self.now,
            ready_from=self.now + self.conditions.startup,
            accepting=False if self.conditions.has_gate else None,
            is_up=not self.conditions.startup,
        )
