"""Windows on the nights when the clocks change, by literal times and against a walk by minutes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import recurring, utc, window

from imchat_operator.core.windows import Occurrence, maintenance, occurrence

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


def test_a_window_within_the_skipped_hour_does_not_open_that_night() -> None:
    found = window(recurring(SUNDAYS, "02:00", "1h", "Europe/Berlin"))
    assert occurrence(found, utc("2026-03-27T00:00")) == opening(
        "2026-04-05T00:00", "2026-04-05T01:00"
    )


MINUTE = timedelta(minutes=1)
# Days on which the clocks change, and ordinary ones.
NIGHTS = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25", "2026-06-07"),
    "America/New_York": ("2026-03-08", "2026-11-01", "2026-06-07"),
    "Australia/Sydney": ("2026-10-04", "2026-04-05", "2026-06-07"),
    "Australia/Lord_Howe": ("2026-10-04", "2026-04-05", "2026-06-07"),
    "America/St_Johns": ("2026-03-08", "2026-11-01", "2026-06-07"),
}


def walked(zone: ZoneInfo, local: datetime, *, late: bool) -> datetime:
    """Read the clock minute by minute until it shows the local time, or has skipped it."""
    moment = local.replace(tzinfo=UTC) - timedelta(hours=15)
    shown: list[datetime] = []
    skipped = None
    before = moment.astimezone(zone).replace(tzinfo=None)
    for _ in range(30 * 60):
        moment += MINUTE
        now = moment.astimezone(zone).replace(tzinfo=None)
        if now == local:
            shown.append(moment)
        if before < local < now:
            skipped = moment - MINUTE + (local - before)
        before = now
    if shown:
        return shown[-1] if late else shown[0]
    assert skipped is not None
    return skipped


@given(
    night=st.sampled_from([(zone, day) for zone, days in NIGHTS.items() for day in days]),
    start=st.integers(0, 24 * 60 - 1),
    length=st.integers(1, 26 * 60),
)
def test_a_walk_by_the_minute_finds_the_same_ends(
    night: tuple[str, str], start: int, length: int
) -> None:
    name, day = night
    zone = ZoneInfo(name)
    opens = datetime.fromisoformat(day) + start * MINUTE
    expected = Occurrence(
        start=walked(zone, opens, late=False),
        end=walked(zone, opens + length * MINUTE, late=True),
    )
    found = window(recurring(SUNDAYS, f"{opens:%H:%M}", f"{length}m", name))
    before = utc(f"{day}T00:00") - timedelta(days=3)
    following = occurrence(found, before)
    if expected.start < expected.end:
        assert following == expected
    else:  # the window lies in the hour that is skipped
        assert isinstance(following, Occurrence)
        assert following.start - expected.start > timedelta(days=6)


@pytest.mark.parametrize("zone", sorted(NIGHTS))
@pytest.mark.parametrize("turn", [0, 1], ids=["in spring", "in autumn"])
def test_minute_by_minute_a_window_holds_from_its_start_to_its_end(zone: str, turn: int) -> None:
    day = NIGHTS[zone][turn]
    created = utc(f"{day}T00:00") - timedelta(days=2)
    found = window(recurring("FREQ=DAILY", "01:15", "1h30m", zone), created_at=created)
    local = datetime.fromisoformat(f"{day}T01:15")
    start = walked(ZoneInfo(zone), local, late=False)
    end = walked(ZoneInfo(zone), local + timedelta(minutes=90), late=True)
    moments = [start + number * MINUTE for number in range(-300, 300)]
    held = [moment for moment in moments if maintenance((found,), (), moment).holds]
    assert held == [moment for moment in moments if start <= moment < end]
