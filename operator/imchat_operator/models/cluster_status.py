"""ImChatCluster, status: what the operator knows and has under way, bounded in size."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from imchat_operator.models.base import Condition, Model
from imchat_operator.units import Instant


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
