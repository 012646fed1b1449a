"""Which sizes the load asked for of late: a scale-down goes no lower than the largest.

As the HPA does within `scaleDown.stabilizationWindowSeconds`: a load that comes and goes is not
shrunk to a dip that happened to come last. What is remembered is part of a streak, so that it
outlives a restart and ends with the streak.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from imchat_operator.models import TimedSize

# At most one size is remembered for each of these parts of a rule's time.
_PARTS = 8
_EPOCH = datetime.fromtimestamp(0, tz=UTC)


def remembered(
    before: Iterable[TimedSize], size: int, at: datetime, within: timedelta
) -> tuple[TimedSize, ...]:
    """Return the sizes to remember after one more: each larger than all that came after it.

    Args:
        before: those of the samples before, in their order.
        size: what the load asks for in this sample.
        at: when it was taken.
        within: how long a size counts; it may count for an eighth of that longer, never shorter.

    Returns:
        At most ten.
    """
    part = within / _PARTS
    larger = [s for s in before if s.size > size and _end(s.at, part) >= at - within]
    if larger and part and _end(larger[-1].at, part) == _end(at, part):
        return tuple(larger)
    return (*larger, TimedSize(size=size, at=at))


def _end(at: datetime, part: timedelta) -> datetime:
    """Return the end of the part of time that a moment lies in."""
    return _EPOCH + ((at - _EPOCH) // part + 1) * part if part else at
