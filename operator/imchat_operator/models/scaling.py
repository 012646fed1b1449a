"""ImChatCluster, `spec.scaling`: what load is, when the fleet grows and shrinks, and how far."""

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations
from imchat_operator.models.schedule import Schedule
from imchat_operator.units import Duration, Percent, PositiveDuration, Quantity


class Mode(StrEnum):
    """How far scaling goes by itself."""

    OBSERVE = "Observe"
    RECOMMEND = "Recommend"
    AUTO = "Auto"


class Direction(StrEnum):
    """Towards more gateways, or fewer."""

    UP = "ScaleUp"
    DOWN = "ScaleDown"


class SignalType(StrEnum):
    """What a gateway can run out of."""

    CONNECTIONS = "Connections"
    CPU = "CPU"
    MEMORY = "Memory"
    NETWORK = "Network"
    DISK = "Disk"
    QUERY = "Query"


class ResourceBase(StrEnum):
    """Which of a pod's resource settings is its 100 %."""

    REQUESTS = "Requests"
    LIMITS = "Limits"


_NAMED_QUERY = {
    "rule": "self.type != 'Query' || (has(self.name) && self.name != '' "
    "&& has(self.query) && self.query != '')",
    "message": "a signal of type Query needs a name and a query",
}
_HAS_CAPACITY = {
    "rule": "!(self.type in ['Network', 'Disk', 'Query']) || has(self.capacity)",
    "message": "a signal of type Network, Disk or Query needs capacity: "
    "the value at which one gateway is at 100 %",
}
_OF_RESOURCES = {
    "rule": "!has(self.capacity) || !(self.type in ['CPU', 'Memory'])",
    "message": "CPU and Memory are measured against the pod's own requests or limits: "
    "remove capacity and choose with `of`",
    "fieldPath": ".capacity",
}


class Signal(Model):
    """One thing that a gateway can run out of, in percent of what it has."""

    model_config = ConfigDict(
        json_schema_extra=validations(_NAMED_QUERY, _HAS_CAPACITY, _OF_RESOURCES)
    )

    type: SignalType = Field(description="What is measured.")
    name: str = Field("", max_length=63, description="Name of a signal of type Query.")
    query: str = Field(
        "",
        max_length=2048,
        description="What to read. Source Prometheus: PromQL with one value for each gateway, "
        "labelled `pod`. Source Pods: the name of a metric of the gateway; one that ends in "
        "_total is a counter, whose rate counts. Without it: what is usual for the type.",
    )
    of: ResourceBase = Field(
        ResourceBase.REQUESTS,
        description="Whether a pod's requests or its limits are 100 % of CPU and Memory.",
    )
    capacity: Quantity | None = Field(
        None,
        description="Value at which one gateway is at 100 %, such as 125M bytes a second. A "
        'quantity in quotes: "100".',
    )
    pressure_above: Percent | None = Field(
        None,
        description="Capacity target in percent for the condition CapacityPressure. Without it: "
        "Connections and Memory 80, CPU 70, Disk and Query 75, Network 60.",
    )


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


class Cooldown(Model):
    """Rest after a change of size."""

    scale_up: Duration = Field(timedelta(), description="After a scale-up, before the next one.")
    scale_down: Duration = Field(
        timedelta(minutes=5), description="After any change of size, before a scale-down."
    )


class MaxStep(Model):
    """The most gateways that one change of size adds or removes."""

    scale_up: int = Field(1000, ge=1, le=1000, description="Added at a time.")
    scale_down: int = Field(16, ge=1, le=16, description="Drained and removed at a time.")


class Pause(Model):
    """Automation that is not wanted in one direction for now."""

    direction: Direction = Field(description="Which direction is paused.")
    reason: str = Field(min_length=1, max_length=256, description="Why; it is shown.")


class ScheduledCapacity(Schedule):
    """More gateways for an event that is known beforehand."""

    name: str = Field(min_length=1, max_length=63, description="What it is for; it is shown.")
    min_replicas: int = Field(ge=1, le=1000, description="The fleet is not smaller meanwhile.")
    prepare: Duration = Field(
        timedelta(minutes=15), description="How long before the start the gateways are there."
    )


class Season(Model):
    """A floor from what was seen at the same time of earlier periods; it never lowers anything."""

    period: PositiveDuration = Field(
        timedelta(days=1), description="How long until the load repeats itself: 24h or 168h."
    )
    lead: Duration = Field(
        timedelta(minutes=30), description="How far ahead of the load its gateways are there."
    )


class FallbackBehavior(StrEnum):
    """What to do about the size while the load is not known."""

    CURRENT_REPLICAS = "CurrentReplicas"
    CURRENT_REPLICAS_IF_HIGHER = "CurrentReplicasIfHigher"


_FALLBACK_SIZE = {
    "rule": "(self.behavior == 'CurrentReplicasIfHigher') == has(self.replicas)",
    "message": "replicas goes with behavior CurrentReplicasIfHigher: set both or neither",
    "fieldPath": ".replicas",
}


class Fallback(Model):
    """What happens while the source of the load stays down. It never scales down."""

    model_config = ConfigDict(json_schema_extra=validations(_FALLBACK_SIZE))

    after: PositiveDuration = Field(
        timedelta(minutes=3), description="How long the load has to be unknown."
    )
    behavior: FallbackBehavior = Field(
        FallbackBehavior.CURRENT_REPLICAS_IF_HIGHER,
        description="CurrentReplicasIfHigher: at least `replicas`. CurrentReplicas: hold.",
    )
    replicas: int | None = Field(None, ge=1, le=1000, description="Gateways meanwhile, at least.")


class RebalanceMode(StrEnum):
    """Whether connections are moved to gateways that have too few."""

    AUTO = "Auto"
    OFF = "Off"


class Rebalance(Model):
    """Long-lived connections do not move to new gateways by themselves."""

    mode: RebalanceMode = Field(
        RebalanceMode.AUTO,
        description="Auto: gateways above target that hold far more than the average shed the "
        "excess, at the pace of a drain.",
    )
    above: int = Field(
        20,
        ge=5,
        le=1000,
        description="How far above the average, in percent of it, a gateway may stay.",
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
_ONE_OF_A_KIND = {
    "rule": "self.signals.all(s, self.signals.exists_one(t, t.type == s.type && t.name == s.name))",
    "message": "each signal may be named once: remove the repeated one",
    "fieldPath": ".signals",
}


class Scaling(Model):
    """When the fleet grows and shrinks, and to what size."""

    model_config = ConfigDict(json_schema_extra=validations(_BANDS, _TARGET_BAND, _ONE_OF_A_KIND))

    mode: Mode = Field(
        Mode.AUTO,
        description="Auto: decide and act. Recommend: decide and tell, touch nothing. "
        "Observe: measure only.",
    )
    signals: tuple[Signal, ...] = Field(
        (Signal(type=SignalType.CONNECTIONS),),
        min_length=1,
        max_length=8,
        description="What utilization is measured by; the highest counts.",
    )
    target: Percent = Field(60, description="Utilization in percent that a change of size aims at.")
    margin: int = Field(
        5,
        ge=0,
        le=100,
        description="Percent above target that no remaining gateway may reach by a scale-down.",
    )
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
    max_step: MaxStep = Field(MaxStep(), description="Largest change of size.")
    cooldown: Cooldown = Field(Cooldown(), description="Rest after a change of size.")
    pauses: tuple[Pause, ...] = Field(
        (), max_length=2, description="Directions that are paused, with a reason."
    )
    schedules: tuple[ScheduledCapacity, ...] = Field(
        (), max_length=16, description="More gateways for known events, ahead of time."
    )
    season: Season | None = Field(
        None, description="A floor from the load seen at the same time of earlier periods."
    )
    fallback: Fallback | None = Field(
        None, description="What happens while the load stays unknown. Without it: the size is held."
    )
    rebalance: Rebalance = Field(Rebalance(), description="Sharing out after a change of size.")
