"""The times of a cron expression, by cronsim, in bounded time.

Five fields: minute (a single number), hour, day of the month, month, weekday; names (SUN, JAN), `L`
and `SUN#1` as cronsim has them. Of the two day fields one has to be `*`: cron takes what matches
either, which nobody expects of `0 2 1-7 * SUN`.

Times are those of the local clock; what becomes of one that the clocks skip or repeat is up to
the caller, as with the days of a recurrence rule.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from cronsim import CronSim, CronSimError

_FIELDS = 5
# An expression that does not match within ten years is refused; 29 February does.
_SEARCHED = timedelta(days=3653)


def times(text: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Return when an expression matches, as local times, in order.

    Args:
        text: the expression, such as `0 2 * * SUN#1`.
        first: local time, without zone, from which on it is matched.
        last: the latest local time of interest.

    Raises:
        ValueError: the expression means nothing, or never matches; a sentence that says what to do.
    """
    fields = text.upper().split()
    if len(fields) != _FIELDS or not fields[0].isdigit():
        raise ValueError(
            f"{text!r} is no schedule: write five fields, the minute a single number, "
            "such as 0 2 * * SUN#1"
        )
    if "*" not in {fields[2], fields[4]}:
        raise ValueError(
            f"{text!r} names days of the month and weekdays, of which cron takes either: "
            "leave one of them at *; the first Sunday is 0 2 * * SUN#1"
        )
    expression, before = " ".join(fields), first - timedelta(seconds=1)
    try:
        earliest = next(CronSim(expression, before), None)
    except (CronSimError, ValueError, AssertionError) as error:
        raise ValueError(f"{text!r}: {str(error) or 'bad step'}, correct that field") from None
    if earliest is None or earliest > first + _SEARCHED:
        raise ValueError(f"{text!r} does not occur within ten years: correct its fields")
    return takewhile(lambda moment: moment <= last, CronSim(expression, before))
