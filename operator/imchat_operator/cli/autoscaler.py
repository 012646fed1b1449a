"""The HorizontalPodAutoscaler to compare with: the API's defaults, or a manifest's settings.

A manifest has one metric: of type Pods with an averageValue in connections, or of type Resource
with an averageUtilization, which then means percent of a gateway's capacity. A trace has no figures
for others.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from imchat_operator.cli.manifests import manifest, valid
from imchat_operator.models import ImChatClusterSpec, Model
from imchat_operator.simulation.hpa import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    HpaSpec,
    ScalingPolicy,
    ScalingRules,
)
from imchat_operator.units import Quantity, parsed_quantity

DEFAULT = "hpa"


class _Policy(Model):
    type: Literal["Pods", "Percent"]
    value: int = Field(ge=1)
    period_seconds: int = Field(ge=1, le=1800)


class _Rules(Model):
    stabilization_window_seconds: int | None = Field(None, ge=0, le=3600)
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    policies: tuple[_Policy, ...] = ()
    tolerance: Quantity | None = None


class _Behavior(Model):
    scale_up: _Rules = _Rules()
    scale_down: _Rules = _Rules()


class _Target(Model):
    average_value: Quantity | None = None
    average_utilization: int | None = Field(None, ge=1)


class _MetricSource(Model):
    target: _Target


class _Metric(Model):
    type: Literal["Pods", "Resource"]
    pods: _MetricSource | None = None
    resource: _MetricSource | None = None


class _Spec(Model):
    min_replicas: int = Field(1, ge=1)
    max_replicas: int = Field(ge=1)
    metrics: tuple[_Metric, ...] = Field(min_length=1, max_length=1)
    behavior: _Behavior | None = None


def autoscaler(against: str, policy: ImChatClusterSpec, capacity: int) -> HpaSpec:
    """Return the autoscaler that a policy is compared with.

    Args:
        against: `hpa` for the policy's bounds and target with default behavior; else a file's name.
        policy: the policy.
        capacity: connections that a gateway holds.

    Raises:
        ValueError: one sentence that names the file and the field.
    """
    if against == DEFAULT:
        return HpaSpec(
            min_replicas=policy.min_replicas,
            max_replicas=policy.max_replicas,
            average_value=_thousandths(capacity, policy.scaling.target),
        )
    path = Path(against)
    found = manifest(path, "HorizontalPodAutoscaler", "autoscaling/v2")
    spec = valid(path, _Spec, found, extra="ignore")
    behavior = spec.behavior or _Behavior()
    return HpaSpec(
        min_replicas=spec.min_replicas,
        max_replicas=spec.max_replicas,
        average_value=_average_value(path, spec.metrics[0], capacity),
        scale_up=_rules(behavior.scale_up, DEFAULT_UP),
        scale_down=_rules(behavior.scale_down, DEFAULT_DOWN),
        has_behavior=spec.behavior is not None,
    )


def _thousandths(capacity: int, percent: int) -> int:
    return capacity * percent * 1000 // 100


def _average_value(path: Path, metric: _Metric, capacity: int) -> int:
    match metric:
        case _Metric(pods=_MetricSource(target=_Target(average_value=str(value)))):
            return max(1, round(parsed_quantity(value) * 1000))
        case _Metric(resource=_MetricSource(target=_Target(average_utilization=int(percent)))):
            return _thousandths(capacity, percent)
        case _:
            raise ValueError(
                f"{path}: spec.metrics[0]: must be of type Pods with pods.target.averageValue, "
                "or of type Resource with resource.target.averageUtilization"
            )


def _rules(given: _Rules, default: ScalingRules) -> ScalingRules:
    window = given.stabilization_window_seconds
    policies = tuple(
        ScalingPolicy(type=p.type, value=p.value, period_seconds=p.period_seconds)
        for p in given.policies
    )
    return ScalingRules(
        stabilization_seconds=default.stabilization_seconds if window is None else window,
        select=given.select_policy,
        policies=policies or default.policies,
        tolerance=0.1 if given.tolerance is None else parsed_quantity(given.tolerance),
    )
