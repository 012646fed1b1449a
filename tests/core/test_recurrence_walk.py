"""dateutil's days against a walk that looks at each day by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imchat_operator.core.recurrence import days

HORIZON = timedelta(days=3653)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as the walk below understands it; 0 as a weekday's number means every one."""

    freq: str
    interval: int
    months: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[tuple[int, str]]

    @property
    def text(self) -> str:
        """The rule in RFC 5545's form."""
        weekdays = [f"{number or ''}{name}" for number, name in sorted(self.weekdays)]
        parts = {
            "FREQ": self.freq,
            "INTERVAL": str(self.interval),
            "BYMONTH": ",".join(map(str, sorted(self.months))),
            "BYMONTHDAY": ",".join(map(str, sorted(self.month_days))),
            "BYDAY": ",".join(weekdays),
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    is_numbered = freq in {"MONTHLY", "YEARLY"} and draw(st.booleans())
    numbers = st.integers(-5, 5).filter(bool) if is_numbered else st.just(0)
    return Rule(
        freq=freq,
        interval=draw(st.integers(1, 4)),
        months=draw(st.frozensets(st.integers(1, 12), max_size=3)),
        month_days=draw(
            st.frozensets(st.integers(-31, 31).filter(bool), max_size=4)
            if freq != "WEEKLY"
            else st.just(frozenset())
        ),
        weekdays=draw(
            st.frozensets(st.tuples(numbers, st.sampled_from(WEEKDAYS)), max_size=3),
        ),
    )


def walked(rule: Rule, first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        is_turn = (period(rule.freq, day) - period(rule.freq, first)) % rule.interval == 0
        if is_turn and is_selected(rule, first, day):
            yield day


def period(freq: str, day: date) -> int:
    match freq:
        case "DAILY":
            return day.toordinal()
        case "WEEKLY":
            return (day.toordinal() - day.weekday()) // 7
        case "MONTHLY":
            return day.year * 12 + day.month
        case _:
            return day.year


def is_selected(rule: Rule, first: date, day: date) -> bool:
    is_open = not rule.month_days and not rule.weekdays
    if rule.months and day.month not in rule.months:
        return False
    if is_open and rule.freq == "WEEKLY":
        return day.weekday() == first.weekday()
    if is_open and rule.freq != "DAILY":
        months = rule.months or ({first.month} if rule.freq == "YEARLY" else {day.month})
        return day.day == first.day and day.month in months
    next_month = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    from_end = -(next_month - day).days
    if rule.month_days and not rule.month_days & {day.day, from_end}:
        return False
    return not rule.weekdays or any(is_weekday(rule, n, name, day) for n, name in rule.weekdays)


def is_weekday(rule: Rule, number: int, name: str, day: date) -> bool:
    if WEEKDAYS[day.weekday()] != name:
        return False
    if number == 0:
        return True
    in_year = rule.freq == "YEARLY" and not rule.months
    step = timedelta(days=7 * abs(number))
    nearer = timedelta(days=7 * (abs(number) - 1))
    sign = 1 if number > 0 else -1

    def is_inside(other: date) -> bool:
        return other.year == day.year and (in_year or other.month == day.month)

    return is_inside(day - sign * nearer) and not is_inside(day - sign * step)


@given(rule=rules(), first=st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_dateutil_and_a_walk_day_by_day_agree(rule: Rule, first: date) -> None:
    start = datetime.combine(first, time(2, 0))
    expected = list(walked(rule, first, (start + HORIZON).date()))
    if not expected:
        with pytest.raises(ValueError, match="does not occur within ten years"):
            days(rule.text, start, start + HORIZON, ZoneInfo("UTC"))
        return
    found = days(rule.text, start, start + HORIZON, ZoneInfo("UTC"))
    assert [day.date() for day in found] == expected
