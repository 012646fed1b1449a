"""A HorizontalPodAutoscaler as values: its spec, what it sees, remembers and decides."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Why = Literal[
    "ScalingDisabled",
    "FailedGetPodsMetric",
    "TooManyReplicas",
    "TooFewReplicas",
    "ScaleUpLimit",
    "ScaleDownLimit",
    "ScaleUpStabilized",
    "ScaleDownStabilized",
    "DesiredWithinRange",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMetric:
    """A pod of the target, and its sample.

    Attributes:
        name: the pod's name.
        is_ready: its Ready condition; a Pods metric does not ask for it.
        is_pending: its phase is Pending.
        is_ignored: it is terminating, or its phase is Failed.
        value: the sample in milli-units; None if there is none.
    """

    name: str
    is_ready: bool = True
    is_pending: bool = False
    is_ignored: bool = False
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """At most so many pods, or percent of the pods at its start, within any period."""

    type: Literal["Pods", "Percent"]
    value: int
    period_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRules:
    """What holds for one direction.

    Attributes:
        stabilization_seconds: how long a recommendation is remembered.
        select: which policy wins: the one that allows the largest change, the smallest, or none.
        policies: at least one, as the API demands.
        tolerance: how far the ratio of usage to target may be from 1 before anything is done.
    """

    stabilization_seconds: int
    select: Literal["Max", "Min", "Disabled"]
    policies: tuple[ScalingPolicy, ...]
    tolerance: float = 0.1


DEFAULT_UP = ScalingRules(
    stabilization_seconds=0,
    select="Max",
    policies=(
        ScalingPolicy(type="Pods", value=4, period_seconds=15),
        ScalingPolicy(type="Percent", value=100, period_seconds=15),
    ),
)
DEFAULT_DOWN = ScalingRules(
    stabilization_seconds=300,
    select="Max",
    policies=(ScalingPolicy(type="Percent", value=100, period_seconds=15),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaSpec:
    """An autoscaler.

    Attributes:
        min_replicas: at least 1.
        max_replicas: not less than `min_replicas`.
        average_value: the target, in milli-units a pod.
        scale_up: `behavior.scaleUp`, with the API's defaults filled in.
        scale_down: `behavior.scaleDown`, likewise.
        has_behavior: whether the manifest has a `behavior` at all. Without it the controller
            ignores policies: it grows to 4 or to twice the size per sync, and shrinks to
            the highest recommendation within `scale_down.stabilization_seconds`.
    """

    min_replicas: int
    max_replicas: int
    average_value: int
    scale_up: ScalingRules = DEFAULT_UP
    scale_down: ScalingRules = DEFAULT_DOWN
    has_behavior: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A recommendation of an earlier sync, or by how many replicas one changed the size."""

    at: datetime
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaState:
    """What the controller remembers of an autoscaler, in memory only: empty after its restart."""

    recommendations: tuple[Remembered, ...] = ()
    scale_ups: tuple[Remembered, ...] = ()
    scale_downs: tuple[Remembered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaDecision:
    """The replicas to have, and the reason, as the conditions of an HPA name it."""

    replicas: int
    why: Why
