"""When something is so: once, or by a rule; and the days on which it is not."""

from datetime import date

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations
from imchat_operator.units import CEL_DURATION, Instant, PositiveDuration

SHORTEST = "1m"
# A month: the openings that may be open at a time stay countable.
LONGEST = "744h"

_IN_ORDER = {
    "rule": "timestamp(self.start) < timestamp(self.end)",
    "message": "end must be later than start",
    "fieldPath": ".end",
}
_A_MINUTE_LONG = {
    "rule": "timestamp(self.start) >= timestamp(self.end) "
    f"|| timestamp(self.end) - timestamp(self.start) >= duration('{SHORTEST}')",
    "message": "must be at least a minute long: set end to a minute after start, or later",
    "fieldPath": ".end",
}


class Once(Model):
    """One occurrence."""

    model_config = ConfigDict(json_schema_extra=validations(_IN_ORDER, _A_MINUTE_LONG))

    start: Instant = Field(description="When it opens, with its offset.")
    end: Instant = Field(description="When it closes, with its offset.")


_ZONE = "must be the name of an IANA time zone, such as Europe/Berlin or UTC"
TIME_ZONE_RULES = validations(
    {"rule": "self.matches('^[A-Za-z]') && self != 'Local'", "message": _ZONE},
    {
        "rule": "!(self.matches('^[A-Za-z]')) "
        "|| timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
        "message": _ZONE,
    },
)
_PARTS = "FREQ|INTERVAL|COUNT|UNTIL|WKST|BYDAY|BYMONTH|BYMONTHDAY|BYYEARDAY|BYWEEKNO|BYSETPOS"
_RRULE_RULES = validations(
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
    {
        "rule": f"self.matches('^(({_PARTS})=[A-Z0-9,+-]+(;|$))+$')",
        "message": "must be parts of RFC 5545 in capitals, joined by semicolons, "
        "such as FREQ=MONTHLY;BYDAY=1SU",
    },
    {
        "rule": "!self.matches('(INTERVAL|COUNT|BYMONTH|BYMONTHDAY|BYYEARDAY|BYWEEKNO|BYSETPOS)"
        "=([^;]*,)?[+-]?0*(,|;|$)')",
        "message": "must not say 0: a rule of every 0th, or for 0 times, never occurs",
    },
    {
        "rule": "!(self.contains('COUNT=') && self.contains('UNTIL='))",
        "message": "must not name both COUNT and UNTIL: remove one",
    },
)
_CRON_RULES = validations(
    {
        "rule": "self.matches('^[0-9]{1,2}( [0-9A-Za-z,*/#-]+){4}$')",
        "message": "must be five fields, the minute a single number, such as 0 2 * * SUN#1",
    },
    {
        "rule": r"self.matches('^\\S+ \\S+ \\* ') || self.matches(' \\*$')",
        "message": "must leave the day of the month or the weekday at *: "
        "cron takes either, not both; the first Sunday is 0 2 * * SUN#1",
    },
)
_BOUNDED = {
    # `matches` comes first: duration() of other text would be an evaluation error.
    "rule": f"!self.duration.matches(r'{CEL_DURATION}') "
    f"|| (duration(self.duration) >= duration('{SHORTEST}') "
    f"&& duration(self.duration) <= duration('{LONGEST}'))",
    "message": f"must be at least {SHORTEST} and at most {LONGEST}",
    "fieldPath": ".duration",
}
_ONE_RULE = {
    "rule": "has(self.rrule) != has(self.cron)",
    "message": "needs either rrule or cron",
}
_ONE_TIME_OF_DAY = {
    "rule": "has(self.rrule) == has(self.startTime)",
    "message": "startTime goes with rrule; cron tells the time of day itself",
    "fieldPath": ".startTime",
}


class Recurring(Model):
    """Occurrences by a rule, in local time: 02:00 stays 02:00 when the clocks change."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_RULE, _ONE_TIME_OF_DAY, _BOUNDED))

    rrule: str | None = Field(
        None,
        max_length=256,
        description="RFC 5545 recurrence rule of the days, such as FREQ=MONTHLY;BYDAY=1SU. "
        "The time of day is startTime.",
        json_schema_extra=_RRULE_RULES,
    )
    cron: str | None = Field(
        None,
        max_length=128,
        description="Five fields of cron in place of rrule and startTime: minute, hour, day of "
        "the month, month, weekday, such as 0 2 * * SUN#1.",
        json_schema_extra=_CRON_RULES,
    )
    start_time: str | None = Field(
        None,
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
        description="How long it is open by the local clock, such as 4h; 1m to 744h."
    )
    time_zone: str = Field(
        max_length=64, description="IANA time zone.", json_schema_extra=TIME_ZONE_RULES
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

    once: Once | None = Field(None, description="From one moment to another.")
    recurring: Recurring | None = Field(None, description="By a rule, again and again.")


_A_DATE_OR_A_RANGE = {
    "rule": "has(self.date) ? !has(self.from) && !has(self.to) : has(self.from) && has(self.to)",
    "message": "needs either date, or from and to",
}
_FROM_BEFORE_TO = {
    "rule": "!has(self.from) || !has(self.to) || self.from <= self.to",
    "message": "to must not be before from; both days are excluded",
    "fieldPath": ".to",
}


class Exclusion(Model):
    """Days on which a window stays closed, whatever its schedules say."""

    model_config = ConfigDict(json_schema_extra=validations(_A_DATE_OR_A_RANGE, _FROM_BEFORE_TO))

    date_: date | None = Field(None, alias="date", description="One day, such as 2026-12-24.")
    from_: date | None = Field(None, alias="from", description="First day of several.")
    to: date | None = Field(None, description="Last day of several, which is excluded too.")
    time_zone: str = Field(
        max_length=64,
        description="IANA time zone in which the days begin and end.",
        json_schema_extra=TIME_ZONE_RULES,
    )
    reason: str = Field("", max_length=128, description="Why; it is shown.")
