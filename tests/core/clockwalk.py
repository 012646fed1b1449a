"""An independent reading of local clocks: minute by minute, as a person at the wall would."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from imchat_operator.core.openings import Occurrence

MINUTE = timedelta(minutes=1)
# Days on which the clocks change, and ordinary ones.
NIGHTS = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25", "2026-06-07"),
    "America/New_York": ("2026-03-08", "2026-11-01", "2026-06-07"),
    "Australia/Sydney": ("2026-10-04", "2026-04-05", "2026-06-07"),
    "Australia/Lord_Howe": ("2026-10-04", "2026-04-05", "2026-06-07"),
    "America/St_Johns": ("2026-03-08", "2026-11-01", "2026-06-07"),
}


@lru_cache(maxsize=4096)
def walked(zone: ZoneInfo, local: datetime, *, late: bool) -> tuple[datetime, timedelta]:
    """Read the clock minute by minute until it shows the local time, or has skipped it.

    Return the moment, and how much the clock skipped then.
    """
    in_january = datetime(2026, 1, 1, tzinfo=zone).utcoffset() or timedelta()
    moment = local.replace(tzinfo=UTC) - in_january - timedelta(hours=3)
    shown: list[datetime] = []
    skipped = None
    before = moment.astimezone(zone).replace(tzinfo=None)
    for _ in range(6 * 60):
        moment += MINUTE
        now = moment.astimezone(zone).replace(tzinfo=None)
        if now == local:
            shown.append(moment)
        if before < local < now:
            skipped = moment - MINUTE + (local - before), now - before - MINUTE
        before = now
    if shown:
        # The first minute after a leap is shown, but a start there was not skipped.
        return shown[-1] if late else shown[0], timedelta()
    assert skipped is not None
    return skipped


def walked_opening(zone: ZoneInfo, opens: datetime, length: timedelta) -> Occurrence:
    """Return when something is open that begins at a local time."""
    start, skipped = walked(zone, opens, late=False)
    end, _ = walked(zone, opens + length, late=True)
    return Occurrence(start=start, end=max(end, start + min(length, skipped)))
