"""How loaded the fleet is, for how long, and what size it should have.

Utilization is client connections in percent of what the gateways in rotation can hold. A rule
`above 70 for 15m` is met strictly above 70, and sustained when the first and the latest sample
of an unbroken streak lie at least 15 minutes apart. A sample on the threshold ends the streak; no
sample (unknown load) neither feeds nor ends it, until the gap gets longer than `max_gap`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from imchat_operator.core.snapshot import Gateway, Reported
from imchat_operator.models import (
    ImChatClusterSpec,
    Metrics,
    ScaleDownRule,
    ScaleUpRule,
    Streak,
)
from imchat_operator.units import duration_text

# Share of the gateways in rotation that must report before their load is believed, in percent.
COVERAGE = 80
# Handbook, capacity targets: connections at most 80 % of the maximum. Headroom is measured
# against it: after `failureHeadroom` losses, the rest is not above it.
CAPACITY_TARGET = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """The load of the fleet.

    Attributes:
        connections: client connections, estimated for gateways that did not report.
        capacity: connections that one gateway can hold (mean).
        rotation: gateways that take connections.
    """

    connections: int
    capacity: int
    rotation: int

    @property
    def percent(self) -> float:
        """Connections in percent of what the gateways in rotation can hold."""
        return 100 * self.connections / (self.capacity * self.rotation)

    @property
    def text(self) -> str:
        """The figure as conditions and Events show it."""
        return f"{self.percent:.0f}%, connections"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The load can't be told, and why."""

    why: str


def rotation(gateways: tuple[Gateway, ...], drained: frozenset[str]) -> tuple[Gateway, ...]:
    """Return the gateways that take new connections."""
    return tuple(
        g
        for g in gateways
        if g.ready and not g.terminating and g.accepting is not False and g.uid not in drained
    )


def utilization(gateways: tuple[Gateway, ...], drained: frozenset[str]) -> Utilization | Unknown:
    """Return the load of the fleet.

    Connections on gateways out of rotation (drained, unready) count as load, since they will come
    back to the others; the capacity of such gateways does not count.
    """
    in_rotation = rotation(gateways, drained)
    readings = [g.reading for g in in_rotation if isinstance(g.reading, Reported)]
    if not in_rotation:
        return Unknown(why="no gateway takes connections")
    if len(readings) * 100 < COVERAGE * len(in_rotation):
        return Unknown(
            why=f"{len(readings)} of {len(in_rotation)} gateways report their connections, "
            f"{COVERAGE}% are needed"
        )
    capacity = sum(r.capacity for r in readings) // len(readings)
    if capacity <= 0:
        return Unknown(why="the gateways report a maximum of 0 connections")
    mean = sum(r.connections for r in readings) / len(readings)
    inside = {g.uid for g in in_rotation}
    elsewhere = sum(g.connections for g in gateways if g.uid not in inside and not g.terminating)
    return Utilization(
        connections=round(mean * len(in_rotation)) + elsewhere,
        capacity=capacity,
        rotation=len(in_rotation),
    )


Rule = ScaleUpRule | ScaleDownRule


def rules(spec: ImChatClusterSpec) -> tuple[Rule, ...]:
    """Return all rules of a cluster, those for growth first."""
    return (*spec.scaling.scale_up, *spec.scaling.scale_down)


def rule_text(rule: Rule) -> str:
    """Return a rule in words; it also names the rule's streak."""
    match rule:
        case ScaleUpRule(above=above):
            return f"above {above}% for {duration_text(rule.for_)}"
        case ScaleDownRule(below=below):
            return f"below {below}% for {duration_text(rule.for_)}"


def is_met(rule: Rule, percent: float) -> bool:
    """Return whether a sample meets a rule: strictly above, strictly below."""
    match rule:
        case ScaleUpRule(above=above):
            return percent > above
        case ScaleDownRule(below=below):
            return percent < below


def max_gap(metrics: Metrics) -> timedelta:
    """Return the longest time without a sample that a streak survives.

    Samples are written to status every second interval, so that the gap seen after a restart
    is up to two intervals longer than the real one.
    """
    return 4 * metrics.interval


def streaks(
    spec: ImChatClusterSpec,
    replicas: int,
    before: tuple[Streak, ...],
    load: Utilization | Unknown,
    sampled_at: datetime,
) -> tuple[Streak, ...]:
    """Return the streaks after one more sample; the same sample again changes nothing.

    A fleet of minReplicas keeps no streak towards less: nothing could come of it.
    """
    gap = max_gap(spec.metrics)
    # A streak of the future is one of a clock that was set back since.
    known = {s.rule: s for s in before if s.since <= sampled_at <= s.last + gap}
    result = []
    for rule in rules(spec):
        if isinstance(rule, ScaleDownRule) and replicas <= spec.min_replicas:
            continue
        name = rule_text(rule)
        streak = known.get(name)
        match load:
            case Unknown():
                if streak is not None:
                    result.append(streak)
            case Utilization() if is_met(rule, load.percent):
                since = streak.since if streak is not None else sampled_at
                result.append(Streak(rule=name, since=since, last=sampled_at))
    return tuple(result)


def is_sustained(rule: Rule, running: tuple[Streak, ...]) -> bool:
    """Return whether a rule's streak covers its whole time."""
    return any(s.rule == rule_text(rule) and s.last - s.since >= rule.for_ for s in running)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A number of gateways, and how it came about in words."""

    replicas: int
    why: str


def desired_size(load: Utilization, spec: ImChatClusterSpec) -> Size:
    """Return the size that brings the load to the target, with headroom, within the bounds.

    Source: the HPA's ceil(load / target), on absolute load instead of a ratio of replicas, so that
    gateways which are still starting are not asked for twice.
    """
    per_gateway = f"{load.connections} connections at {load.capacity} a gateway"
    target = spec.scaling.target
    by_target = ceil(load.connections * 100 / (load.capacity * target))
    spare = spec.scaling.failure_headroom
    by_headroom = ceil(load.connections * 100 / (load.capacity * CAPACITY_TARGET)) + spare
    size = Size(replicas=by_target, why=f"{per_gateway} need {by_target} for {target}%")
    if by_headroom > by_target:
        size = Size(
            replicas=by_headroom,
            why=f"{per_gateway} need {by_headroom} to stay at {CAPACITY_TARGET}% with {spare} lost",
        )
    if size.replicas < spec.min_replicas:
        return Size(
            replicas=spec.min_replicas, why=f"{size.why}, minReplicas is {spec.min_replicas}"
        )
    if size.replicas > spec.max_replicas:
        return Size(
            replicas=spec.max_replicas, why=f"{size.why}, maxReplicas is {spec.max_replicas}"
        )
    return size


def victims(kind: str, in_rotation: tuple[Gateway, ...], count: int) -> tuple[Gateway, ...]:
    """Return the gateways that a scale-down removes: the least loaded that the target lets go.

    A StatefulSet always removes its highest ordinals, whatever they carry.
    """
    if kind == "StatefulSet":
        ranked = sorted(in_rotation, key=lambda g: -_ordinal(g.name))
    else:
        ranked = sorted(in_rotation, key=lambda g: (g.connections, g.name))
    return tuple(ranked[:count])


def _ordinal(name: str) -> int:
    tail = name.rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def is_too_much_for(load: Utilization, replicas: int, spec: ImChatClusterSpec) -> bool:
    """Return whether a fleet of this size would be above a scale-up threshold at this load.

    Or full, with `failureHeadroom` gateways lost.
    """
    percent = 100 * load.connections / (load.capacity * max(1, replicas))
    left = max(0, replicas - spec.scaling.failure_headroom)
    is_full = load.connections > load.capacity * left
    return is_full or any(percent > rule.above for rule in spec.scaling.scale_up)
