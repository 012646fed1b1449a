"""For how long the fleet has been how loaded, and what size it should have.

A rule `above 70 for 15m` is met strictly above 70, and sustained when the first and the latest
sample of an unbroken streak lie at least 15 minutes apart. A sample on the threshold ends the
streak. A sample that can't tell (the load is not known, or the missing figures could turn the
answer) neither feeds nor ends it, until the gap gets longer than `max_gap`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, isinf
from operator import attrgetter

from imchat_operator.core.decision import Reason
from imchat_operator.core.load import CONNECTIONS, Load, Unknown, Utilization
from imchat_operator.core.snapshot import Gateway
from imchat_operator.core.stabilization import remembered
from imchat_operator.models import (
    ImChatClusterSpec,
    Metrics,
    ScaleDownRule,
    ScaleUpRule,
    SizingStep,
    Streak,
)
from imchat_operator.units import duration_text

Rule = ScaleUpRule | ScaleDownRule

# From here on gateways refuse clients, in percent: the load is what they can hold, or any more.
_FULL = 98


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


def is_met(rule: Rule, load: Load) -> bool | None:
    """Return whether a sample meets a rule: strictly above, strictly below; None if it can't tell.

    The answer has to be the same by the least load and by the most (load.py).
    """
    if isinstance(load, Unknown):
        return None
    match rule:
        case ScaleUpRule(above=above):
            by_least, by_most = load.least_percent > above, load.most_percent > above
        case ScaleDownRule(below=below):
            by_least, by_most = load.least_percent < below, load.most_percent < below
    return by_least if by_least == by_most else None


def max_gap(metrics: Metrics) -> timedelta:
    """Return the longest time without a sample that a streak survives.

    Samples are written to status every second interval, so that the gap seen after a restart
    is up to two intervals longer than the real one.
    """
    return metrics.max_gap or 4 * metrics.interval


def streaks(
    spec: ImChatClusterSpec,
    replicas: int,
    before: tuple[Streak, ...],
    load: Load,
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
        answer = is_met(rule, load)
        if answer:
            since = streak.since if streak is not None else sampled_at
            sizes = streak.sizes if streak is not None else ()
            if isinstance(rule, ScaleDownRule) and (size := needed(load, spec)) is not None:
                sizes = remembered(sizes, size.replicas, sampled_at, rule.for_)
            result.append(Streak(rule=name, since=since, last=sampled_at, sizes=sizes))
        elif answer is None and streak is not None:
            result.append(streak)
    return tuple(result)


def is_sustained(rule: Rule, running: tuple[Streak, ...], load: Load) -> bool:
    """Return whether a rule is met now, and its streak covers its whole time."""
    name = rule_text(rule)
    covers = any(s.rule == name and s.last - s.since >= rule.for_ for s in running)
    return covers and is_met(rule, load) is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A size below which the fleet must not be, whose it is, and why in words."""

    replicas: int
    reason: Reason
    why: str


_NO_FLOOR = Floor(replicas=0, reason=Reason.AT_MINIMUM, why="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A number of gateways, how it came about in words, and the clamp that had the last word.

    Attributes:
        by: the rule or floor that asks for it; empty if none does.
        steps: the same way as values: the wish first, then every clamp.
    """

    replicas: int
    why: str
    clamp: Reason | None = None
    by: str = ""
    steps: tuple[SizingStep, ...] = ()

    @classmethod
    def wanted(cls, replicas: int, reason: Reason, why: str, *, by: str = "") -> "Size":
        """Return the size that somebody begins with."""
        return cls(replicas=replicas, why=why, by=by, steps=(_step(replicas, reason, why),))

    def clamped(self, replicas: int, reason: Reason, why: str) -> "Size":
        """Return the size after a clamp, which explains itself."""
        return replace(
            self,
            replicas=replicas,
            why=f"{self.why}, {why}",
            clamp=reason,
            steps=(*self.steps, _step(replicas, reason, why)),
        )


def _step(size: int, reason: Reason, why: str) -> SizingStep:
    return SizingStep(reason=reason, size=size, why=why[:512])


def desired_size(
    amount: float, load: Utilization, spec: ImChatClusterSpec, floor: Floor
) -> Size | None:
    """Return the size that brings a load to the target, with headroom, within the bounds.

    Source: the HPA's ceil(load / target), on absolute load instead of a ratio of replicas, so that
    gateways which are still starting are not asked for twice. Full gateways hide what they
    refuse: their number is at least doubled.

    Args:
        amount: the load, in the unit of `load.capacity`: its least or its most.
        load: the signal that it is of.
        spec: target, headroom and the largest size.
        floor: the smallest size.

    Returns:
        None if the amount is infinite, as that of a signal that is not known.
    """
    if isinf(amount):
        return None
    target = spec.scaling.target
    by_target = ceil(round(amount * 100 / (load.capacity * target), 9))
    spare = spec.scaling.failure_headroom
    by_headroom = ceil(round(amount * 100 / (load.capacity * load.limit), 9)) + spare
    per_gateway = f"{amount_text(amount)} {load.unit} at {amount_text(load.capacity)} a gateway"
    why = f"{per_gateway} need {by_target} for {target}%"
    size = Size.wanted(by_target, Reason.TARGET_UTILIZATION, why)
    if by_headroom > by_target:
        why = f"{per_gateway} need {by_headroom} to stay at {load.limit}% with {spare} lost"
        size = replace(size.clamped(by_headroom, Reason.HEADROOM_KEPT, why), why=why)
    doubled = 2 * load.rotation
    if load.signal == CONNECTIONS and load.least_percent >= _FULL and size.replicas < doubled:
        why = f"those {load.rotation} are full and refuse nobody knows how many: their double"
        size = size.clamped(doubled, Reason.SATURATED, why)
    if size.replicas < floor.replicas:
        size = size.clamped(floor.replicas, floor.reason, floor.why)
    if size.replicas > spec.max_replicas:
        why = f"maxReplicas is {spec.max_replicas}"
        size = size.clamped(spec.max_replicas, Reason.AT_MAXIMUM, why)
    return size


def needed(
    load: Load,
    spec: ImChatClusterSpec,
    floor: Floor = _NO_FLOOR,
    by: Callable[[Utilization], float] = attrgetter("load"),
) -> Size | None:
    """Return the size that the load needs by all signals; None where none of them can tell.

    Args:
        load: the highest signal, which has the others.
        spec: target, headroom and the largest size.
        floor: the smallest size.
        by: the amount of a signal that counts: its estimate, its least or its most.
    """
    if isinstance(load, Unknown):
        return None
    sizes = [desired_size(by(one), one, spec, floor) for one in (load, *load.others)]
    return max((s for s in sizes if s is not None), key=lambda s: s.replicas, default=None)


def stabilized(size: Size, rule: ScaleDownRule, running: tuple[Streak, ...]) -> Size:
    """Return a size that a rule shrinks to, or the largest one needed within the rule's time."""
    name = rule_text(rule)
    sizes = [s.size for streak in running if streak.rule == name for s in streak.sizes]
    largest = max(sizes, default=0)
    if size.replicas >= largest:
        return size
    why = f"{largest} were needed within the last {duration_text(rule.for_)}"
    return size.clamped(largest, Reason.SCALE_DOWN_STABILIZED, why)


def amount_text(amount: float) -> str:
    """Return an amount of load to three digits, or to the unit."""
    return f"{amount:.0f}" if amount >= 100 or amount == int(amount) else f"{amount:.3g}"  # noqa: PLR2004


def victims(kind: str, in_rotation: tuple[Gateway, ...], count: int) -> tuple[Gateway, ...]:
    """Return the gateways that a scale-down removes: the least loaded that the target lets go.

    A StatefulSet always removes its highest ordinals, whatever they carry. A gateway that does not
    tell what it holds comes last.
    """
    if kind == "StatefulSet":
        ranked = sorted(in_rotation, key=lambda g: -_ordinal(g.name))
    else:
        ranked = sorted(in_rotation, key=_burden)
    return tuple(ranked[:count])


def _burden(gateway: Gateway) -> tuple[bool, int, str]:
    known = gateway.known_connections
    return known is None, known or 0, gateway.name


def _ordinal(name: str) -> int:
    tail = name.rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def overload_after(load: Utilization, leaving: frozenset[str], most_percent: int) -> str:
    """Return which remaining gateway would be above a limit if others left, or nothing.

    What the others carry is shared evenly by those that stay; one without a figure counts as full.

    Args:
        load: one signal.
        leaving: uids of the gateways that leave.
        most_percent: the limit, of a gateway's own capacity.
    """
    staying = [f for f in load.figures if f.uid not in leaving]
    count = load.rotation - len(leaving)
    if len(staying) < count or count < 1:
        return f"what {count - len(staying)} of the remaining gateways carry is not known"
    share = (load.most - sum(f.value for f in staying)) / count
    hottest = max(100 * (f.value + share) / f.capacity if f.capacity else 0 for f in staying)
    if hottest <= most_percent:
        return ""
    return (
        f"the fullest of the {count} that stay would be at {hottest:.0f}% {load.signal}, "
        f"{most_percent}% is the most"
    )


def is_too_much_for(
    amount: float, load: Utilization, replicas: int, spec: ImChatClusterSpec
) -> bool:
    """Return whether a fleet of this size would be above a scale-up threshold at this load.

    Or full, with `failureHeadroom` gateways lost.

    Args:
        amount: the load, in the unit of `load.capacity`: its estimate or its most.
        load: the signal that it is of.
        replicas: the size in question.
        spec: thresholds and headroom.
    """
    percent = 100 * amount / (load.capacity * max(1, replicas))
    left = max(0, replicas - spec.scaling.failure_headroom)
    is_full = amount > load.capacity * left
    return is_full or any(percent > rule.above for rule in spec.scaling.scale_up)
