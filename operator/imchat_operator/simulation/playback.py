"""A load that is played to a fleet, whoever steers it, and the record of what comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from imchat_operator.simulation.fleet import Conditions, Fleet
from imchat_operator.simulation.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A trace in connections: `wanted[n]` from `times[n]` on, until the last of `times`."""

    times: tuple[datetime, ...]
    wanted: tuple[int, ...]

    @classmethod
    def of(cls, trace: Trace, per_gateway: float, capacity: int) -> "Load":
        """Return the load of a trace whose value `per_gateway` fills a gateway of `capacity`."""
        scale = capacity / per_gateway
        return cls(times=trace.times, wanted=tuple(round(v * scale) for v in trace.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time between two looks at a fleet, with the figures of its begin.

    Attributes:
        wanted: connections that clients want, those that wait for a gateway among them.
        serving: gateways in rotation, those among them that shed what is above average too.
        replicas: gateways that there are, those that start and those that drain among them.
        hottest: connections of the gateway that holds most.
    """

    begin: datetime
    end: datetime
    wanted: int
    serving: int
    replicas: int
    hottest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of a fleet; connections are counted as `Fleet` counts them."""

    capacity: int
    stretches: tuple[Stretch, ...]
    moved: int
    cut: int
    refused: int


@dataclass(slots=True, kw_only=True)
class Playback:
    """A fleet under a load; the fleet may be steered between two calls of `play`.

    Attributes:
        end: when the load ends.
        changes: what is still to come of the load, after `change`.
        change: when the load changes next, and to what.
        shedding: uids of the gateways that are out of rotation for a moment, to lose what they
            hold above average; they serve what they keep.
        stretches: the record.
    """

    fleet: Fleet
    end: datetime
    changes: Iterator[tuple[datetime, int]]
    change: tuple[datetime, int]
    shedding: frozenset[str] = frozenset()
    stretches: list[Stretch] = field(default_factory=list)

    @classmethod
    def of(cls, load: Load, conditions: Conditions, bounds: range, target: int) -> "Playback":
        """Return the begin: as many gateways as hold the first load at the target, within bounds.

        Args:
            load: the load.
            conditions: the fleet's.
            bounds: the sizes that the fleet may have.
            target: percent of a gateway's capacity.
        """
        smallest = ceil(load.wanted[0] * 100 / (conditions.capacity * target))
        replicas = min(max(smallest, bounds[0]), bounds[-1])
        changes = iter(zip(load.times[1:], load.wanted[1:], strict=True))
        return cls(
            fleet=Fleet.of(conditions, load.times[0], replicas, load.wanted[0]),
            end=load.times[-1],
            changes=changes,
            change=next(changes),
        )

    @property
    def is_over(self) -> bool:
        """Whether the load has ended."""
        return self.fleet.now >= self.end

    def play(self, pause: timedelta, *, until_ready: bool) -> None:
        """Let a pause pass; less if the load ends, or a gateway becomes ready and that counts."""
        fleet = self.fleet
        until = min(fleet.now + pause, self.end)
        ready = fleet.next_ready
        if until_ready and ready is not None:
            until = min(until, ready)
        while fleet.now < until:
            self._pass(min(until, self.change[0]))
            if fleet.now == self.change[0]:
                fleet.want(self.change[1])
                self.change = next(self.changes, self.change)

    def _pass(self, to: datetime) -> None:
        fleet = self.fleet
        self.stretches.append(
            Stretch(
                begin=fleet.now,
                end=to,
                wanted=fleet.wanted,
                serving=sum(p.is_ready or p.uid in self.shedding for p in fleet.pods),
                replicas=fleet.replicas,
                hottest=fleet.hottest,
            )
        )
        fleet.advance(to)

    def run(self) -> Run:
        """Return the record so far."""
        fleet = self.fleet
        return Run(
            capacity=fleet.conditions.capacity,
            stretches=tuple(self.stretches),
            moved=fleet.moved,
            cut=fleet.cut,
            refused=fleet.refused,
        )
