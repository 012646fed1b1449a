"""Whether the wall clock was set while the process ran, by the clock that nobody sets."""

import time
from collections.abc import Callable
from datetime import timedelta

# Less is what clocks are slewed by, and what lies between two readings.
_LEAST = 5.0


class WallClock:
    """Compares the wall clock with the monotonic one, from one recorded pass to the next.

    A machine that slept has its clock set too: nobody watched meanwhile.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = self._seen = wall() - steady()

    def step(self) -> timedelta:
        """Return by how much it was set since `reckoned`; little counts as nothing, and adds up."""
        self._seen = self._wall() - self._steady()
        ahead = self._seen - self._offset
        return timedelta(seconds=ahead) if abs(ahead) >= _LEAST else timedelta()

    def reckoned(self) -> None:
        """Count from the latest `step` on: what it told is recorded."""
        if abs(self._seen - self._offset) >= _LEAST:
            self._offset = self._seen
