"""ImChatCluster, `spec.metrics`: where utilization comes from, and when it is believed."""

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations
from imchat_operator.units import CEL_DURATION, Percent, PositiveDuration


class MetricsSource(StrEnum):
    """Who tells how loaded the gateways are."""

    PODS = "Pods"
    PROMETHEUS = "Prometheus"
    RESOURCE = "Resource"


class PodMetrics(Model):
    """What to read from each gateway's own metrics endpoint."""

    path: str = Field("/metrics", max_length=256, pattern="^/", description="Path of the endpoint.")
    connections: str = Field(
        "imchat_gateway_connections",
        max_length=128,
        pattern="^[a-zA-Z_:][a-zA-Z0-9_:]*$",
        description="Gauge with the client connections that a gateway holds.",
    )
    max_connections: str = Field(
        "imchat_gateway_connections_max",
        max_length=128,
        pattern="^[a-zA-Z_:][a-zA-Z0-9_:]*$",
        description="Gauge with the most client connections that a gateway accepts.",
    )


class PrometheusMetrics(Model):
    """Which Prometheus to ask; where it is, and with which token, is the administrator's matter."""

    name: str = Field(
        min_length=1,
        max_length=63,
        description="Name of a metric source in the operator's own configuration.",
    )


_NAMED = {
    "rule": "(self.source == 'Prometheus') == has(self.prometheus)",
    "message": "prometheus.name goes with source Prometheus: set both or neither",
    "fieldPath": ".source",
}


_PATIENCE = {
    # `matches` comes first: duration() of other text would be an evaluation error.
    "rule": f"!self.timeout.matches(r'{CEL_DURATION}') "
    "|| duration(self.timeout) <= duration('30s')",
    "message": "timeout must be at most 30s: one gateway that hangs holds up a pass for so long",
    "fieldPath": ".timeout",
}


class Metrics(Model):
    """Where utilization comes from, and when it is believed."""

    model_config = ConfigDict(json_schema_extra=validations(_NAMED, _PATIENCE))

    source: MetricsSource = Field(
        MetricsSource.PODS,
        description="Pods: the gateways' own metrics, read by the operator. Prometheus: PromQL. "
        "Resource: metrics.k8s.io, for CPU and Memory.",
    )
    interval: PositiveDuration = Field(
        timedelta(seconds=15), description="Time between two samples."
    )
    timeout: PositiveDuration = Field(
        timedelta(seconds=2), description="How long a gateway, or the source, may take to answer."
    )
    max_age: PositiveDuration | None = Field(
        None, description="Figures older than this count as missing. Without it: 1m or 2 intervals."
    )
    max_gap: PositiveDuration | None = Field(
        None,
        description="Longest gap between samples that a streak survives. Without it: 4 intervals.",
    )
    coverage: Percent = Field(
        80, description="Share of the ready gateways, in percent, that has to report."
    )
    pods: PodMetrics = Field(PodMetrics(), description="The gateways' metrics endpoint.")
    prometheus: PrometheusMetrics | None = Field(None, description="The Prometheus to ask.")
