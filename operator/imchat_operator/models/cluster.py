"""ImChatCluster, spec: what users ask for."""

from datetime import timedelta

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations
from imchat_operator.models.dependencies import Dependency, unique_names
from imchat_operator.models.healing import Healing
from imchat_operator.models.metrics import Metrics
from imchat_operator.models.scaling import Scaling
from imchat_operator.units import Duration, PositiveDuration

READINESS_GATE = "imchat.dev/accepting-connections"


class TargetRef(Model):
    """The workload that runs the gateways, in the same namespace."""

    api_version: str = Field(
        "apps/v1",
        max_length=128,
        pattern="^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z]([-a-z0-9]*[a-z0-9])?$",
        description="API group and version.",
    )
    kind: str = Field(
        "Deployment",
        max_length=63,
        pattern="^[A-Za-z][A-Za-z0-9]*$",
        description="Any kind with a scale subresource.",
    )
    name: str = Field(
        min_length=1,
        max_length=253,
        pattern="^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="Name of the workload.",
    )


class Draining(Model):
    """How connections leave a gateway before it is removed."""

    connections_per_second: int = Field(
        100, ge=1, le=10_000, description="Pace of closing, over all gateways drained at a time."
    )
    deregister_delay: Duration = Field(
        timedelta(seconds=10),
        description="Wait after a gateway stops accepting, until load balancers know it.",
    )
    deadline: PositiveDuration = Field(
        timedelta(minutes=10), description="Longest drain; what is left then is cut and reported."
    )
    residual: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Connections that count as none, such as a monitor's own; they are cut.",
    )
    slow_above: PositiveDuration = Field(
        timedelta(milliseconds=500),
        description="Answer time of a remaining gateway above which drains slow down.",
    )


_SIZE = {
    "rule": "self.minReplicas <= self.maxReplicas",
    "message": "minReplicas must not be above maxReplicas",
    "fieldPath": ".minReplicas",
}


_TELLABLE = {
    "rule": "self.metrics.source != 'Resource' "
    "|| self.scaling.signals.all(s, s.type in ['CPU', 'Memory'])",
    "message": "source Resource tells CPU and Memory only: choose such signals or another source",
    "fieldPath": ".scaling.signals",
}
_GIVEN_METRIC = {
    "rule": "self.metrics.source != 'Pods' || self.scaling.signals.all("
    "s, !(s.type in ['Network', 'Disk']) || (has(s.query) && s.query != ''))",
    "message": "with source Pods a signal of type Network or Disk needs query: "
    "the name of the gateway's metric",
    "fieldPath": ".scaling.signals",
}
_OWN_FIGURES = {
    "rule": "self.metrics.source != 'Pods' || self.scaling.signals.all("
    "s, s.type != 'Connections' || (!has(s.capacity) && (!has(s.query) || s.query == '')))",
    "message": "with source Pods the signal Connections is read as metrics.pods says: "
    "remove its query and capacity",
    "fieldPath": ".scaling.signals",
}
_KNOWN_QUERY = {
    "rule": "self.metrics.source != 'Prometheus' || self.scaling.signals.all("
    "s, s.type != 'Disk' || (has(s.query) && s.query != ''))",
    "message": "with source Prometheus a signal of type Disk needs query: PromQL by pod",
    "fieldPath": ".scaling.signals",
}


class ImChatClusterSpec(Model):
    """A fleet of WebSocket gateways to heal and scale."""

    model_config = ConfigDict(
        json_schema_extra=validations(_SIZE, _TELLABLE, _GIVEN_METRIC, _OWN_FIGURES, _KNOWN_QUERY)
    )

    target_ref: TargetRef = Field(description="The workload that runs the gateways.")
    min_replicas: int = Field(2, ge=1, le=1000, description="The fleet is never smaller.")
    max_replicas: int = Field(ge=1, le=1000, description="The fleet is never larger.")
    gateway_port: int = Field(
        8080, ge=1, le=65535, description="Port of the gateway's /metrics and /drain."
    )
    metrics: Metrics = Field(Metrics(), description="Where utilization comes from.")
    scaling: Scaling = Field(Scaling(), description="When the fleet grows and shrinks.")
    draining: Draining = Field(Draining(), description="How connections leave a gateway.")
    healing: Healing = Field(Healing(), description="What is repaired, and how much at a time.")
    dependencies: tuple[Dependency, ...] = Field(
        (),
        max_length=16,
        description="What the gateways need themselves: while one is down, a gateway that looks "
        "ill because of it is not repaired.",
        json_schema_extra=unique_names(),
    )
