"""Autoscalers, pods and lives of a fleet, for the tests of the HPA."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from imchat_operator.simulation.hpa import (
    HpaDecision,
    HpaSpec,
    HpaState,
    PodMetric,
    ScalingPolicy,
    ScalingRules,
    step,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TARGET = 1000
FREE = ScalingRules(
    stabilization_seconds=0,
    select="Max",
    policies=(ScalingPolicy(type="Pods", value=1000, period_seconds=1),),
)
PENDING = PodMetric(name="pending", is_pending=True, value=None)
IGNORED = PodMetric(name="ignored", is_ignored=True, value=9000)


def spec(up: ScalingRules = FREE, down: ScalingRules = FREE) -> HpaSpec:
    """An autoscaler between 1 and 100 that nothing else slows down."""
    return HpaSpec(
        min_replicas=1, max_replicas=100, average_value=TARGET, scale_up=up, scale_down=down
    )


def pods(*values: int | None) -> tuple[PodMetric, ...]:
    """Ready pods with these samples, in milli-units."""
    return tuple(PodMetric(name=f"pod-{n}", value=value) for n, value in enumerate(values))


def paced(
    kind: Literal["Pods", "Percent"], value: int, period: int, *more: tuple[str, int, int]
) -> ScalingRules:
    """Rules of one or more policies, of which the one that allows most is selected."""
    policies = [(kind, value, period), *more]
    return replace(
        FREE,
        policies=tuple(
            ScalingPolicy(type="Pods" if k == "Pods" else "Percent", value=v, period_seconds=p)
            for k, v, p in policies
        ),
    )


def decided(hpa: HpaSpec, replicas: int, seen: tuple[PodMetric, ...]) -> HpaDecision:
    """What an autoscaler without a past decides."""
    return step(hpa, HpaState(), NOON, replicas, seen)[1]


Sync = tuple[float, int]
"""Seconds after noon, and the usage of each pod in percent of the target."""


def life_of(hpa: HpaSpec, replicas: int, *syncs: Sync) -> tuple[list[int], HpaState]:
    """The size after each sync; all pods that are asked for are there and bear the same load."""
    state, after = HpaState(), []
    for seconds, percent in syncs:
        seen = pods(*[TARGET * percent // 100] * replicas)
        now = NOON + timedelta(seconds=seconds)
        state, decision = step(hpa, state, now, replicas, seen)
        replicas = decision.replicas
        after.append(replicas)
    return after, state


def sizes(hpa: HpaSpec, replicas: int, *syncs: Sync) -> list[int]:
    """The size after each sync."""
    return life_of(hpa, replicas, *syncs)[0]


def held(seconds: int) -> ScalingRules:
    """Rules that remember recommendations for so long."""
    return replace(FREE, stabilization_seconds=seconds)
