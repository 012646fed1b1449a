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
# Parts whose values are numbers other than zero, and their ranges.
_NUMBERS = {
    "INTERVAL": range(1, 1000),
    "COUNT": range(1, 100_000),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(-31, 32),
    "BYYEARDAY": range(-366, 367),
    "BYWEEKNO": range(-53, 54),
    "BYSETPOS": range(-366, 367),
}
_PARTS = {"FREQ", "UNTIL", "WKST", "BYDAY", *_NUMBERS}
_NUMBER = re.compile(r"[+-]?[0-9]{1,5}")
_WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)")

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
    count = int(parts["COUNT"]) if "COUNT" in parts else None
    found = islice(_rule(_filters(parts), first), count)
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
    for fault in _faults(parts):
        raise ValueError(f"{text!r}: {fault}")
    return parts


def _faults(parts: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(parts.keys() - _PARTS):
        yield f"{name} has no meaning here, remove it"
    if parts.get("FREQ") not in _FREQUENCIES:
        yield "FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY"
    if "COUNT" in parts and "UNTIL" in parts:
        yield "COUNT and UNTIL exclude each other, remove one"
    for name, allowed in _NUMBERS.items():
        numbers = parts.get(name, "1").split(",")
        if not all(_NUMBER.fullmatch(n) and int(n) in allowed and int(n) for n in numbers):
            yield f"{name} must be within {allowed.start} to {allowed.stop - 1}, and not 0"
    largest = _largest_ordinal(parts)
    weekdays = parts.get("BYDAY", "MO").split(",")
    if len({len(day) > len("MO") for day in weekdays}) > 1:
        yield "BYDAY must number all of its weekdays or none"  # dateutil takes what is in both
    for day in weekdays:
        found = _WEEKDAY.fullmatch(day)
        if found is None or abs(int(found[1] or "0")) > largest:
            numbered = f", or numbered up to {largest}" if largest else " without a number"
            yield f"BYDAY={day} must be one of MO to SU{numbered}"


def _largest_ordinal(parts: Mapping[str, str]) -> int:
    """Return how many weekdays of a name the period that BYDAY counts in may have; 0 for none."""
    match parts.get("FREQ"):
        case "YEARLY" if "BYMONTH" not in parts:
            return 53
        case "YEARLY" | "MONTHLY":
            return 5
        case _:
            return 0


def _filters(parts: Mapping[str, str]) -> str:
    return ";".join(f"{n}={v}" for n, v in parts.items() if n not in {"COUNT", "UNTIL"})


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
