"""Random cases: the same seed and number always give the same case."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from random import Random

from imchat_operator.simulation.hpa import (
    HpaSpec,
    PodMetric,
    ScalingPolicy,
    ScalingRules,
)

LEGACY_WINDOW = 3
"""Seconds of the controller's --horizontal-pod-autoscaler-downscale-stabilization."""

_MOST_SYNCS = 8
_SHORT = (1, 3, 5)
_LONG = 1800
_PERCENTS = (5, 10, 25, 33, 50, 100, 100, 300)
# In milli, as the API's quantities are; 0.1 is the controller's default.
_TOLERANCES = (0, 50, 100, 100, 250)
# Usage in percent of the target, crowded where tolerances end.
_LEVELS = (0, 10, 25, 50, 50, 75, 90, 91, 95, 100, 105, 110, 111, 125, 150, 200, 200, 300, 600)
_SWINGS = (10, 25, 50, 125, 200, 400)

# Shares of all cases, of those within their bounds, and of syncs.
_SWINGING = 0.3
_OUT_OF_BOUNDS = 0.1
_TIMED = 0.6
_WITHOUT_BEHAVIOR = 0.3
_SILENT = 0.05
_CHANGED = 0.7


class PodState(StrEnum):
    """What a pod's status says."""

    READY = auto()
    UNREADY = auto()
    PENDING = auto()
    TERMINATING = auto()
    FAILED = auto()


PODS = (
    *(PodState.READY,) * 5,
    *(PodState.UNREADY,) * 2,
    *(PodState.PENDING,) * 2,
    PodState.TERMINATING,
    PodState.FAILED,
)
"""The pods that cases choose from."""

_RUNNING = tuple(n for n, state in enumerate(PODS) if state in {PodState.READY, PodState.UNREADY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One autoscaler's life.

    Attributes:
        number: tells it from others of its seed.
        spec: the autoscaler.
        replicas: what the target asks for at first.
        pods: which of `PODS` the target's selector matches.
        samples: per sync, the sample of each of `pods`; None is no sample.
    """

    number: int
    spec: HpaSpec
    replicas: int
    pods: tuple[int, ...]
    samples: tuple[tuple[int | None, ...], ...]

    @property
    def is_within_bounds(self) -> bool:
        """Whether the controller asks for figures at its very first sync."""
        return self.spec.min_replicas <= self.replicas <= self.spec.max_replicas

    @property
    def has_short_windows(self) -> bool:
        """Whether its syncs have to keep their time."""
        if not self.spec.has_behavior:
            return True
        both = (self.spec.scale_up, self.spec.scale_down)
        windows = {rules.stabilization_seconds for rules in both}
        periods = {p.period_seconds for rules in both for p in rules.policies}
        return bool((windows | periods) & set(_SHORT))

    def metrics(self, sync: int) -> tuple[PodMetric, ...]:
        """The pods as `step` takes them, at a sync that asks for figures."""
        return tuple(
            PodMetric(
                name=f"pod-{pod}",
                is_ready=PODS[pod] is PodState.READY,
                is_pending=PODS[pod] is PodState.PENDING,
                is_ignored=PODS[pod] in {PodState.TERMINATING, PodState.FAILED},
                value=value,
            )
            for pod, value in zip(self.pods, self.samples[sync], strict=True)
        )


def chosen(seed: int, count: int) -> tuple[Case, ...]:
    """So many random cases, after one that chance hardly ever brings about."""
    return (_TWO_STALE_EVENTS, *(case(seed, number) for number in range(count - 1)))


def case(seed: int, number: int) -> Case:
    """One case of a seed."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - it has to be repeatable, not secret
    return _swinging(chance, number) if chance.random() < _SWINGING else _any(chance, number)


# One pod, so that a sample is the size that it asks for, in thousands. By the fifth sync both
# growths are stale: the later one gives its place to the third, the first limits the shrinkage.
_TWO_STALE_EVENTS = Case(
    number=1_000_000,
    spec=HpaSpec(
        min_replicas=1,
        max_replicas=100,
        average_value=1000,
        scale_up=ScalingRules(
            stabilization_seconds=0,
            select="Max",
            policies=(ScalingPolicy(type="Pods", value=9, period_seconds=1),),
        ),
        scale_down=ScalingRules(
            stabilization_seconds=0,
            select="Max",
            policies=(ScalingPolicy(type="Pods", value=1, period_seconds=_LONG),),
        ),
    ),
    replicas=4,
    pods=(0,),
    samples=((6000,), (7000,), (7000,), (7000,), (10_000,), (10,)),
)


def _any(chance: Random, number: int) -> Case:
    """A case of any kind."""
    least = chance.choice((1, 1, 2, 3, 8))
    most = least + chance.choice((0, 3, 12, 12, 40, 40, 40))
    replicas = chance.randint(least, min(most, least + len(PODS)))
    if chance.random() < _OUT_OF_BOUNDS:
        replicas = chance.choice((0, chance.randrange(least), most + chance.randint(1, 9)))
    spec = HpaSpec(
        min_replicas=least,
        max_replicas=most,
        average_value=chance.choice((1, 7, 500, 1000, chance.randint(1, 100_000))),
    )
    # The moment of a sync that asks for no figures is the controller's own.
    is_timed = least <= replicas <= most and chance.random() < _TIMED
    if is_timed and chance.random() < _WITHOUT_BEHAVIOR:
        held = replace(spec.scale_down, stabilization_seconds=LEGACY_WINDOW)
        spec = replace(spec, has_behavior=False, scale_down=held)
    else:
        seconds = (*_SHORT, _LONG) if is_timed else (_LONG,)
        up, down = (_rules(chance, windows=(0, *seconds), periods=seconds) for _ in range(2))
        spec = replace(spec, scale_up=up, scale_down=down)
    candidates = chance.choice((range(len(PODS)), _RUNNING))
    pods = tuple(
        sorted(chance.sample(candidates, chance.randint(chance.choice((0, 3, 3)), len(candidates))))
    )
    samples = _samples(chance, spec.average_value, len(pods), _LEVELS)
    return Case(
        number=number,
        spec=spec,
        replicas=replicas,
        pods=pods,
        samples=samples if replicas else (),
    )


def _swinging(chance: Random, number: int) -> Case:
    """A case that grows and shrinks: what is remembered of one direction limits the other."""
    ups, downs = chance.choice((((1,), (_LONG,)), ((_LONG,), (1,)), (_SHORT, _SHORT)))
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        average_value=1000,
        scale_up=_rules(chance, windows=(0,), periods=ups),
        scale_down=_rules(chance, windows=(0,), periods=downs),
    )
    return Case(
        number=number,
        spec=spec,
        replicas=chance.randint(1, 12),
        pods=_RUNNING,
        samples=_samples(chance, spec.average_value, len(_RUNNING), _SWINGS),
    )


def _rules(chance: Random, *, windows: Sequence[int], periods: Sequence[int]) -> ScalingRules:
    return ScalingRules(
        stabilization_seconds=chance.choice(windows),
        select=chance.choice(("Max",) * 5 + ("Min",) * 4 + ("Disabled",)),
        policies=tuple(_policy(chance, periods) for _ in range(chance.randint(1, 3))),
        # The controller multiplies; 250 / 1000 may be another float.
        tolerance=chance.choice(_TOLERANCES) * 1e-3,
    )


def _policy(chance: Random, periods: Sequence[int]) -> ScalingPolicy:
    period = chance.choice(periods)
    if chance.choice((True, False)):
        return ScalingPolicy(type="Pods", value=chance.randint(1, 6), period_seconds=period)
    return ScalingPolicy(type="Percent", value=chance.choice(_PERCENTS), period_seconds=period)


def _samples(
    chance: Random, target: int, pods: int, levels: Sequence[int]
) -> tuple[tuple[int | None, ...], ...]:
    """Samples per sync: a level that may hold for some syncs, the same on all pods or spread."""
    missing = chance.choice((0.0, 0.0, 0.0, 0.2, 0.5))
    spread = chance.choice((0.0, 0.3))
    syncs, level = [], chance.choice(levels)
    for _ in range(chance.randint(1, _MOST_SYNCS)):
        is_silent = chance.random() < _SILENT
        if chance.random() < _CHANGED:
            level = chance.choice(levels)
        syncs.append(
            tuple(
                None
                if is_silent or chance.random() < missing
                else round(target * level * chance.uniform(1 - spread, 1 + spread) / 100)
                for _ in range(pods)
            )
        )
    return tuple(syncs)
