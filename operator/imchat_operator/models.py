"""The two custom resources, spec and status: source of the CRDs and input of the core.

Field descriptions are what `kubectl explain` shows. Rules that the API server can check are CEL
(`rules=`), each with a sentence that says what to do; Python checks again only what CEL can't.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from imchat_operator.units import Duration, Instant, Percent, PositiveDuration

GROUP = "imchat.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

READINESS_GATE = "imchat.dev/accepting-connections"


def _validations(*rules: Mapping[str, str]) -> dict[str, Any]:
    return {"x-kubernetes-validations": [dict(rule) for rule in rules]}


class Model(BaseModel):
    """Frozen, camelCase in JSON; unknown fields are dropped, so that a newer CRD does no harm."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )

    def to_json(self, *, sparse: bool = False) -> dict[str, Any]:
        """Return the JSON form as the API server stores it: no nulls, times in RFC 3339.

        Args:
            sparse: leave out what has its default, so that `kubectl describe` stays short.
        """
        return self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude_defaults=sparse
        )


# --- ImChatCluster: spec ---------------------------------------------------------------------


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

    model_config = ConfigDict(json_schema_extra=_validations(_BANDS, _TARGET_BAND))

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
        100, ge=1, le=100_000, description="Pace of closing, over all gateways drained at a time."
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

    model_config = ConfigDict(json_schema_extra=_validations(_SIZE))

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


# --- ImChatCluster: status -------------------------------------------------------------------


class Condition(Model):
    """One aspect of the state, as Kubernetes' API conventions define it."""

    type: str = Field(max_length=64)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(max_length=64)
    message: str = Field("", max_length=1024)
    last_transition_time: Instant
    observed_generation: int = 0


class Streak(Model):
    """How long a scaling rule has been met without a break."""

    rule: str = Field(max_length=64, description="The rule, such as `above 70% for 15m`.")
    since: Instant = Field(description="First sample that met the rule.")
    last: Instant = Field(description="Latest sample that met the rule.")


class Suspect(Model):
    """A gateway that looks ill, from when on, and whether that is a repair's business yet."""

    pod: str = Field(max_length=253)
    uid: str = Field(max_length=64)
    ailment: str = Field(max_length=64)
    since: Instant


class Purpose(StrEnum):
    """Why a gateway is drained."""

    SCALE_DOWN = "ScaleDown"
    HEALING = "Healing"


class Phase(StrEnum):
    """How far a drain has come; each phase has one exit, found from what is observed."""

    ISOLATING = "Isolating"  # no new connections; load balancers are being told
    DRAINING = "Draining"  # connections are closed at the configured pace
    REMOVING = "Removing"  # empty, out of reach or out of time: the pod is on its way out
    REPLACING = "Replacing"  # gone; its replacement is awaited


class Drain(Model):
    """One gateway on its way out of the fleet."""

    id: str = Field(max_length=32, description="The decision that began it.")
    pod: str = Field(max_length=253)
    uid: str = Field(max_length=64)
    purpose: Purpose
    cause: str = Field(max_length=512, description="The evidence that led to it.")
    phase: Phase
    phase_since: Instant
    suspected_at: Instant = Field(description="When the gateway first looked ill, or was chosen.")
    started_at: Instant
    connections: int | None = Field(
        None, description="Connections when the drain began, or when the gateway last answered."
    )
    silent_since: Instant | None = Field(None, description="Since when it does not answer.")
    blocked: str = Field("", max_length=512, description="What holds the removal up.")


class Resize(Model):
    """The change of size under way; a scale-down's victims are the drains of that purpose."""

    id: str = Field(max_length=32, description="The decision that began it.")
    from_: int = Field(alias="from")
    to: int
    cause: str = Field(max_length=512)
    at: Instant


class PendingEvent(Model):
    """An Event decided upon and not known to be posted: posted again after a restart.

    Its name follows from its content, so that posting twice makes one.
    """

    name: str = Field(max_length=253)
    kind: str = Field(max_length=63)
    object: str = Field(max_length=253)
    uid: str = Field(max_length=64)
    type: Literal["Normal", "Warning"]
    reason: str = Field(max_length=64)
    action: str = Field(max_length=64)
    message: str = Field(max_length=1024)
    at: Instant


# A pass has at most two Events for each drain, one for each streak, and a few of its own.
MOST_PENDING = 96
# Those that look ill for longest are kept; all of them count for the storm gate.
MOST_SUSPECTS = 32


class ImChatClusterStatus(Model):
    """What the operator knows and has under way; it continues from here after a restart."""

    observed_generation: int = 0
    replicas: int | None = Field(None, description="Gateways that the workload asks for.")
    ready_replicas: int | None = Field(None, description="Gateways that take connections.")
    desired_replicas: int | None = Field(None, description="Gateways that the operator asks for.")
    observed_at: Instant | None = Field(None, description="When these figures were taken.")
    conditions: tuple[Condition, ...] = Field((), max_length=16)
    streaks: tuple[Streak, ...] = Field((), max_length=16)
    suspects: tuple[Suspect, ...] = Field((), max_length=MOST_SUSPECTS)
    drains: tuple[Drain, ...] = Field((), max_length=32)
    resize: Resize | None = None
    pending_events: tuple[PendingEvent, ...] = Field((), max_length=MOST_PENDING)


# --- MaintenanceWindow -----------------------------------------------------------------------


class Once(Model):
    """One occurrence."""

    model_config = ConfigDict(
        json_schema_extra=_validations(
            {
                "rule": "timestamp(self.start) < timestamp(self.end)",
                "message": "end must be later than start",
                "fieldPath": ".end",
            }
        )
    )

    start: Instant = Field(description="When it opens, with its offset.")
    end: Instant = Field(description="When it closes, with its offset.")


_TIME_ZONE_RULES = _validations(
    {
        "rule": "self.matches('^[A-Za-z]') && self != 'Local'",
        "message": "must be the name of an IANA time zone, such as Europe/Berlin or UTC",
    },
    {
        "rule": "!(self.matches('^[A-Za-z]')) "
        "|| timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
        "message": "must be the name of an IANA time zone, such as Europe/Berlin or UTC",
    },
)


class Recurring(Model):
    """Occurrences by a rule, in local time: 02:00 stays 02:00 when the clocks change."""

    rrule: str = Field(
        max_length=256,
        description="RFC 5545 recurrence rule of the days, such as FREQ=MONTHLY;BYDAY=1SU.",
        json_schema_extra=_validations(
            {
                "rule": "self.matches('^(.*;)?FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY)(;.*)?$')",
                "message": "must name FREQ=DAILY, WEEKLY, MONTHLY or YEARLY, "
                "such as FREQ=MONTHLY;BYDAY=1SU",
            },
            {
                "rule": "!self.matches('(DTSTART|BYHOUR|BYMINUTE|BYSECOND)')",
                "message": "must not name DTSTART, BYHOUR, BYMINUTE or BYSECOND: "
                "the time of day is startTime",
            },
        ),
    )
    start_time: str = Field(
        max_length=5,
        description="Local time of day at which it opens, such as 02:00.",
        json_schema_extra=_validations(
            {
                "rule": "self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')",
                "message": "must be a time of day from 00:00 to 23:59",
            }
        ),
    )
    duration: PositiveDuration = Field(
        description="How long it is open by the local clock, such as 4h."
    )
    time_zone: str = Field(
        max_length=64, description="IANA time zone.", json_schema_extra=_TIME_ZONE_RULES
    )


class Schedule(Model):
    """When the window is open: once, or by a rule."""

    model_config = ConfigDict(
        json_schema_extra=_validations(
            {
                "rule": "has(self.once) != has(self.recurring)",
                "message": "needs either once or recurring",
            }
        )
    )

    once: Once | None = None
    recurring: Recurring | None = None


class ClusterSelector(Model):
    """Which ImChatClusters of the namespace are meant."""

    match_labels: dict[str, str] = Field({}, description="Labels that a cluster must have.")


class MaintenanceWindowSpec(Model):
    """A time in which people work on the clusters and automation holds still."""

    cluster_selector: ClusterSelector = Field(
        ClusterSelector(), description="Clusters it is for; without labels, all of the namespace."
    )
    schedules: tuple[Schedule, ...] = Field(
        min_length=1, max_length=16, description="Open while any of these is."
    )


class WindowState(StrEnum):
    """Where a window stands now."""

    SCHEDULED = "Scheduled"
    OPEN = "Open"
    ENDED = "Ended"
    INVALID = "Invalid"


class MaintenanceWindowStatus(Model):
    """Where the window stands."""

    observed_generation: int = 0
    state: WindowState | None = None
    opens: Instant | None = Field(None, description="Start of the open, or else the next, time.")
    closes: Instant | None = Field(None, description="End of the open, or else the next, time.")
    conditions: tuple[Condition, ...] = Field((), max_length=16)


def matches(selector: ClusterSelector, labels: Iterable[tuple[str, str]]) -> bool:
    """Return whether labels satisfy a selector; an empty selector takes everything."""
    return set(selector.match_labels.items()) <= set(labels)
