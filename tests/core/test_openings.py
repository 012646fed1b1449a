"""Openings of several schedules, less what is excluded; and the work that they may cost."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import cronsim
import pytest
from dateutil import rrule
from tests.core.fleet import by_cron, once, recurring, utc, window

from imchat_operator.core.openings import Invalid, Occurrence
from imchat_operator.core.window_openings import opened

DAILY = recurring("FREQ=DAILY", "02:00", "4h", "UTC")
SUNDAYS = recurring("FREQ=MONTHLY;BYDAY=1SU", "02:00", "4h", "Europe/Berlin")
BERLIN = {"timeZone": "Europe/Berlin"}


def opens(start: str, end: str) -> Occurrence:
    return Occurrence(start=utc(start), end=utc(end))


def shown(now: str, count: int, *schedules: dict[str, Any], **spec: Any) -> list[Occurrence]:
    found = opened(window(*schedules, **spec), utc(now))
    assert not isinstance(found, Invalid), found
    return list(islice(found, count))


@pytest.mark.parametrize(
    ("schedules", "now", "expected"),
    [
        pytest.param(
            [SUNDAYS],
            "2026-02-01T12:00",
            [
                opens("2026-03-01T01:00", "2026-03-01T05:00"),
                opens("2026-04-05T00:00", "2026-04-05T04:00"),
                opens("2026-05-03T00:00", "2026-05-03T04:00"),
            ],
            id="first Sundays: 35 days apart, then 28, and an hour earlier in summer time",
        ),
        pytest.param(
            [by_cron("0 2 * * SUN#1", "4h", "Europe/Berlin")],
            "2026-02-01T12:00",
            [
                opens("2026-03-01T01:00", "2026-03-01T05:00"),
                opens("2026-04-05T00:00", "2026-04-05T04:00"),
            ],
            id="first Sundays by cron",
        ),
        pytest.param(
            [by_cron("30 22 L * *", "3h", "UTC")],
            "2028-02-02T00:00",
            [
                opens("2028-02-29T22:30", "2028-03-01T01:30"),
                opens("2028-03-31T22:30", "2028-04-01T01:30"),
            ],
            id="the last day of a leap February and of March, over the month's end",
        ),
        pytest.param(
            [recurring("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SA", "22:00", "4h", "UTC")],
            "2026-01-02T00:00",
            [
                opens("2027-01-02T22:00", "2027-01-03T02:00"),
                opens("2033-01-01T22:00", "2033-01-02T02:00"),
            ],
            id="the Saturdays of 53rd weeks",
        ),
        pytest.param(
            [
                recurring("FREQ=DAILY", "02:00", "2h", "UTC"),
                recurring("FREQ=DAILY", "04:00", "2h", "UTC"),
            ],
            "2026-03-01T03:00",
            [
                opens("2026-03-01T02:00", "2026-03-01T06:00"),
                opens("2026-03-02T02:00", "2026-03-02T06:00"),
            ],
            id="back to back it closes when the second one does",
        ),
        pytest.param(
            [DAILY, once(utc("2026-03-01T05:00"), utc("2026-03-01T09:00"))],
            "2026-03-01T00:00",
            [
                opens("2026-03-01T02:00", "2026-03-01T09:00"),
                opens("2026-03-02T02:00", "2026-03-02T06:00"),
            ],
            id="those that overlap are one",
        ),
        pytest.param(
            [DAILY, once(utc("2026-03-01T03:00"), utc("2026-03-01T04:00"))],
            "2026-03-01T00:00",
            [
                opens("2026-03-01T02:00", "2026-03-01T06:00"),
                opens("2026-03-02T02:00", "2026-03-02T06:00"),
            ],
            id="one within another changes nothing",
        ),
        pytest.param(
            [recurring("FREQ=DAILY", "00:00", "24h", "UTC")],
            "2026-03-01T12:00",
            [
                opens("2026-03-01T00:00", "2026-05-04T00:00"),
                opens("2026-05-04T00:00", "2026-07-07T00:00"),
            ],
            id="an endless chain is shown in pieces",
        ),
    ],
)
def test_a_window_opens_when_any_of_its_schedules_does(
    schedules: list[dict[str, Any]], now: str, expected: list[Occurrence]
) -> None:
    assert shown(now, len(expected), *schedules) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"exclusions": [{"date": "2026-03-02", **BERLIN}]},
            ["2026-03-01T02:00/06:00", "2026-03-03T02:00/06:00"],
            id="a day that is excluded",
        ),
        pytest.param(
            {"exclusions": [{"from": "2026-03-01", "to": "2026-03-04", **BERLIN}]},
            ["2026-03-05T02:00/06:00", "2026-03-06T02:00/06:00"],
            id="a range includes both its days",
        ),
        pytest.param(
            {"exclusions": [{"date": "2026-03-01", "timeZone": "America/New_York"}]},
            ["2026-03-01T02:00/05:00", "2026-03-02T05:00/06:00"],
            id="the days are those of the zone: what lies outside stays open",
        ),
        pytest.param(
            {
                "exclusions": [
                    {"date": "2026-03-02", **BERLIN},
                    {"from": "2026-03-01", "to": "2026-03-02", **BERLIN},
                ]
            },
            ["2026-03-03T02:00/06:00", "2026-03-04T02:00/06:00"],
            id="exclusions that overlap",
        ),
        pytest.param(
            {"validFrom": "2026-03-01T04:00:00Z"},
            ["2026-03-01T04:00/06:00", "2026-03-02T02:00/06:00"],
            id="it opens in the middle if it is not valid before",
        ),
        pytest.param(
            {"validUntil": "2026-03-02T03:00:00Z"},
            ["2026-03-01T02:00/06:00", "2026-03-02T02:00/03:00"],
            id="it closes when it is no longer valid",
        ),
        pytest.param(
            {"validUntil": "2026-03-01T02:00:00Z"}, [], id="valid until the start is never open"
        ),
    ],
)
def test_a_blackout_beats_a_window(spec: dict[str, Any], expected: list[str]) -> None:
    found = shown("2026-03-01T00:00", 2, DAILY, **spec)
    assert [f"{o.start:%Y-%m-%dT%H:%M}/{o.end:%H:%M}" for o in found] == expected


def test_an_excluded_day_that_has_23_hours_ends_with_them() -> None:
    hourly = by_cron("0 * * * *", "1h", "UTC")
    found = shown("2026-03-28T22:00", 2, hourly, exclusions=[{"date": "2026-03-29", **BERLIN}])
    assert found[0] == opens("2026-03-28T22:00", "2026-03-28T23:00")
    assert found[1].start == utc("2026-03-29T22:00")


@pytest.mark.parametrize(
    ("exclusion", "expected"),
    [
        pytest.param(
            {"date": "2026-12-24", "timeZone": "Mars/Olympus"},
            Invalid(
                field="spec.exclusions[0].timeZone",
                why="'Mars/Olympus' is no time zone that this operator knows",
            ),
            id="an unknown zone",
        ),
        pytest.param(
            {"from": "2026-12-24", **BERLIN},
            Invalid(field="spec.exclusions[0]", why="needs a date, or from and to in that order"),
            id="half a range",
        ),
        pytest.param(
            {"from": "2026-12-24", "to": "9999-12-31", **BERLIN},
            Invalid(field="spec.exclusions[0]", why="is further away than any calendar reaches"),
            id="the end of all time",
        ),
    ],
)
def test_an_exclusion_that_can_not_be_computed_names_its_field(
    exclusion: dict[str, Any], expected: Invalid
) -> None:
    assert opened(window(DAILY, exclusions=[exclusion]), utc("2026-03-01T00:00")) == expected


def counting(owner: Any, name: str, calls: list[str]) -> Callable[..., Any]:
    original = getattr(owner, name)

    def counted(*arguments: Any) -> Any:
        calls.append(name)
        return original(*arguments)

    return counted


STEPS = ("ydayset", "mdayset", "wdayset", "ddayset")
# dateutil looks at one period a step: at most the 400 years after which the calendar repeats,
# once for each rule, and then what lies between creation and the last opening.
MOST_STEPS = 400 * 366 + 10 * 366 + 40 * 366
# cronsim looks at a day a step, and gives up after 50 years.
MOST_DAYS = 2 * 51 * 366 + 40 * 366


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", id="a day that never comes"),
        pytest.param("FREQ=DAILY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=29", id="a rare day, rarely"),
        pytest.param("FREQ=DAILY;BYYEARDAY=366;BYDAY=MO", id="a leap year's last day on a Monday"),
        pytest.param("FREQ=DAILY;BYWEEKNO=53;BYMONTH=6", id="a week in the wrong month"),
        pytest.param("FREQ=DAILY;COUNT=99999", id="more openings than anybody counts"),
        pytest.param("FREQ=YEARLY;INTERVAL=999;BYDAY=-53SU", id="a weekday that few years have"),
        pytest.param("FREQ=DAILY;BYSETPOS=366", id="the 366th of one"),
    ],
)
def test_a_hostile_rule_costs_a_bounded_number_of_steps(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in STEPS:
        monkeypatch.setattr(rrule._iterinfo, name, counting(rrule._iterinfo, name, calls))  # noqa: SLF001 -- what dateutil does can't be counted elsewhere
    found = opened(
        window(recurring(rule, "02:00", "744h", "UTC"), created_at=utc("2016-01-01T00:00")),
        utc("2026-01-01T00:00"),
    )
    if not isinstance(found, Invalid):
        list(islice(found, 3))
    assert 0 < len(calls) <= MOST_STEPS


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("0 0 29 2 *", id="leap days"),
        pytest.param("0 0 * 2 SUN#5", id="Februaries with five Sundays, 28 years apart"),
        pytest.param("59 * * * *", id="every hour"),
    ],
)
def test_a_hostile_cron_costs_a_bounded_number_of_steps(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(cronsim.CronSim, "match_day", counting(cronsim.CronSim, "match_day", calls))
    found = opened(window(by_cron(expression, "744h", "UTC")), utc("2036-01-01T00:00"))
    if not isinstance(found, Invalid):
        list(islice(found, 3))
    assert 0 < len(calls) <= MOST_DAYS
