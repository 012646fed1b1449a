"""Maintenance windows: when they are open, and what they hold.

A recurring window is computed from both local ends in its zone, never from an offset:
a window from 02:00 to 06:00 lasts 3 or 5 hours on the nights when the clocks change.
- A local time that the spring change skips means the same time by the clock before the change
  (02:30 becomes 03:30).
- A local time that the autumn change repeats means the first one for the start, the second one for
  the end, so that the window never closes early.
The rule counts from the day the window was created (INTERVAL, COUNT).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from imchat_operator.core.decision import Reason, Verdict
from imchat_operator.core.snapshot import Window
from imchat_operator.core.status import conditions
from imchat_operator.models import (
    MaintenanceWindowStatus,
    Recurring,
    Schedule,
    WindowState,
    matches,
)

# Furthest look ahead. A rule that does not occur in ten years (29 February does) is refused;
# the bound also keeps a rule that never occurs from being searched to the year 9999.
_HORIZON = timedelta(days=3653)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Occurrence:
    """One opening: from `start` up to, and not including, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A window that can't be computed: the field, and what is wrong with it."""

    field: str
    why: str


def occurrence(window: Window, now: datetime) -> Occurrence | Invalid | None:
    """Return the opening that `now` lies in, or else the next one; None if there is none."""
    found: list[Occurrence] = []
    for number, schedule in enumerate(window.spec.schedules):
        try:
            found.extend(islice(_current_and_later(schedule, window.created_at, now), 1))
        except (ValueError, OSError) as error:  # an unreadable zone file is an OSError
            where = "recurring.timeZone" if "zone" in str(error).lower() else "recurring.rrule"
            return Invalid(field=f"spec.schedules[{number}].{where}", why=str(error))
    return min(found, default=None)


def _current_and_later(
    schedule: Schedule, created_at: datetime, now: datetime
) -> Iterator[Occurrence]:
    if schedule.once is not None and schedule.once.end > now:
        yield Occurrence(start=schedule.once.start, end=schedule.once.end)
    if schedule.recurring is not None:
        for opening in _recurrences(schedule.recurring, created_at, now):
            if opening.end > now:
                yield opening


def _recurrences(rule: Recurring, created_at: datetime, now: datetime) -> Iterator[Occurrence]:
    zone = _zone(rule.time_zone)
    opens = time.fromisoformat(rule.start_time)
    first_day = created_at.astimezone(zone).date()
    horizon = (now + _HORIZON).astimezone(zone).replace(tzinfo=None)
    days = _bounded(rule.rrule, datetime.combine(first_day, opens), horizon)
    for local_start in days:
        start = _instant(local_start, zone, late=False)
        end = _instant(local_start + rule.duration, zone, late=True)
        if end > start:
            yield Occurrence(start=start, end=end)


def _bounded(text: str, first: datetime, horizon: datetime) -> Iterator[datetime]:
    rule = rrulestr(text.removeprefix("RRULE:"), dtstart=first)
    if not isinstance(rule, rrule):
        raise ValueError(f"{text!r} is more than one rule: give each a schedule of its own")  # noqa: TRY004
    count: int | None = rule._count  # type: ignore[attr-defined]  # noqa: SLF001 -- has no public name
    until: datetime | None = rule._until  # type: ignore[attr-defined]  # noqa: SLF001 -- same
    if until is not None:
        horizon = min(horizon, until.replace(tzinfo=None))
    return islice(rule.replace(count=None, until=horizon), count)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone that this operator knows") from error


def _instant(local: datetime, zone: ZoneInfo, *, late: bool) -> datetime:
    early_one = local.replace(tzinfo=zone, fold=0)
    late_one = local.replace(tzinfo=zone, fold=1)
    repeated = (early_one.utcoffset() or timedelta()) > (late_one.utcoffset() or timedelta())
    chosen = late_one if late and repeated else early_one
    return chosen.astimezone(tz=_UTC)


_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """What the windows of a cluster mean now.

    Attributes:
        open: the open windows with their openings, the one that closes last first.
        next_change: when any window opens or closes next; None if never.
    """

    open: tuple[tuple[Window, Occurrence], ...] = ()
    next_change: datetime | None = None

    @property
    def holds(self) -> bool:
        """Whether healing and scale-down are held. Scaling up never is."""
        return bool(self.open)

    @property
    def until(self) -> str:
        """Who holds, and until when, in words."""
        window, opening = self.open[0]
        return f"window {window.name} holds it until {_utc(opening.end)}"


def maintenance(
    windows: tuple[Window, ...], labels: tuple[tuple[str, str], ...], now: datetime
) -> Maintenance:
    """Return what the windows that select a cluster with these labels mean at `now`.

    A window that can't be computed holds nothing; its own condition says so.
    """
    openings = [
        (window, opening)
        for window in windows
        if matches(window.spec.cluster_selector, labels)
        and isinstance(opening := occurrence(window, now), Occurrence)
    ]
    is_open = [(window, opening) for window, opening in openings if opening.start <= now]
    changes = [opening.end if opening.start <= now else opening.start for _, opening in openings]
    return Maintenance(
        open=tuple(sorted(is_open, key=lambda pair: (-pair[1].end.timestamp(), pair[0].name))),
        next_change=min(changes, default=None),
    )


def window_status(
    window: Window, before: MaintenanceWindowStatus, generation: int, now: datetime
) -> MaintenanceWindowStatus:
    """Return where a window stands at `now`."""
    opening = occurrence(window, now)
    match opening:
        case Invalid():
            state, reason = WindowState.INVALID, Reason.WINDOW_INVALID
            message = f"{opening.field}: {opening.why}"
        case None:
            state, reason = WindowState.ENDED, Reason.WINDOW_ENDED
            message = "it does not open again"
        case Occurrence() if opening.start <= now:
            state, reason = WindowState.OPEN, Reason.WINDOW_OPEN
            message = f"healing and scaling down are held until {_utc(opening.end)}"
        case Occurrence():
            state, reason = WindowState.SCHEDULED, Reason.WINDOW_SCHEDULED
            message = f"opens at {_utc(opening.start)} and closes at {_utc(opening.end)}"
    verdict = Verdict(
        type="Valid",
        status="False" if state is WindowState.INVALID else "True",
        reason=reason,
        message=message,
    )
    times = opening if isinstance(opening, Occurrence) else None
    return MaintenanceWindowStatus(
        observed_generation=generation,
        state=state,
        opens=times.start if times else None,
        closes=times.end if times else None,
        conditions=conditions(before.conditions, (verdict,), generation, now),
    )


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
