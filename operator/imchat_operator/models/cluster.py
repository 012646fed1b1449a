"""ImChatCluster, spec: what users ask for."""

from datetime import timedelta

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations
from imchat_operator.units import Duration, Percent, PositiveDuration

READINESS_GATE = "imchat.dev/accepting-connections"


class TargetRef(Model):
    """The workload that runs the gateways, in the same namespace."""

    api_version: str = Field("apps/v1", max_length=128, description="API group and version.")
    kind: str = Field("Deployment", max_length=63, description="Any kind with a scale subresource.")
    name: str = Field(min_length=1, max_length=253, description="Name of the workload.")


class PodMetrics(Model):
    """What to read from each gateway's own metrics endpoint."""

    path: str = Field("/metrics", max_length=256, pattern="^/", description="Path of the endpoint.")
    connections: str = Field(
        "imchat_gateway_connections",
        max_length=128,
        description="Gauge with the client connections that a gateway holds.",
    )
    max_connections: str = Field(
        "imchat_gateway_connections_max",
        max_length=128,
        description="Gauge with the most client connections that a gateway accepts.",
    )


class Metrics(Model):
    """Where utilization comes from: the gateways' own metrics, read by the operator."""

    interval: PositiveDuration = Field(
        timedelta(seconds=15),
        description="Time between two samples. A gap longer than four of them restarts a streak.",
    )
    timeout: PositiveDuration = Field(
        timedelta(seconds=2), description="How long a gateway may take to answer."
    )
    pods: PodMetrics = Field(PodMetrics(), description="The gateways' metrics endpoint.")


class ScaleUpRule(Model):
    """Scale up once utilization has stayed above a threshold for a while."""

    above: Percent = Field(description="Utilization in percent; the rule asks for more than that.")
    for_: Duration = Field(
        alias="for", description="How long it has to stay there, without a sample to the contrary."
    )


class ScaleDownRule(Model):
    """Scale down once utilization has stayed below a threshold for a while."""

    below: Percent = Field(description="Utilization in percent; the rule asks for less than that.")
    for_: Duration = Field(
        alias="for", description="How long it has to stay there, without a sample to the contrary."
    )


_BANDS = {
    "rule": "self.scaleDown.all(d, self.scaleUp.all(u, d.below < u.above))",
    "message": "scaleDown[].below must be lower than every scaleUp[].above, "
    "or the fleet would grow and shrink at the same load",
    "fieldPath": ".scaleDown",
}
_TARGET_BAND = {
    "rule": "self.scaleUp.all(u, self.target < u.above) "
    "&& self.scaleDown.all(d, self.target >= d.below)",
    "message": "target must lie between scaleDown[].below and scaleUp[].above, "
    "or each change of size would call for the next",
    "fieldPath": ".target",
}


class Scaling(Model):
    """When the fleet grows and shrinks, and to what size."""

    model_config = ConfigDict(json_schema_extra=validations(_BANDS, _TARGET_BAND))

    target: Percent = Field(60, description="Utilization in percent that a change of size aims at.")
    scale_up: tuple[ScaleUpRule, ...] = Field(
        (ScaleUpRule(above=70, for_=timedelta(minutes=15)),),
        max_length=8,
        description="Any one of these rules is enough to scale up.",
    )
    scale_down: tuple[ScaleDownRule, ...] = Field(
        (ScaleDownRule(below=30, for_=timedelta(hours=1)),),
        max_length=8,
        description="Any one of these rules is enough to scale down.",
    )
    failure_headroom: int = Field(
        1,
        ge=0,
        le=100,
        description="Gateways that may be lost without the rest being overloaded.",
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


class Healing(Model):
    """What counts as a failed gateway, and how much is repaired at a time."""

    restarts: int = Field(
        3, ge=1, le=1000, description="Restarts that make a back-off a crash loop."
    )
    unresponsive_for: PositiveDuration = Field(
        timedelta(seconds=30), description="Silence of a running gateway that counts as a hang."
    )
    not_ready_for: PositiveDuration = Field(
        timedelta(minutes=2), description="Time a gateway, or its node, may be not ready."
    )
    max_concurrent: int = Field(1, ge=1, le=16, description="Gateways repaired at the same time.")
    min_healthy: Percent = Field(
        51,
        description="Share of healthy gateways in percent below which no repair is begun: "
        "when most look ill, the cause is elsewhere.",
    )
    replace_within: PositiveDuration = Field(
        timedelta(minutes=5), description="Time for the replacement to become ready."
    )


_SIZE = {
    "rule": "self.minReplicas <= self.maxReplicas",
    "message": "minReplicas must not be above maxReplicas",
    "fieldPath": ".minReplicas",
}


class ImChatClusterSpec(Model):
    """A fleet of WebSocket gateways to heal and scale."""

    model_config = ConfigDict(json_schema_extra=validations(_SIZE))

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
