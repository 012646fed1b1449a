"""ImChatCluster, status: what the operator knows and has under way, bounded in size."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from imchat_operator.models.base import Condition, Model
from imchat_operator.models.events import MOST_PENDING, MOST_SERIES, EventSeries, PendingEvent
from imchat_operator.models.scaling import Direction
from imchat_operator.models.sizing import Sizing
from imchat_operator.models.window import WindowAction
from imchat_operator.units import Instant

# Parts that a season is divided into, each with the peak seen in it.
MOST_SLOTS = 96


class TimedSize(Model):
    """A size that the load asked for."""

    size: int = Field(ge=0, description="Gateways.")
    at: Instant = Field(description="When the sample was taken.")


class Streak(Model):
    """How long a scaling rule has been met without a break."""

    rule: str = Field(max_length=64, description="The rule, such as `above 70% for 15m`.")
    since: Instant = Field(description="First sample that met the rule.")
    last: Instant = Field(description="Latest sample that met the rule.")
    sizes: tuple[TimedSize, ...] = Field(
        (),
        max_length=10,
        description="Of a rule to shrink: sizes that the load asked for within its time, each "
        "larger than all after it. The fleet is made no smaller than the first.",
    )


class Suspect(Model):
    """A gateway that looks ill, and from when on."""

    pod: str = Field(max_length=253, description="The gateway's pod.")
    uid: str = Field(max_length=64, description="Of the pod.")
    ailment: str = Field(max_length=64, description="What looks wrong with it.")
    since: Instant = Field(description="When the ailment was first seen.")
    ill_since: Instant | None = Field(
        None, description="Ill without a break since, be it of another ailment before."
    )
    told: str = Field("", max_length=64, description="The latest reason that an Event gave for it.")


class Restarts(Model):
    """Restarts of one gateway that were seen of late."""

    uid: str = Field(max_length=64, description="Of the pod.")
    count: int = Field(ge=0, description="The kubelet's count when it was last looked at.")
    at: tuple[Instant, ...] = Field((), max_length=20, description="When they happened.")


class Purpose(StrEnum):
    """Why a gateway is drained."""

    SCALE_DOWN = "ScaleDown"
    HEALING = "Healing"
    REBALANCE = "Rebalance"
    QUARANTINE = "Quarantine"


class Phase(StrEnum):
    """How far a drain has come; each phase has one exit, found from what is observed."""

    ISOLATING = "Isolating"  # no new connections; load balancers are being told
    SURGING = "Surging"  # a replacement is started first, its readiness is awaited
    DRAINING = "Draining"  # connections are closed at the configured pace
    REMOVING = "Removing"  # empty, out of reach or out of time: the pod is on its way out
    DELETING = "Deleting"  # was not evicted in time, or is no more than a dead pod: deleted
    REPLACING = "Replacing"  # gone; its replacement is awaited
    QUARANTINED = "Quarantined"  # kept for forensics, out of rotation and out of the count
    RETURNING = "Returning"  # takes connections again; its readiness is awaited


BEFORE_REMOVAL = frozenset({Phase.SURGING, Phase.ISOLATING, Phase.DRAINING})
"""Phases in which connections may be left, and from which a drain can be undone."""


class Drain(Model):
    """One gateway on its way out of the fleet."""

    id: str = Field(max_length=32, description="The decision that began it.")
    pod: str = Field(max_length=253, description="The gateway's pod.")
    uid: str = Field(max_length=64, description="Of the pod.")
    purpose: Purpose
    cause: str = Field(max_length=512, description="The evidence that led to it.")
    phase: Phase
    phase_since: Instant = Field(description="When the phase began.")
    ailment: str = Field("", max_length=64, description="What is repaired.")
    suspected_at: Instant = Field(
        description="When the gateway failed, by the earliest evidence, or was chosen."
    )
    started_at: Instant = Field(description="When the drain was decided upon.")
    youngest_at: Instant | None = Field(
        None,
        description="When the youngest gateway of then was created: a replacement came later.",
    )
    connections: int | None = Field(
        None, description="Connections when the drain began, or when the gateway last answered."
    )
    silent_since: Instant | None = Field(None, description="Since when it does not answer.")
    blocked: str = Field("", max_length=512, description="What holds the removal up.")
    tried: tuple[Annotated[str, Field(max_length=256)], ...] = Field(
        (), max_length=8, description="Steps of the ladder that did not help, in their order."
    )
    attempt: int = Field(1, ge=1, description="Repairs in this place, this one included.")
    cut: int = Field(0, ge=0, description="Connections that were, or are, lost with it.")
    left: int = Field(
        0, ge=0, description="Connections left to its preStop hook, as it has no drain."
    )
    by: str = Field("", max_length=253, description="The replacement that was started first.")
    by_uid: str = Field("", max_length=64, description="Of the replacement.")
    restarts: int = Field(0, ge=0, description="Of the gateway's containers when it began.")
    keep: int = Field(0, ge=0, description="Connections that stay: the fair share in a rebalance.")

    @property
    def is_healing(self) -> bool:
        """Whether it is a repair, or the way into quarantine."""
        return self.purpose in {Purpose.HEALING, Purpose.QUARANTINE}


class Resize(Model):
    """The change of size under way; a scale-down's victims are the drains of that purpose."""

    id: str = Field(max_length=32, description="The decision that began it.")
    from_: int = Field(alias="from", description="Gateways before.")
    to: int = Field(description="Gateways wanted.")
    cause: str = Field(max_length=512, description="The figures that led to it.")
    at: Instant = Field(description="When it began.")


class LastResize(Model):
    """The latest change of size in one direction, from which its cool-down counts."""

    direction: Direction
    at: Instant = Field(description="When it was made.")


class LastRebalance(Model):
    """When the latest rebalance began, and what the emptiest gateway held then."""

    at: Instant = Field(description="When it began, or was stopped.")
    least: int = Field(description="Connections of the emptiest gateway when it began.")
    stopped: bool = Field(
        default=False,
        description="Whether it was stopped as the load became unknown: it is soon tried again.",
    )


class Recommendation(Model):
    """The change of size that would be made, were `scaling.mode` Auto."""

    from_: int = Field(alias="from", description="Gateways now.")
    to: int = Field(description="Gateways wanted.")
    cause: str = Field(max_length=512, description="The figures that led to it.")
    at: Instant = Field(description="When it was first made.")


class Conflict(Model):
    """Another owner of the replica count, whose change is left to win."""

    manager: str = Field(
        max_length=256, description="Its field manager, such as argocd-controller."
    )
    replicas: int = Field(description="What it set.")
    since: Instant = Field(description="When that was seen.")
    generation: int = Field(description="Of the ImChatCluster then; a later one takes over again.")


class Pacing(Model):
    """The pace that drains were slowed down to, because the remaining gateways suffer."""

    connections_per_second: int = Field(description="The pace now.")
    at: Instant = Field(description="When it was last changed.")


class Blindness(Model):
    """A time in which the load is not known."""

    since: Instant = Field(description="First sample that told nothing.")
    fallback: bool = Field(default=False, description="Whether the fallback is on.")


class Peak(Model):
    """The most that was needed in one part of the season, in thousandths of a gateway."""

    slot: int = Field(ge=0, lt=MOST_SLOTS, description="Which part of the season.")
    period: int = Field(description="Number of the season in which it was seen, since 1970.")
    load: int = Field(ge=0, description="The most in that season.")
    before: int = Field(0, ge=0, description="The same, one season earlier.")


class Deferral(Model):
    """An action that a maintenance window keeps waiting."""

    action: WindowAction
    since: Instant = Field(description="When it was first wanted, and held.")
    last: Instant = Field(description="When it was last known to wait, to the hour.")


class Remediation(Model):
    """A repair that is over: what it took, and what came of it."""

    pod: str = Field(max_length=253, description="The gateway that was repaired.")
    uid: str = Field(max_length=64, description="Of its pod.")
    ailment: str = Field(max_length=64, description="What was wrong with it.")
    failed_at: Instant = Field(description="By the earliest evidence.")
    detected_at: Instant = Field(description="When the repair began.")
    ended_at: Instant = Field(description="When it was replaced, or given up.")
    outcome: Literal["Replaced", "Failed"] = Field(description="What came of it.")
    by: str = Field("", max_length=253, description="The replacement.")
    by_uid: str = Field("", max_length=64, description="Of the replacement.")
    attempt: int = Field(1, ge=1, description="Repairs in this place, this one included.")
    cut: int = Field(0, ge=0, description="Connections lost with the gateway.")
    verified: bool = Field(
        default=False, description="The replacement has stayed well for long enough."
    )


class Storm(Model):
    """A time in which most of the fleet, or a dependency, is ill; and when it was over."""

    reason: str = Field(max_length=64, description="StormGate or DependencyDown.")
    since: Instant = Field(description="When it began.")
    over_at: Instant | None = Field(None, description="When it was over.")


# Those that look ill for longest are kept; all of them count for the storm gate.
MOST_SUSPECTS = 32
# The latest ones; a back-off is counted from them.
MOST_REMEDIATIONS = 16
# Gateways whose restarts are remembered.
MOST_RESTARTS = 64
MOST_PER_HOUR = 120


class ImChatClusterStatus(Model):
    """What the operator knows and has under way; it continues from here after a restart."""

    observed_generation: int = Field(0, description="The spec's generation that this is about.")
    epoch: int = Field(
        0, ge=0, description="Which leader of the operator's replicas wrote this; a later one wins."
    )
    decision: str = Field(
        "",
        max_length=32,
        description="The decision that this status is of; its Events, log records and audit lines "
        "carry it too.",
    )
    replicas: int | None = Field(None, description="Gateways that the workload asks for.")
    ready_replicas: int | None = Field(None, description="Gateways that take connections.")
    desired_replicas: int | None = Field(None, description="Gateways that the operator asks for.")
    observed_at: Instant | None = Field(None, description="When these figures were taken.")
    conditions: tuple[Condition, ...] = Field(
        (), max_length=16, description="How things stand, one question each."
    )
    streaks: tuple[Streak, ...] = Field(
        (), max_length=16, description="Scaling rules that are met at present."
    )
    suspects: tuple[Suspect, ...] = Field(
        (), max_length=MOST_SUSPECTS, description="Gateways that look ill."
    )
    restarts: tuple[Restarts, ...] = Field(
        (), max_length=MOST_RESTARTS, description="Restarts of late."
    )
    drains: tuple[Drain, ...] = Field((), max_length=80, description="Gateways on their way out.")
    remediations: tuple[Remediation, ...] = Field(
        (), max_length=MOST_REMEDIATIONS, description="The latest repairs."
    )
    repairs_begun: tuple[Instant, ...] = Field(
        (), max_length=MOST_PER_HOUR, description="When repairs were begun within the last hour."
    )
    storm: Storm | None = None
    resize: Resize | None = None
    last_resizes: tuple[LastResize, ...] = Field(
        (), max_length=2, description="The latest change of size up, and down."
    )
    recommendation: Recommendation | None = None
    sizing: Sizing | None = Field(None, description="How the size came about.")
    last_rebalance: LastRebalance | None = None
    conflict: Conflict | None = None
    pacing: Pacing | None = None
    blindness: Blindness | None = Field(None, description="Set while the load is not known.")
    peaks: tuple[Peak, ...] = Field(
        (), max_length=MOST_SLOTS, description="What scaling.season remembers."
    )
    window: str = Field("", max_length=253, description="The maintenance window that holds it.")
    deferrals: tuple[Deferral, ...] = Field(
        (), max_length=5, description="Actions that a window keeps waiting."
    )
    pending_events: tuple[PendingEvent, ...] = Field(
        (), max_length=MOST_PENDING, description="Events to be posted."
    )
    event_series: tuple[EventSeries, ...] = Field(
        (), max_length=MOST_SERIES, description="What an Event that repeats goes on from."
    )
