"""Maintenance windows: when they are open, and what they hold.

A recurring window is computed from both local ends in its zone, never from an offset:
a window from 02:00 to 06:00 lasts 3 or 5 hours on the nights when the clocks change.
- A local time that the spring change skips means the same time by the clock before the change
  (02:30 becomes 03:30).
- A local time that the autumn change repeats means the first one for the start, the second one for
  the end, so that the window never closes early.
The rule counts from the day the window was created (INTERVAL, COUNT).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from imchat_operator.core import recurrence
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

# Furthest look ahead: a window that opens later counts as ended.
_HORIZON = timedelta(days=3653)
# More than any clock was ever moved by.
_LARGEST_SHIFT = timedelta(days=2)


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
        match next_opening(schedule, window.created_at, now):
            case Invalid(field=field, why=why):
                return Invalid(field=f"spec.schedules[{number}].{field}", why=why)
            case Occurrence() as found_one:
                found.append(found_one)
    return min(found, default=None)


@lru_cache(maxsize=1024)  # a pass asks several times, and a rule is walked from its first day
def next_opening(
    schedule: Schedule, created_at: datetime, now: datetime
) -> Occurrence | Invalid | None:
    """Return the opening of a schedule that `now` lies in, or else the next one.

    Args:
        schedule: once, or by a rule.
        created_at: when the object that has the schedule was made; a rule counts from that day.
        now: a moment.
    """
    if schedule.recurring is not None:
        return _recurrence(schedule.recurring, created_at, now)
    if schedule.once is not None and now < schedule.once.end:
        return Occurrence(start=schedule.once.start, end=schedule.once.end)
    return None


def _recurrence(
    rule: Recurring, created_at: datetime, now: datetime
) -> Occurrence | Invalid | None:
    try:
        zone = ZoneInfo(rule.time_zone)
    except (KeyError, ValueError, OSError):  # an unreadable zone file is an OSError
        why = f"{rule.time_zone!r} is no time zone that this operator knows"
        return Invalid(field="recurring.timeZone", why=why)
    opens = time.fromisoformat(rule.start_time)
    first = datetime.combine(created_at.astimezone(zone).date(), opens)
    local_now = now.astimezone(zone).replace(tzinfo=None)
    try:
        starts = recurrence.days(rule.rrule, first, local_now + _HORIZON, zone)
    except ValueError as error:
        return Invalid(field="recurring.rrule", why=str(error))
    openings = (
        Occurrence(
            start=_instant(start, zone, late=False),
            end=_instant(start + rule.duration, zone, late=True),
        )
        for start in starts
        if start > local_now - rule.duration - _LARGEST_SHIFT  # others are over: spare the zone
    )
    return next((o for o in openings if o.start < o.end and now < o.end), None)


def _instant(local: datetime, zone: ZoneInfo, *, late: bool) -> datetime:
    early_one = local.replace(tzinfo=zone, fold=0)
    late_one = local.replace(tzinfo=zone, fold=1)
    repeated = (early_one.utcoffset() or timedelta()) > (late_one.utcoffset() or timedelta())
    chosen = late_one if late and repeated else early_one
    return chosen.astimezone(UTC)


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
