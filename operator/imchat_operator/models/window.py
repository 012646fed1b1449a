"""MaintenanceWindow, spec and status."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Condition, Model, validations
from imchat_operator.units import Instant, PositiveDuration


class Once(Model):
    """One occurrence."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            {
                "rule": "timestamp(self.start) < timestamp(self.end)",
                "message": "end must be later than start",
                "fieldPath": ".end",
            }
        )
    )

    start: Instant = Field(description="When it opens, with its offset.")
    end: Instant = Field(description="When it closes, with its offset.")


_TIME_ZONE_RULES = validations(
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
        json_schema_extra=validations(
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
        json_schema_extra=validations(
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
        json_schema_extra=validations(
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
