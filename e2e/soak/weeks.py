"""The load and the windows of simulated weeks, four minutes each. Pure; by seed."""

import math
import random
from datetime import datetime, timedelta

WEEK_SECONDS, DAYS = 240, 7
STEP_SECONDS = 4
_LOW, _HIGH = 50, 170
_WEEKEND = 0.6
_NOISE = 0.06
WINDOW_EVERY, WINDOW_MINUTES = 5, 1
"""The maintenance window opens in each minute that a multiple of this divides."""


def load(minutes: float, seed: int) -> str:
    """A load trace (CSV) of weekdays with a peak, calmer weekends, and noise, at life's speed."""
    dice = random.Random(seed)  # noqa: S311 -- a load, no secret
    begin = datetime(2026, 1, 1)  # noqa: DTZ001 -- traces have no zone
    rows = ["timestamp,value\n"]
    for second in range(0, int(minutes * 60), STEP_SECONDS):
        at = begin + timedelta(seconds=second)
        rows.append(f"{at.isoformat()},{clients(second, dice.uniform(-_NOISE, _NOISE))}\n")
    return "".join(rows)


def most(text: str) -> int:
    """The highest value of a load trace."""
    return max(int(line.rpartition(",")[2]) for line in text.splitlines()[1:])


def clients(second: float, noise: float) -> int:
    """How many clients there are at a second of the run."""
    day = second % WEEK_SECONDS / WEEK_SECONDS * DAYS
    wave = (1 - math.cos(2 * math.pi * day)) / 2
    share = wave * (1 if day < DAYS - 2 else _WEEKEND)
    return round((_LOW + (_HIGH - _LOW) * share) * (1 + noise))


def is_window_open(at: datetime, margin: float) -> bool:
    """Whether the window is open, by the clock alone, and has been for a margin of seconds."""
    into = timedelta(
        minutes=at.minute % WINDOW_EVERY, seconds=at.second, microseconds=at.microsecond
    )
    return timedelta(seconds=margin) < into < timedelta(minutes=WINDOW_MINUTES)
