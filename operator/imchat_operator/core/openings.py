"""When something is open: the openings of schedules, in bounded time.

A recurring opening is computed from both local ends in its zone, never from an offset: 02:00 to
06:00 lasts 3 or 5 hours on the nights when the clocks change.
- A local time that the spring change skips means the same time by the clock before the change
  (02:30 becomes 03:30).
- An opening that begins in the skipped time lasts at least as long as what was skipped, or as its
  duration if that is shorter. By its local ends alone 02:30 for 1h would end before it begins.
- A local time that the autumn change repeats means the first one for the start, the second one for
  the end, so that it never closes early.
A recurrence rule counts from the day of creation (INTERVAL, COUNT).

Of one schedule the next `MOST` openings are looked at, and nothing beyond ten years.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from imchat_operator.core import cron, recurrence
from imchat_operator.models import Exclusion, Recurring, Schedule
from imchat_operator.models.schedule import LONGEST, SHORTEST
from imchat_operator.units import parsed_duration

# Furthest look ahead: what opens later counts as never.
HORIZON = timedelta(days=3653)
# An hourly cron has 744 openings of the longest duration at a time.
MOST = 1024
# So many openings that touch are shown as one; an endless chain has to end somewhere.
MOST_JOINED = 64
# More than any clock was ever moved by.
_LARGEST_SHIFT = timedelta(days=2)
_DAY = timedelta(days=1)
_SHORTEST, _LONGEST = parsed_duration(SHORTEST), parsed_duration(LONGEST)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Occurrence:
    """One opening: from `start` up to, and not including, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """What can't be computed: the field, and what is wrong with it."""

    field: str
    why: str


def next_opening(
    schedule: Schedule, created_at: datetime, now: datetime
) -> Occurrence | Invalid | None:
    """Return the opening of a schedule that `now` lies in, or else the next one.

    Args:
        schedule: once, or by a rule.
        created_at: when the object that has the schedule was made; a rule counts from that day.
        now: a moment.
    """
    found = _openings(schedule, created_at, now)
    return found if isinstance(found, Invalid) else next(found, None)


def joined(
    schedules: tuple[Schedule, ...], created_at: datetime, now: datetime
) -> Iterator[Occurrence] | Invalid:
    """Return the openings of several schedules that `now` lies in or that follow, in order.

    Those that overlap or touch are one: it closes when the last of them does.
    """
    each: list[Iterator[Occurrence]] = []
    for number, schedule in enumerate(schedules):
        match _openings(schedule, created_at, now):
            case Invalid(field=field, why=why):
                return Invalid(field=f"spec.schedules[{number}].{field}", why=why)
            case found:
                each.append(found)
    return _merged(heapq.merge(*each))


def _merged(openings: Iterable[Occurrence]) -> Iterator[Occurrence]:
    current: Occurrence | None = None
    count = 0
    for opening in openings:
        if current is None or opening.start > current.end or count == MOST_JOINED:
            if current is not None:
                yield current
            start = opening.start if current is None else max(opening.start, current.end)
            current, count = Occurrence(start=start, end=max(start, opening.end)), 1
        else:
            current = Occurrence(start=current.start, end=max(current.end, opening.end))
            count += 1
    if current is not None:
        yield current


def without(
    openings: Iterable[Occurrence], excluded: tuple[Occurrence, ...]
) -> Iterator[Occurrence]:
    """Return what is left of openings outside the excluded times, both in order."""
    for opening in openings:
        start = opening.start
        for blackout in excluded:
            if blackout.end <= start or blackout.start >= opening.end:
                continue
            if start < blackout.start:
                yield Occurrence(start=start, end=blackout.start)
            start = blackout.end
        if start < opening.end:
            yield Occurrence(start=start, end=opening.end)


def excluded(exclusions: tuple[Exclusion, ...]) -> tuple[Occurrence, ...] | Invalid:
    """Return when exclusions begin and end: at the midnights of their zones, in order."""
    found = []
    for number, exclusion in enumerate(exclusions):
        field = f"spec.exclusions[{number}]"
        zone = _zone(exclusion.time_zone)
        if isinstance(zone, str):
            return Invalid(field=f"{field}.timeZone", why=zone)
        first = exclusion.date_ or exclusion.from_
        last = exclusion.date_ or exclusion.to
        if first is None or last is None or last < first:
            why = "needs a date, or from and to in that order"
            return Invalid(field=field, why=why)
        try:
            found.append(_days(first, last, zone))
        except OverflowError:
            return Invalid(field=field, why="is further away than any calendar reaches")
    return tuple(_merged(sorted(found)))


def _days(first: date, last: date, zone: ZoneInfo) -> Occurrence:
    after = datetime.combine(last, time()) + _DAY
    return Occurrence(
        start=_instant(datetime.combine(first, time()), zone, late=False),
        end=_instant(after, zone, late=False),
    )


def _openings(
    schedule: Schedule, created_at: datetime, now: datetime
) -> Iterator[Occurrence] | Invalid:
    if schedule.recurring is not None:
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        found = _recurrences(schedule.recurring, created_at, day)
        return found if isinstance(found, Invalid) else (o for o in found if now < o.end)
    once = schedule.once
    if once is not None and now < once.end and once.start < once.end:
        return iter([Occurrence(start=once.start, end=once.end)])
    return iter(())


@lru_cache(maxsize=256)  # a rule is walked from its first day: once a day is enough
def _recurrences(
    rule: Recurring, created_at: datetime, day: datetime
) -> tuple[Occurrence, ...] | Invalid:
    """Return the openings of a rule that end after a moment."""
    zone = _zone(rule.time_zone)
    if isinstance(zone, str):
        return Invalid(field="recurring.timeZone", why=zone)
    if not _SHORTEST <= rule.duration <= _LONGEST:
        why = f"must be at least {SHORTEST} and at most {LONGEST}"
        return Invalid(field="recurring.duration", why=why)
    local = day.astimezone(zone).replace(tzinfo=None)
    # What began earlier is over: spare the zone.
    earliest = local - rule.duration - _LARGEST_SHIFT
    starts = _starts(rule, created_at.astimezone(zone).replace(tzinfo=None), earliest, zone)
    if isinstance(starts, Invalid):
        return starts
    ahead = takewhile(lambda start: start <= local + HORIZON, starts)
    openings = (_opening(start, rule.duration, zone) for start in ahead if start > earliest)
    return tuple(islice((o for o in openings if day < o.end), MOST))


def _starts(
    rule: Recurring, created: datetime, earliest: datetime, zone: ZoneInfo
) -> Iterator[datetime] | Invalid:
    """Return the local times at which a rule begins, at least those after the earliest."""
    midnight = datetime.combine(created.date(), time())
    if rule.cron is not None:
        try:
            return cron.times(rule.cron, max(midnight, earliest), earliest + 2 * HORIZON)
        except ValueError as error:
            return Invalid(field="recurring.cron", why=str(error))
    try:
        opens = time.fromisoformat(rule.start_time or "")
    except ValueError:
        return Invalid(field="recurring.startTime", why="must be a time of day, such as 02:00")
    try:
        first = datetime.combine(created.date(), opens)
        return recurrence.days(rule.rrule or "", first, earliest + 2 * HORIZON, zone)
    except ValueError as error:
        return Invalid(field="recurring.rrule", why=str(error))


def _opening(start: datetime, duration: timedelta, zone: ZoneInfo) -> Occurrence:
    opens = _instant(start, zone, late=False)
    closes = _instant(start + duration, zone, late=True)
    return Occurrence(start=opens, end=max(closes, opens + min(duration, _skipped(start, zone))))


def _skipped(local: datetime, zone: ZoneInfo) -> timedelta:
    """Return how much time the clocks skip at a local time; none if they show it."""
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return max(timedelta(), (after or timedelta()) - (before or timedelta()))


def _instant(local: datetime, zone: ZoneInfo, *, late: bool) -> datetime:
    early_one = local.replace(tzinfo=zone, fold=0)
    late_one = local.replace(tzinfo=zone, fold=1)
    repeated = (early_one.utcoffset() or timedelta()) > (late_one.utcoffset() or timedelta())
    chosen = late_one if late and repeated else early_one
    return chosen.astimezone(UTC)


def _zone(name: str) -> ZoneInfo | str:
    """Return a zone, or what is wrong with its name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unreadable zone file is an OSError
        return f"{name!r} is no time zone that this operator knows"
