"""The days of an RFC 5545 recurrence rule, by dateutil, in bounded time.

dateutil takes parts that mean nothing (`INTERVAL=0` stands still for ever, `BYMONTHDAY=0` is every
day) and searches a rule that never occurs day by day up to the year 9999, which takes seconds.
What it would do so with is refused here first.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

_SHAPE = re.compile(r"[A-Z]+=[A-Z0-9,+-]+(;[A-Z]+=[A-Z0-9,+-]+)*;?")
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
# Parts whose values are numbers other than zero, with the largest of them.
_NUMBERS = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_NUMBERS}

# A rule that does not occur within ten years of its first day is refused; 29 February does.
_SEARCHED = timedelta(days=3653)
# In years. After that many the calendar repeats, weekdays included.
_CYCLE = 400
_LATEST_START = MAXYEAR - 11


def days(text: str, first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Return when a rule occurs, as local times, in order.

    Args:
        text: the rule, such as `FREQ=MONTHLY;BYDAY=1SU`.
        first: local time, without zone, from which on it counts; its time of day is kept.
        last: the latest local time of interest.
        zone: where that is local; an UNTIL in UTC is converted to it.

    Raises:
        ValueError: the rule means nothing, or does not occur; a sentence that says what to do.
    """
    parts = _parts(text)
    if not _occurs(_filters(parts), first):
        raise ValueError(f"{text!r} does not occur within ten years: correct its BY... parts")
    found = islice(_rule(_filters(parts), first), _count(parts))
    until = _until(parts, zone)
    end = last if until is None else min(last, until)
    return takewhile(lambda day: day <= end, found)


def _parts(text: str) -> dict[str, str]:
    rule = text.upper()
    if not _SHAPE.fullmatch(rule):
        raise ValueError(f"{text!r} is no rule: write it like FREQ=MONTHLY;BYDAY=1SU")
    named = rule.removesuffix(";").split(";")
    parts = dict(part.split("=") for part in named)
    if len(parts) < len(named):
        raise ValueError(f"{text!r} names a part twice: write each once")
    if unknown := sorted(parts.keys() - _PARTS):
        raise ValueError(f"{text!r} names {unknown[0]}, which has no meaning here: remove it")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"{text!r} needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError(f"{text!r} names both COUNT and UNTIL: remove one")
    for name, largest in _NUMBERS.items():
        if name in parts and not all(0 < abs(n) <= largest for n in _numbers(parts, name)):
            raise ValueError(f"{text!r}: {name} takes numbers from 1 to {largest}")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not all(n > 0 for n in _numbers(parts, name)):
            raise ValueError(f"{text!r}: {name} must be 1 or more")
    return parts


def _numbers(parts: Mapping[str, str], name: str) -> list[int]:
    try:
        return [int(number) for number in parts[name].split(",")]
    except ValueError as error:
        raise ValueError(f"{name}={parts[name]} is no number: correct it") from error


def _filters(parts: Mapping[str, str]) -> str:
    return ";".join(f"{n}={v}" for n, v in parts.items() if n not in {"COUNT", "UNTIL"})


def _count(parts: Mapping[str, str]) -> int | None:
    return _numbers(parts, "COUNT")[0] if "COUNT" in parts else None


def _until(parts: Mapping[str, str], zone: ZoneInfo) -> datetime | None:
    """Return the last local time that UNTIL allows; a mere date allows its whole day."""
    text = parts.get("UNTIL")
    if text is None:
        return None
    try:
        until = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"UNTIL={text} is no time: write it like 20261231T235959Z") from error
    if until.tzinfo is not None:
        return until.astimezone(zone).replace(tzinfo=None)
    return until if "T" in text else datetime.combine(until, time.max)


def _rule(filters: str, first: datetime) -> rrule:
    rule = rrulestr(filters, dtstart=first)
    if not isinstance(rule, rrule):
        raise TypeError(f"{filters!r} is more than one rule")
    return rule


@lru_cache(maxsize=1024)
def _occurs(filters: str, first: datetime) -> bool:
    """Return whether a rule occurs within ten years.

    dateutil gives up only in the year 9999: so the question is asked of the last of those 400-year
    cycles, where the answer is the same and at most a twentieth of the way is left to search.
    """
    cycles = (_LATEST_START - first.year) // _CYCLE
    moved = first.replace(year=first.year + cycles * _CYCLE)
    found = next(iter(_rule(filters, moved)), None)
    return found is not None and found <= moved + _SEARCHED
