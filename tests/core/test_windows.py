from datetime import datetime
from itertools import islice
from typing import Any

import pytest
from tests.core.fleet import at, by_cron, once, recurring, utc, window

from imchat_operator.core.openings import Invalid, Occurrence
from imchat_operator.core.snapshot import Window
from imchat_operator.core.window_openings import occurrence
from imchat_operator.core.windows import Maintenance, maintenance
from imchat_operator.models import WindowAction

ONE_HOUR = once(at(0), at(3600))


def openings(found: Window, now: datetime, count: int) -> list[Occurrence]:
    def following(now: datetime) -> Any:
        while isinstance(current := occurrence(found, now), Occurrence):
            yield current
            now = current.end

    return list(islice(following(now), count))


@pytest.mark.parametrize(
    ("rrule", "now", "days"),
    [
        pytest.param(
            "FREQ=MONTHLY;BYDAY=1SU",
            "2026-01-01T00:00",
            ["2026-01-04", "2026-02-01", "2026-03-01", "2026-04-05"],
            id="first Sundays are 28 or 35 days apart",
        ),
        pytest.param(
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "2090-01-01T00:00",
            ["2092-02-29", "2096-02-29", "2104-02-29"],
            id="there is no leap day in 2100",
        ),
        pytest.param(
            "FREQ=DAILY;INTERVAL=10;COUNT=3",
            "2026-01-01T00:00",
            ["2026-01-01", "2026-01-11", "2026-01-21"],
            id="INTERVAL and COUNT count from the day of creation",
        ),
        pytest.param(
            "FREQ=DAILY;COUNT=3", "2026-02-01T00:00", [], id="a count that is used up is over"
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20260102T020000Z",
            "2026-01-01T00:00",
            ["2026-01-01", "2026-01-02"],
            id="UNTIL in UTC, as calendars write it",
        ),
    ],
)
def test_a_window_recurs_by_its_rule(rrule: str, now: str, days: list[str]) -> None:
    found = window(recurring(rrule, "02:00", "4h", "UTC"))
    starts = [o.start for o in openings(found, utc(now), max(2, len(days)))]
    assert starts == [utc(f"{day}T02:00") for day in days]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(at(-1), True, id="a second before it opens it is the next"),
        pytest.param(at(0), True, id="the second it opens"),
        pytest.param(at(3599.999), True, id="just before it closes"),
        pytest.param(at(3600), False, id="the second it closes it is over"),
    ],
)
def test_the_end_of_a_window_is_not_part_of_it(now: datetime, expected: bool) -> None:  # noqa: FBT001 -- a table's
    found = occurrence(window(ONE_HOUR), now)
    assert found == (Occurrence(start=at(0), end=at(3600)) if expected else None)


def test_of_several_schedules_the_one_that_opens_first_counts() -> None:
    found = window(once(at(7200), at(9000)), ONE_HOUR, once(at(-9000), at(-7200)))
    assert [occurrence(found, at(s)) for s in (-3600, 3600, 9000)] == [
        Occurrence(start=at(0), end=at(3600)),
        Occurrence(start=at(7200), end=at(9000)),
        None,
    ]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "4h", "Europe/Atlantis"),
            Invalid(
                field="spec.schedules[1].recurring.timeZone",
                why="'Europe/Atlantis' is no time zone that this operator knows",
            ),
            id="an unknown zone",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "4h", "../../etc/passwd"),
            Invalid(
                field="spec.schedules[1].recurring.timeZone",
                why="'../../etc/passwd' is no time zone that this operator knows",
            ),
            id="a path for a zone",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "4h", "Europe"),
            Invalid(
                field="spec.schedules[1].recurring.timeZone",
                why="'Europe' is no time zone that this operator knows",
            ),
            id="a folder of zones",
        ),
        pytest.param(
            recurring("FREQ=MONTHLY;BYDAY=1XX", "02:00", "4h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.rrule",
                why="'FREQ=MONTHLY;BYDAY=1XX': BYDAY=1XX must be one of MO to SU, "
                "or numbered up to 5",
            ),
            id="a broken rule",
        ),
        pytest.param(
            recurring("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "02:00", "4h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.rrule",
                why="'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31' does not occur within ten years: "
                "correct its BY... parts",
            ),
            id="a rule that never occurs",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "soon", "4h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.startTime",
                why="must be a time of day, such as 02:00",
            ),
            id="a time of day that is none",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "59s", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.duration",
                why="must be at least 1m and at most 744h",
            ),
            id="less than a minute",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "2562047h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.duration",
                why="must be at least 1m and at most 744h",
            ),
            id="longer than a month",
        ),
        pytest.param(
            by_cron("0 2 1-7 * SUN", "4h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.cron",
                why="'0 2 1-7 * SUN' names days of the month and weekdays, of which cron takes "
                "either: leave one of them at *; the first Sunday is 0 2 * * SUN#1",
            ),
            id="a cron of days and weekdays",
        ),
    ],
)
def test_a_window_that_can_not_be_computed_names_the_field(
    schedule: dict[str, Any], expected: Invalid
) -> None:
    found = window(ONE_HOUR, schedule)
    assert occurrence(found, at(0)) == expected
    assert maintenance((found,), (), at(0)) == Maintenance()


@pytest.mark.parametrize(
    ("windows", "labels", "now", "names", "next_change"),
    [
        pytest.param((), {}, at(0), [], None, id="no window holds nothing"),
        pytest.param((window(ONE_HOUR),), {}, at(-1), [], at(0), id="closed, the next change is"),
        pytest.param((window(ONE_HOUR),), {}, at(0), ["night"], at(3600), id="open until its end"),
        pytest.param((window(ONE_HOUR),), {}, at(3600), [], None, id="closed for good"),
        pytest.param(
            (
                window(ONE_HOUR, name="short"),
                window(once(at(-60), at(7200)), name="long"),
                window(once(at(1800), at(2000)), name="later"),
            ),
            {},
            at(60),
            ["long", "short"],
            at(1800),
            id="of several the one that closes last is named first",
        ),
        pytest.param(
            (window(ONE_HOUR, selector={"matchLabels": {"tier": "gold"}}),),
            {"tier": "gold", "eu": "1"},
            at(0),
            ["night"],
            at(3600),
            id="a selector that takes the cluster",
        ),
        pytest.param(
            (window(ONE_HOUR, selector={"matchLabels": {"tier": "gold"}}),),
            {"tier": "tin"},
            at(0),
            [],
            None,
            id="a selector that takes others",
        ),
    ],
)
def test_windows_hold_the_clusters_that_they_select(
    windows: tuple[Window, ...],
    labels: dict[str, str],
    now: datetime,
    names: list[str],
    next_change: datetime | None,
) -> None:
    found = maintenance(windows, tuple(labels.items()), now)
    assert [s.window.name for s in found.open] == names
    held = "window long" if "long" in names else "window night"
    assert found.held(WindowAction.HEALING).startswith(held) is bool(names)
    assert found.next_change == next_change
