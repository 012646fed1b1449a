"""Whole windows against a walk by the minute: several schedules, exclusions and validity."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.clockwalk import MINUTE, NIGHTS, walked_opening
from tests.core.fleet import by_cron, once, recurring, utc, window

from imchat_operator.core.openings import Invalid, Occurrence
from imchat_operator.core.window_openings import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Open each day from a local time on."""

    start: int
    length: int
    is_cron: bool

    def schedule(self, zone: str) -> dict[str, Any]:
        """Return it as the API has it."""
        hour, minute = divmod(self.start, 60)
        if self.is_cron:
            return by_cron(f"{minute} {hour} * * *", f"{self.length}m", zone)
        return recurring("FREQ=DAILY", f"{hour:02}:{minute:02}", f"{self.length}m", zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A window around a day on which the clocks may change."""

    zone: str
    day: date
    dailies: tuple[Daily, ...]
    extra: tuple[int, int] | None  # one more opening, in minutes from the day on
    excluded: tuple[int, ...]  # days from the day on
    valid: tuple[int, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone = draw(st.sampled_from(sorted(NIGHTS)))
    minutes = st.integers(0, 24 * 60 - 1) | st.integers(60, 180)
    daily = st.builds(
        Daily,
        start=minutes,
        length=st.integers(1, 300) | st.integers(1, 1500),
        is_cron=st.booleans(),
    )
    begin = draw(st.integers(-1440, 1440))
    return Case(
        zone=zone,
        day=date.fromisoformat(draw(st.sampled_from(NIGHTS[zone]))),
        dailies=tuple(draw(st.lists(daily, min_size=1, max_size=2))),
        extra=draw(st.none() | st.tuples(st.just(begin), st.integers(begin + 1, begin + 900))),
        excluded=tuple(draw(st.lists(st.integers(-1, 1), max_size=1))),
        valid=(draw(st.integers(-2880, 0)), draw(st.integers(1, 2880))),
    )


def found(case: Case, begin: datetime, end: datetime) -> list[Occurrence]:
    middle = utc(f"{case.day}T00:00")
    schedules = [daily.schedule(case.zone) for daily in case.dailies]
    if case.extra is not None:
        schedules.append(once(*(middle + minutes * MINUTE for minutes in case.extra)))
    excluded = [
        {"date": case.day + timedelta(days=days), "timeZone": case.zone} for days in case.excluded
    ]
    valid = [middle + minutes * MINUTE for minutes in case.valid]
    all_of_them = opened(
        window(
            *schedules,
            created_at=begin - timedelta(days=5),
            exclusions=excluded,
            validFrom=valid[0],
            validUntil=valid[1],
        ),
        begin,
    )
    assert not isinstance(all_of_them, Invalid)
    return list(takewhile(lambda o: o.start < end, all_of_them))


def is_open(case: Case, moment: datetime, raw: list[Occurrence]) -> bool:
    middle = utc(f"{case.day}T00:00")
    first, last = (middle + minutes * MINUTE for minutes in case.valid)
    local = moment.astimezone(ZoneInfo(case.zone)).date()
    is_excluded = any(local == case.day + timedelta(days=days) for days in case.excluded)
    is_extra = case.extra is not None and (
        middle + case.extra[0] * MINUTE <= moment < middle + case.extra[1] * MINUTE
    )
    is_daily = any(o.start <= moment < o.end for o in raw)
    return first <= moment < last and not is_excluded and (is_extra or is_daily)


@settings(max_examples=40)
@given(case=cases())
def test_a_window_is_open_in_the_minutes_in_which_it_should_be(case: Case) -> None:
    middle = utc(f"{case.day}T00:00")
    begin, end = middle - timedelta(days=1), middle + timedelta(days=2)
    raw = [
        walked_opening(
            ZoneInfo(case.zone),
            datetime.fromisoformat(f"{case.day}") + timedelta(days=days, minutes=daily.start),
            daily.length * MINUTE,
        )
        for daily in case.dailies
        for days in range(-4, 4)
    ]
    openings = found(case, begin, end)
    assert all(one.end < other.start for one, other in pairwise(openings)), (
        "openings are apart: those that touch are one"
    )
    for number in range(3 * 24 * 60):
        moment = begin + number * MINUTE
        shown = any(o.start <= moment < o.end for o in openings)
        assert shown is is_open(case, moment, raw), moment
