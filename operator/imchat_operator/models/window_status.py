"""MaintenanceWindow, status: where it stands, and what was told."""

from enum import StrEnum

from pydantic import Field

from imchat_operator.models.base import Condition, Model
from imchat_operator.models.events import PendingEvent
from imchat_operator.units import Instant


class WindowState(StrEnum):
    """Where a window stands now."""

    SCHEDULED = "Scheduled"
    OPEN = "Open"
    ENDED = "Ended"
    UNAPPROVED = "Unapproved"
    INVALID = "Invalid"


class Declaration(Model):
    """Since when a window has the schedules that it has: notice counts from there."""

    schedules: str = Field(max_length=32, description="Digest of the schedules.")
    at: Instant = Field(description="Since when it has them.")


class Told(Model):
    """Until when the notices of an opening are given."""

    opens: Instant = Field(description="Start of the opening.")
    until: Instant = Field(description="What was due until then is told.")


class MaintenanceWindowStatus(Model):
    """Where the window stands."""

    observed_generation: int = Field(0, description="The spec's generation that this is about.")
    state: WindowState | None = None
    opens: Instant | None = Field(None, description="Start of the open, or else the next, time.")
    closes: Instant | None = Field(None, description="End of the open, or else the next, time.")
    next: Instant | None = Field(None, description="When it opens next.")
    clusters: str = Field("", max_length=256, description="The clusters it is for.")
    declaration: Declaration | None = None
    told: tuple[Told, ...] = Field((), max_length=4, description="Notices that were given.")
    conditions: tuple[Condition, ...] = Field(
        (), max_length=16, description="How things stand, one question each."
    )
    pending_events: tuple[PendingEvent, ...] = Field(
        (), max_length=16, description="Events to be posted."
    )
