"""Events in status: those that are promised, and what a repeated one goes on from."""

from typing import Literal

from pydantic import Field

from imchat_operator.models.base import Model
from imchat_operator.units import Instant

# A pass has at most two Events for each drain, one for each streak, and a few of its own.
MOST_PENDING = 96
# Two for each gateway that looks ill, and one for each state of each condition.
MOST_SERIES = 128


class PendingEvent(Model):
    """An Event decided upon and not known to be posted: posted again after a restart.

    Its name follows from its content, and `count` says how often it was, not how often more: so
    posting twice makes one, and counts once.
    """

    name: str = Field(max_length=253, description="Name of the Event.")
    kind: str = Field(max_length=63, description="Kind of what it is about.")
    object: str = Field(max_length=253, description="Name of what it is about.")
    uid: str = Field(max_length=64, description="Of what it is about.")
    type: Literal["Normal", "Warning"] = Field(description="Whether it is a warning.")
    reason: str = Field(max_length=64, description="Why, by the one list of reasons.")
    action: str = Field(max_length=64, description="What is done.")
    message: str = Field(max_length=1024, description="What happened, with its figures.")
    at: Instant = Field(description="When it was decided.")
    decision: str = Field("", max_length=32, description="The decision that it tells of.")
    since: Instant | None = Field(None, description="The first time, if it was before.")
    count: int = Field(1, ge=1, description="How often it was, this time included.")

    @property
    def receipt(self) -> str:
        """What is remembered of it once it is posted."""
        return self.name if self.count == 1 else f"{self.name} x{self.count}"


class EventSeries(Model):
    """The latest Event of one object, reason and gateway: what a repetition goes on from."""

    key: str = Field(max_length=16, description="Digest of object, reason and gateway.")
    reason: str = Field(max_length=64, description="Why, by the one list of reasons.")
    name: str = Field(max_length=253, description="Name of the Event.")
    shape: str = Field(max_length=16, description="Digest of its message without figures.")
    since: Instant = Field(description="The first time.")
    last: Instant = Field(description="The latest time.")
    count: int = Field(1, ge=1, description="How often it was.")
    spent_until: Instant = Field(description="Each new Event moves it on by a minute.")
    unrecorded: int = Field(0, ge=0, description="Since then not recorded, as they were too many.")
