"""How loaded the fleet is, and whether that can be believed.

Each signal is brought to percent of what the gateways in rotation can carry; utilization is the
highest of them. Three figures are kept of each: the estimate (a gateway without a figure carries
what the others do), the least (it carries nothing) and the most (it carries all that it can).
Growth is decided on the least, shrinking on the most, so that a missing figure never turns a
decision. (Kubernetes' HorizontalPodAutoscaler has the same rule.)
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf

from imchat_operator.core.snapshot import (
    Figure,
    Gateway,
    Measured,
    Measurement,
    Reported,
    Snapshot,
    Unmeasured,
    Unreadable,
)
from imchat_operator.models import Drain, Metrics, MetricsSource, Purpose, Signal, SignalType
from imchat_operator.units import duration_text

CONNECTIONS = "connections"
_SHORTEST_MAX_AGE = timedelta(minutes=1)

# Handbook, capacity targets, in percent.
_PRESSURE = {
    SignalType.CONNECTIONS: 80,
    SignalType.CPU: 70,
    SignalType.MEMORY: 80,
    SignalType.DISK: 75,
    SignalType.NETWORK: 60,
    SignalType.QUERY: 75,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """The load of the fleet by one signal.

    Attributes:
        signal: its name.
        unit: of loads and capacities, in words.
        load: what the fleet carries, estimated for gateways without a figure.
        least: the same if those carry nothing.
        capacity: what one gateway can carry (mean).
        rotation: gateways that carry it.
        limit: the signal's capacity target in percent.
        figures: of the gateways in rotation; one without is missing.
        base: what 100 % is, where that does not go without saying.
        doubts: why other signals, which may be higher, are not known.
        others: the other known signals, which are lower by the estimate.
    """

    signal: str
    unit: str
    load: float
    least: float
    capacity: float
    rotation: int
    limit: int
    figures: tuple[Figure, ...]
    base: str = ""
    doubts: tuple[str, ...] = ()
    others: "tuple[Utilization, ...]" = ()

    @property
    def percent(self) -> float:
        """The load in percent of what the gateways in rotation can carry."""
        return 100 * self.load / (self.capacity * self.rotation)

    @property
    def most(self) -> float:
        """The load if gateways without a figure carry all they can.

        Infinite while another signal, which may be higher, is not known.
        """
        missing = self.rotation - len(self.figures)
        return inf if self.doubts else self.least + missing * self.capacity

    @property
    def least_percent(self) -> float:
        """`least` in percent, of the signal where it is highest."""
        own = 100 * self.least / (self.capacity * self.rotation)
        return max((own, *(o.least_percent for o in self.others)))

    @property
    def most_percent(self) -> float:
        """`most` in percent, of the signal where it is highest."""
        own = 100 * self.most / (self.capacity * self.rotation)
        return max((own, *(o.most_percent for o in self.others)))

    @property
    def text(self) -> str:
        """The figure as conditions and Events show it."""
        of = f" of {self.base}" if self.base else ""
        return f"{self.percent:.0f}%, {self.signal}{of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The load can't be told, and why; `is_idle` if all gateways say that there is none."""

    why: str
    is_idle: bool = False


Load = Utilization | Unknown


def signal_name(signal: Signal) -> str:
    """Return what a signal is called in conditions and Events."""
    return signal.name if signal.type is SignalType.QUERY else signal.type.lower()


def pressure_above(signal: Signal) -> int:
    """Return a signal's capacity target in percent."""
    return signal.pressure_above or _PRESSURE[signal.type]


def max_age(metrics: Metrics) -> timedelta:
    """Return the age from which on a figure counts as missing."""
    return metrics.max_age or max(_SHORTEST_MAX_AGE, 2 * metrics.interval)


def leaving(drains: Iterable[Drain]) -> frozenset[str]:
    """Return the uids of the gateways on their way out; a rebalance's stay."""
    return frozenset(d.uid for d in drains if d.purpose is not Purpose.REBALANCE)


def donors(drains: Iterable[Drain]) -> frozenset[str]:
    """Return the uids of the gateways that shed connections for a rebalance."""
    return frozenset(d.uid for d in drains if d.purpose is Purpose.REBALANCE)


def rotation(gateways: tuple[Gateway, ...], drains: tuple[Drain, ...]) -> tuple[Gateway, ...]:
    """Return the gateways that take new connections, or will again after a rebalance."""
    out, shedding = leaving(drains), donors(drains)
    return tuple(
        g
        for g in gateways
        if not g.terminating
        and g.uid not in out
        and ((g.ready and g.accepting is not False) or (g.uid in shedding and g.running))
    )


def _bearing(gateways: tuple[Gateway, ...], drains: tuple[Drain, ...]) -> tuple[Gateway, ...]:
    """Return the gateways whose capacity counts: those in rotation.

    If overload made all of them unready: those that run, or nobody could tell how loaded they are.
    """
    out = leaving(drains)
    running = (g for g in gateways if g.running and not g.terminating and g.uid not in out)
    return rotation(gateways, drains) or tuple(running)


def utilizations(snapshot: Snapshot) -> tuple[Load, ...]:
    """Return the load by each signal, in the spec's order."""
    oldest = max_age(snapshot.spec.metrics)
    if snapshot.now - snapshot.sampled_at > oldest:
        why = f"the latest sample is older than {duration_text(oldest)}"
        return (Unknown(why=why),)
    bearing = _bearing(snapshot.gateways, snapshot.history.drains)
    return tuple(
        _utilization(snapshot, signal, _measurement(snapshot, signal), bearing)
        for signal in snapshot.spec.scaling.signals
    )


def highest(loads: Iterable[Load]) -> Load:
    """Return the load of the fleet: its highest signal, with the others, known or in doubt."""
    found = tuple(loads)
    known = [load for load in found if isinstance(load, Utilization)]
    unknown = [load for load in found if isinstance(load, Unknown)]
    doubts = tuple(load.why for load in unknown)
    if not known:
        return Unknown(why="; ".join(doubts), is_idle=all(load.is_idle for load in unknown))
    top = max(known, key=lambda load: load.percent)
    others = tuple(load for load in known if load is not top)
    return replace(top, doubts=doubts, others=others) if doubts or others else top


def _measurement(snapshot: Snapshot, signal: Signal) -> Measurement:
    is_own = snapshot.spec.metrics.source is MetricsSource.PODS
    if is_own and signal.type is SignalType.CONNECTIONS:
        return _own_connections(snapshot)
    name = signal_name(signal)
    given = (m for m in snapshot.measurements if m.signal == name)
    return next(given, Unmeasured(signal=name, why="it has not been measured yet"))


def _own_connections(snapshot: Snapshot) -> Measured:
    figures = tuple(
        Figure(
            uid=g.uid,
            value=g.reading.connections,
            capacity=g.reading.capacity,
            at=snapshot.sampled_at,
        )
        for g in snapshot.gateways
        if isinstance(g.reading, Reported)
    )
    return Measured(signal=CONNECTIONS, unit=CONNECTIONS, figures=figures)


def _utilization(
    snapshot: Snapshot, signal: Signal, measurement: Measurement, bearing: tuple[Gateway, ...]
) -> Load:
    name = measurement.signal
    if isinstance(measurement, Unmeasured):
        return Unknown(why=f"{name}: {measurement.why}")
    if not bearing:
        return Unknown(why="no gateway takes connections")
    policy = snapshot.spec.metrics
    oldest = snapshot.sampled_at - max_age(policy)
    by_uid = {f.uid: f for f in measurement.figures if f.at >= oldest}
    inside = [by_uid[g.uid] for g in bearing if g.uid in by_uid]
    if len(inside) * 100 < policy.coverage * len(bearing):
        untold = (g for g in bearing if g.uid not in by_uid)
        unread = (_unread(g) for g in untold if policy.source is MetricsSource.PODS)
        why = _uncovered(measurement, len(inside), len(bearing), policy)
        return Unknown(why=why + next(filter(None, unread), ""))
    capacity = sum(f.capacity for f in inside) / len(inside)
    if capacity <= 0:
        return Unknown(why=f"{name}: the gateways report a maximum of 0")
    bearers = {g.uid for g in bearing}
    outside = [g for g in snapshot.gateways if g.uid not in bearers and not g.terminating]
    elsewhere = sum(by_uid[g.uid].value for g in outside if g.uid in by_uid)
    total = sum(f.value for f in inside)
    if total + elsewhere <= 0:
        return Unknown(
            why=f"{name}: all {len(bearing)} gateways report 0, which live ones seldom are",
            is_idle=True,
        )
    return Utilization(
        signal=name,
        unit=measurement.unit,
        load=total * len(bearing) / len(inside) + elsewhere,
        least=total + elsewhere,
        capacity=capacity,
        rotation=len(bearing),
        limit=pressure_above(signal),
        figures=tuple(inside),
        base=measurement.base,
    )


def _unread(gateway: Gateway) -> str:
    """Return what is wrong with a gateway's figures, as an example; nothing if it gives none."""
    if not isinstance(gateway.reading, Unreadable):
        return ""
    return f"; {gateway.name}: {gateway.reading.why}"


def _uncovered(measurement: Measured, reporting: int, expected: int, policy: Metrics) -> str:
    stale = len(measurement.figures) - reporting
    old = f" ({stale} figures older than {duration_text(max_age(policy))})" if stale > 0 else ""
    return (
        f"{reporting} of {expected} gateways report their {measurement.signal}{old}, "
        f"{policy.coverage}% are needed"
    )
