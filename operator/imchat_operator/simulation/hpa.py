"""The HorizontalPodAutoscaler's algorithm (autoscaling/v2, one Pods metric), to compare with.

`step` is one sync of the controller in Kubernetes 1.37: it takes what the controller would see and
gives the replicas that it would write. Source: `pkg/controller/podautoscaler` of Kubernetes, whose
arithmetic (whole milli-units, rounding, strict comparisons) this follows to the digit; the suite
compares it with the real controller. No I/O and no clock: the caller says what time it is.

Two rules that surprise:

- Readiness counts for CPU only. A Pods metric of an unready pod is taken like any other; set aside
  are pods that are pending, terminating or failed.
- Scale events are forgotten by the longest policy of their own direction, and only when the next
  one needs their place, so the other direction's policies may see them for longer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import assert_never

from imchat_operator.simulation.hpa_model import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    HpaDecision,
    HpaSpec,
    HpaState,
    PodMetric,
    Remembered,
    ScalingPolicy,
    ScalingRules,
)

__all__ = [
    "DEFAULT_DOWN",
    "DEFAULT_UP",
    "HpaDecision",
    "HpaSpec",
    "HpaState",
    "PodMetric",
    "Remembered",
    "ScalingPolicy",
    "ScalingRules",
    "step",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sync:
    spec: HpaSpec
    state: HpaState
    now: datetime
    replicas: int

    def since(self, seconds: int) -> datetime:
        return self.now - timedelta(seconds=seconds)

    def replicas_before(self, seconds: int) -> int:
        """The size at the start of the period that ends now, as far as scale events tell."""
        start = self.since(seconds)
        added = sum(e.replicas for e in self.state.scale_ups if e.at > start)
        removed = sum(e.replicas for e in self.state.scale_downs if e.at > start)
        return self.replicas - added + removed


def step(
    spec: HpaSpec,
    state: HpaState,
    now: datetime,
    replicas: int,
    pods: tuple[PodMetric, ...],
) -> tuple[HpaState, HpaDecision]:
    """One sync: what the controller remembers after it, and what it decides.

    Args:
        spec: the autoscaler.
        state: what the previous sync left; the default for a new autoscaler.
        now: the time of this sync, not before that of the previous one.
        replicas: what the target asks for at present (`spec.replicas` of its scale).
        pods: all pods that the target's selector matches.
    """
    if not state.recommendations:
        state = replace(state, recommendations=(Remembered(at=now, replicas=replicas),))
    sync = _Sync(spec=spec, state=state, now=now, replicas=replicas)
    if replicas == 0:
        return state, HpaDecision(replicas=0, why="ScalingDisabled")
    if replicas > spec.max_replicas:
        return _written(sync, HpaDecision(replicas=spec.max_replicas, why="TooManyReplicas"))
    if replicas < spec.min_replicas:
        return _written(sync, HpaDecision(replicas=spec.min_replicas, why="TooFewReplicas"))
    proposed = _proposal(spec, replicas, pods)
    if proposed is None:
        return state, HpaDecision(replicas=replicas, why="FailedGetPodsMetric")
    normalized = _normalized if spec.has_behavior else _normalized_without_behavior
    decision = normalized(sync, proposed)
    return _written(replace(sync, state=_recommended(sync, proposed)), decision)


def _proposal(spec: HpaSpec, replicas: int, pods: tuple[PodMetric, ...]) -> int | None:
    """What the metric alone asks for; None if no pod that counts has a sample."""
    target = spec.average_value
    pending = sum(p.is_pending for p in pods if not p.is_ignored)
    counted = [p.value for p in pods if not p.is_ignored and not p.is_pending]
    samples = [value for value in counted if value is not None]
    missing = len(counted) - len(samples)
    if not samples:
        return None

    usage, size = sum(samples), len(samples)
    first = _ratio(usage, size, target)
    if first > 1:
        size += missing + pending
    elif first < 1:
        usage += missing * target
        size += missing
    ratio = _ratio(usage, size, target)

    is_turned = (first < 1 < ratio) or (ratio < 1 < first)
    if is_turned or _is_tolerated(spec, ratio):
        return replicas
    proposed = ceil(ratio * size)
    # Assumed samples may not move the size against what they were assumed for.
    has_assumed = size > len(samples)
    is_backwards = (ratio < 1 and proposed > replicas) or (ratio > 1 and proposed < replicas)
    return replicas if has_assumed and is_backwards else proposed


def _ratio(usage: int, size: int, target: int) -> float:
    # The mean is cut to whole milli-units.
    return (usage // size) / target


def _is_tolerated(spec: HpaSpec, ratio: float) -> bool:
    return 1.0 - spec.scale_down.tolerance <= ratio <= 1.0 + spec.scale_up.tolerance


def _normalized(sync: _Sync, proposed: int) -> HpaDecision:
    """Bring a proposal into what behavior, bounds and the past allow."""
    up, down, recent = sync.spec.scale_up, sync.spec.scale_down, sync.state.recommendations
    up_since = sync.since(up.stabilization_seconds)
    down_since = sync.since(down.stabilization_seconds)
    lowest = min([proposed, *(r.replicas for r in recent if r.at > up_since)])
    highest = max([proposed, *(r.replicas for r in recent if r.at > down_since)])
    wanted = min(max(sync.replicas, lowest), highest)
    if wanted > sync.replicas:
        limit = max(sync.replicas, _scale_up_limit(sync))
        limited = _not_above(sync.spec, wanted, limit)
    elif wanted < sync.replicas:
        limit = min(sync.replicas, _scale_down_limit(sync))
        limited = _not_below(sync.spec, wanted, limit)
    else:
        limited = None
    if limited is not None:
        return limited
    if wanted == proposed:
        return HpaDecision(replicas=wanted, why="DesiredWithinRange")
    is_growth = proposed > sync.replicas
    return HpaDecision(
        replicas=wanted, why="ScaleUpStabilized" if is_growth else "ScaleDownStabilized"
    )


def _normalized_without_behavior(sync: _Sync, proposed: int) -> HpaDecision:
    """Bring a proposal into what bounds, the past, and the older rules of growth allow."""
    since = sync.since(sync.spec.scale_down.stabilization_seconds)
    recent = sync.state.recommendations
    wanted = max([proposed, *(r.replicas for r in recent if r.at >= since)])
    limited = _not_below(sync.spec, wanted, 0) or _not_above(
        sync.spec, wanted, max(2 * sync.replicas, 4)
    )
    if limited is not None:
        return limited
    is_held = wanted != proposed
    return HpaDecision(
        replicas=wanted, why="ScaleDownStabilized" if is_held else "DesiredWithinRange"
    )


def _not_above(spec: HpaSpec, wanted: int, limit: int) -> HpaDecision | None:
    """The upper bound if more is wanted: `limit`, or maxReplicas if it is not above that."""
    bound = min(limit, spec.max_replicas)
    if wanted <= bound:
        return None
    is_paced = limit < spec.max_replicas
    return HpaDecision(replicas=bound, why="ScaleUpLimit" if is_paced else "TooManyReplicas")


def _not_below(spec: HpaSpec, wanted: int, limit: int) -> HpaDecision | None:
    """The lower bound if fewer are wanted: `limit`, or minReplicas if it is not below that."""
    bound = max(limit, spec.min_replicas)
    if wanted >= bound:
        return None
    is_paced = limit > spec.min_replicas
    return HpaDecision(replicas=bound, why="ScaleDownLimit" if is_paced else "TooFewReplicas")


def _scale_up_limit(sync: _Sync) -> int:
    """The most replicas that the policies allow."""

    def most(policy: ScalingPolicy) -> int:
        start = sync.replicas_before(policy.period_seconds)
        match policy.type:
            case "Pods":
                return start + policy.value
            case "Percent":
                return ceil(start * (1 + policy.value / 100))
            case _:
                assert_never(policy.type)

    limits = [most(policy) for policy in sync.spec.scale_up.policies]
    return _selected(sync.spec.scale_up, sync.replicas, limits, least=min, most=max)


def _scale_down_limit(sync: _Sync) -> int:
    """The fewest replicas that the policies allow."""

    def fewest(policy: ScalingPolicy) -> int:
        start = sync.replicas_before(policy.period_seconds)
        match policy.type:
            case "Pods":
                return start - policy.value
            case "Percent":
                return int(start * (1 - policy.value / 100))
            case _:
                assert_never(policy.type)

    limits = [fewest(policy) for policy in sync.spec.scale_down.policies]
    return _selected(sync.spec.scale_down, sync.replicas, limits, least=max, most=min)


def _selected(
    rules: ScalingRules,
    replicas: int,
    limits: Sequence[int],
    *,
    least: Callable[[Sequence[int]], int],
    most: Callable[[Sequence[int]], int],
) -> int:
    """The limit that `selectPolicy` takes: of the least change, of the most, or no change."""
    match rules.select:
        case "Disabled":
            return replicas
        case "Min":
            return least(limits)
        case "Max":
            return most(limits)
        case _:
            assert_never(rules.select)


def _recommended(sync: _Sync, proposed: int) -> HpaState:
    """What is remembered once the metric has asked for a size."""
    spec, state = sync.spec, sync.state
    window = spec.scale_down.stabilization_seconds
    if spec.has_behavior:
        window = max(window, spec.scale_up.stabilization_seconds)
    entry = Remembered(at=sync.now, replicas=proposed)
    kept = _with(state.recommendations, entry, stale_before=sync.since(window))
    return replace(state, recommendations=kept)


def _written(sync: _Sync, decision: HpaDecision) -> tuple[HpaState, HpaDecision]:
    """What is remembered once the decision is carried out."""
    state, change = sync.state, decision.replicas - sync.replicas
    if change == 0 or not sync.spec.has_behavior:
        return state, decision
    event = Remembered(at=sync.now, replicas=abs(change))
    rules = sync.spec.scale_up if change > 0 else sync.spec.scale_down
    stale_before = sync.since(max(p.period_seconds for p in rules.policies))
    if change > 0:
        ups = _with(state.scale_ups, event, stale_before=stale_before)
        return replace(state, scale_ups=ups), decision
    downs = _with(state.scale_downs, event, stale_before=stale_before)
    return replace(state, scale_downs=downs), decision


def _with(
    entries: tuple[Remembered, ...], entry: Remembered, *, stale_before: datetime
) -> tuple[Remembered, ...]:
    """Put an entry in the place of the last stale one, or at the end if none is stale."""
    stale = [n for n, each in enumerate(entries) if each.at < stale_before]
    if not stale:
        return (*entries, entry)
    return (*entries[: stale[-1]], entry, *entries[stale[-1] + 1 :])
