"""What a small world is made of: hosts, pods, and what became of those that were removed."""

from dataclasses import dataclass
from datetime import timedelta
from math import inf

from tests.core.fleet import at

from imchat_operator.core.snapshot import Gateway, Node, NotAsked, Reading, Reported, Silent

STARTING = 2.0
ENDING = 2.0
CAPACITY = 1000
REVISION = "v1"
_FAST = timedelta(milliseconds=10)
_SLOW = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class Host:
    """A node of the world."""

    name: str
    is_lost: bool = False
    is_fenced: bool = False
    is_cordoned: bool = False

    @property
    def seen(self) -> Node:
        """What the API server tells of it."""
        return Node(
            name=self.name,
            ready=not self.is_lost,
            cordoned=self.is_cordoned,
            fenced=self.is_fenced,
        )


@dataclass(slots=True, kw_only=True)
class Pod:
    """One gateway of the world."""

    name: str
    created: float
    host: Host
    version: int = 1
    connections: int = 0
    accepting: bool = False
    draining: bool = False
    pace: int = 0
    keep: int = 0
    taken: int = 0
    drained_until: float = 0.0
    cost: int = 0
    hangs: bool = False
    is_unready: bool = False
    is_stubborn: bool = False
    is_drain_requested: bool = False
    quarantine: str | None = None
    released: str = ""
    ends: float | None = None
    due: float = 0.0

    @property
    def uid(self) -> str:
        """Its uid."""
        return f"uid-{self.name}"

    @property
    def is_silent(self) -> bool:
        """Whether it does not answer."""
        return self.hangs or self.host.is_lost

    def is_ready(self, second: float) -> bool:
        """Whether its containers are ready and its gate is on, as the API server knows it."""
        is_well = not (self.hangs or self.is_unready or self.host.is_lost)
        return self.runs(second) and self.accepting and is_well

    def runs(self, second: float) -> bool:
        """Whether it has started."""
        return second >= self.created + STARTING

    def rank(self, second: float) -> tuple[bool, bool, int, float]:
        """Return its place in the order in which a ReplicaSet removes what is too much."""
        return self.runs(second), self.is_ready(second), self.cost, -self.created

    def end(self, second: float) -> None:
        """Begin to end: a kubelet that is lost never tells that it has."""
        self.due = second + ENDING
        self.ends = inf if self.host.is_lost else self.due

    def seen(self, second: float, most_taken: int) -> Gateway:
        """Return what the API server and the gateway itself tell."""
        runs = self.runs(second)
        ready = runs and not (self.hangs or self.is_unready or self.host.is_lost)
        return Gateway(
            name=self.name,
            uid=self.uid,
            resource_version=str(self.version),
            node=self.host.seen,
            created_at=at(int(self.created)),
            pending=not runs,
            running=runs,
            containers_ready=ready,
            ready=ready and self.accepting,
            accepting=self.accepting,
            terminating=self.ends is not None,
            deletion_due=None if self.ends is None else at(self.due),
            restarts=0,
            waiting="",
            deletion_cost=self.cost,
            reading=self._reading(second, most_taken),
            revision=REVISION,
            released=self.released,
            drain_requested=self.is_drain_requested,
            quarantine=self.quarantine,
        )

    def _reading(self, second: float, most_taken: int) -> Reading:
        if not self.runs(second):
            return NotAsked()
        if self.is_silent:
            return Silent(why="no answer within 2s", last_connections=self.connections)
        return Reported(
            connections=self.connections,
            capacity=CAPACITY,
            draining=self.draining,
            answer_time=_SLOW if self.taken > most_taken else _FAST,
            accept_rate=self.taken,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A gateway that was removed: by which call, and what it held."""

    pod: str
    call: str
    connections: int
