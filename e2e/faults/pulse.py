"""Whether the machine gave this process its turn: what a trial's times are worth.

The harness plays nodes, gateways and the proxy, in one event loop. Where that came late all the
time, so did what operators wait for, and they themselves: what one was late by is not known to be
its own fault.
"""

import asyncio
import time
from collections import deque

WINDOW = 5.0
MOST = 3.0
"""So many seconds of a window may the beats be late by in all: beyond, no time says anything.

Twelve trials at a time are late by their own work. On two cores, where all else had a lower
priority: by 1.4 s in half of 200, by 1.9 s at most. Beside another control plane and its load: by
2.2 s in half of 123, by 2.7 s at most, and nothing was wrong with any. Beyond 3 s is unknown.
"""
_TICK = 0.1
_REMEMBERED = 36_000  # an hour


class Pulse:
    """Beats in the event loop that all trials share, and takes down how late it is."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._lateness: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            due = time.monotonic() + _TICK
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            self.beat(now, now - due)

    def beat(self, now: float, late: float) -> None:
        """Take note of a beat that came so many seconds late."""
        self._recent.append((now, late))
        while self._recent[0][0] < now - WINDOW:
            self._recent.popleft()
        self._lateness.append((now, sum(late for _, late in self._recent)))

    def lateness(self, since: float) -> float:
        """Return the most that the beats of one window were late by since then, in seconds."""
        return max((late for at, late in self._lateness if at >= since), default=0.0)
