"""Windows on the nights when the clocks change, by literal times and against a walk by minutes."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.clockwalk import MINUTE, NIGHTS, walked_opening
from tests.core.fleet import by_cron, recurring, utc, window

from imchat_operator.core.openings import Occurrence
from imchat_operator.core.window_openings import occurrence
from imchat_operator.core.windows import maintenance

SUNDAYS = "FREQ=WEEKLY;BYDAY=SU"


def opening(start: str, end: str) -> Occurrence:
    return Occurrence(start=utc(start), end=utc(end))


@pytest.mark.parametrize(
    ("zone", "start", "duration", "day", "expected"),
    [
        pytest.param(
            "Australia/Sydney",
            "02:00",
            "4h",
            "2026-04-05",
            opening("2026-04-04T15:00", "2026-04-04T20:00"),
            id="02:00 to 06:00 in Sydney lasts 5 h when summer ends",
        ),
        pytest.param(
            "Australia/Sydney",
            "02:00",
            "4h",
            "2026-10-04",
            opening("2026-10-03T16:00", "2026-10-03T19:00"),
            id="02:00 to 06:00 in Sydney lasts 3 h when summer begins",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:00",
            "4h",
            "2026-03-29",
            opening("2026-03-29T01:00", "2026-03-29T04:00"),
            id="02:00 to 06:00 in Berlin lasts 3 h in March",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:00",
            "4h",
            "2026-10-25",
            opening("2026-10-25T00:00", "2026-10-25T05:00"),
            id="02:00 to 06:00 in Berlin lasts 5 h in October",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:00",
            "4h",
            "2026-12-06",
            opening("2026-12-06T01:00", "2026-12-06T05:00"),
            id="02:00 to 06:00 in Berlin lasts 4 h on other nights",
        ),
        pytest.param(
            "America/New_York",
            "00:00",
            "2h",
            "2026-11-01",
            opening("2026-11-01T04:00", "2026-11-01T07:00"),
            id="midnight to 02:00 in New York waits for the second 02:00",
        ),
        pytest.param(
            "America/New_York",
            "01:30",
            "1h",
            "2026-11-01",
            opening("2026-11-01T05:30", "2026-11-01T07:30"),
            id="01:30 in New York is the first of the two, 02:30 there is only one",
        ),
        pytest.param(
            "America/New_York",
            "00:30",
            "1h",
            "2026-11-01",
            opening("2026-11-01T04:30", "2026-11-01T06:30"),
            id="an end at the repeated 01:30 is the second of the two",
        ),
        pytest.param(
            "America/New_York",
            "02:30",
            "4h",
            "2026-03-08",
            opening("2026-03-08T07:30", "2026-03-08T10:30"),
            id="02:30 that is skipped in New York is 03:30 by the new clock",
        ),
        pytest.param(
            "America/New_York",
            "00:00",
            "2h30m",
            "2026-03-08",
            opening("2026-03-08T05:00", "2026-03-08T07:30"),
            id="an end at 02:30 that is skipped is 03:30 by the new clock",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "01:30",
            "4h30m",
            "2026-04-05",
            opening("2026-04-04T14:30", "2026-04-04T19:30"),
            id="Lord Howe repeats half an hour",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "02:00",
            "4h",
            "2026-10-04",
            opening("2026-10-03T15:30", "2026-10-03T19:00"),
            id="Lord Howe skips half an hour",
        ),
        pytest.param(
            "Asia/Kolkata",
            "02:00",
            "4h",
            "2026-03-29",
            opening("2026-03-28T20:30", "2026-03-29T00:30"),
            id="India never changes its clocks",
        ),
        pytest.param(
            "UTC",
            "22:00",
            "4h",
            "2026-11-29",
            opening("2026-11-29T22:00", "2026-11-30T02:00"),
            id="over midnight",
        ),
        pytest.param(
            "UTC",
            "23:59",
            "2m",
            "2026-05-31",
            opening("2026-05-31T23:59", "2026-06-01T00:01"),
            id="over a month's end",
        ),
    ],
)
def test_a_window_is_computed_from_both_local_ends(
    zone: str, start: str, duration: str, day: str, expected: Occurrence
) -> None:
    found = window(recurring(SUNDAYS, start, duration, zone))
    assert occurrence(found, utc(f"{day}T12:00") - timedelta(days=2)) == expected


@pytest.mark.parametrize(
    ("zone", "start", "duration", "day", "expected"),
    [
        pytest.param(
            "Europe/Berlin",
            "02:30",
            "1h",
            "2026-03-29",
            opening("2026-03-29T01:30", "2026-03-29T02:30"),
            id="02:30 for 1h, which ends before it begins, opens from 03:30 to 04:30",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:00",
            "1h",
            "2026-03-29",
            opening("2026-03-29T01:00", "2026-03-29T02:00"),
            id="the very hour that is skipped opens for the hour after it",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:00",
            "90m",
            "2026-03-29",
            opening("2026-03-29T01:00", "2026-03-29T02:00"),
            id="what would have half an hour left has the hour that was skipped",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:00",
            "2h",
            "2026-03-29",
            opening("2026-03-29T01:00", "2026-03-29T02:00"),
            id="from two hours on the local ends say more than the skipped hour",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:10",
            "5m",
            "2026-03-29",
            opening("2026-03-29T01:10", "2026-03-29T01:15"),
            id="a short one within the skipped hour lasts as long as ever",
        ),
        pytest.param(
            "Europe/Berlin",
            "01:59",
            "1m",
            "2026-03-29",
            opening("2026-03-29T00:59", "2026-03-29T01:00"),
            id="the minute before the skipped hour is a minute long",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "02:00",
            "30m",
            "2026-10-04",
            opening("2026-10-03T15:30", "2026-10-03T16:00"),
            id="the half hour that Lord Howe skips opens for the half hour after it",
        ),
    ],
)
def test_a_window_that_begins_in_the_skipped_hour_opens_all_the_same(
    zone: str, start: str, duration: str, day: str, expected: Occurrence
) -> None:
    for schedule in (
        recurring(SUNDAYS, start, duration, zone),
        by_cron(f"{start[3:]} {start[:2]} * * SUN", duration, zone),
    ):
        found = window(schedule)
        assert occurrence(found, utc(f"{day}T12:00") - timedelta(days=2)) == expected


@settings(max_examples=40)
@given(
    night=st.sampled_from([(zone, day) for zone, days in NIGHTS.items() for day in days]),
    start=st.integers(0, 24 * 60 - 1) | st.integers(60, 180),
    length=st.integers(1, 26 * 60) | st.integers(1, 120),
)
def test_a_walk_by_the_minute_finds_the_same_ends(
    night: tuple[str, str], start: int, length: int
) -> None:
    name, day = night
    opens = datetime.fromisoformat(day) + start * MINUTE
    expected = walked_opening(ZoneInfo(name), opens, length * MINUTE)
    before = utc(f"{day}T00:00") - timedelta(days=3)
    ruled = window(recurring(SUNDAYS, f"{opens:%H:%M}", f"{length}m", name))
    assert occurrence(ruled, before) == expected
    timed = window(by_cron(f"{opens:%M %H} * * SUN", f"{length}m", name))
    assert occurrence(timed, before) == expected


@pytest.mark.parametrize("zone", sorted(NIGHTS))
@pytest.mark.parametrize("turn", [0, 1], ids=["in spring", "in autumn"])
def test_minute_by_minute_a_window_holds_from_its_start_to_its_end(zone: str, turn: int) -> None:
    day = NIGHTS[zone][turn]
    created = utc(f"{day}T00:00") - timedelta(days=2)
    found = window(recurring("FREQ=DAILY", "01:15", "1h30m", zone), created_at=created)
    local = datetime.fromisoformat(f"{day}T01:15")
    whole = walked_opening(ZoneInfo(zone), local, timedelta(minutes=90))
    start, end = whole.start, whole.end
    moments = [start + number * MINUTE for number in range(-300, 300)]
    held = [moment for moment in moments if maintenance((found,), (), moment).open]
    assert held == [moment for moment in moments if start <= moment < end]
