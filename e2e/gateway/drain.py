"""Draining: closing the sessions of a gateway one after the other, at a set pace.

A drain asks sessions to close; it never waits for one, so a client that is slow to say
goodbye holds up nobody but itself. The first session is asked at once and the k-th
k/pace seconds later; at the deadline all that are left are asked together. A partial drain
leaves some: it asks nobody while no more than that many stay.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.bodies import number, whole_number
from gateway.sessions import ClosedBy, Farewell, Sessions

RETRY_AFTER_MAX_SECONDS = 2.0
"""Clients are told to come back after 0 to this many seconds, so that they spread."""
_GOLDEN = 0.6180339887498949
"""Steps of this fraction of a circle lie evenly on it, however many there were."""
CATCH_UP_SECONDS = 0.1
"""A process that stalled makes up for this much of its schedule, never for more."""
SHORTEST_SLEEP_SECONDS = 0.01
"""At high paces the due sessions are asked in batches, this far apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOrder:
    """How to drain: deadline in seconds after the drain's start, pace in sessions a second.

    Above 0, `keep_connections` makes it a partial drain: that many sessions may stay.
    """

    deadline_seconds: float
    connections_per_second: float
    keep_connections: int = 0


def drain_order_of(document: dict[str, Any]) -> DrainOrder:
    """The order that a parsed JSON body of `POST /drain` gives.

    Raises:
        ValueError: one sentence that names the field.
    """
    return DrainOrder(
        deadline_seconds=number(document, "deadlineSeconds", least=0, most=86_400),
        connections_per_second=number(document, "connectionsPerSecond", least=0.01, most=10_000),
        keep_connections=whole_number(document, "keepConnections", default=0),
    )


class Drain:
    """One drain of a gateway's sessions; whoever starts it must refuse new ones."""

    def __init__(
        self, sessions: Sessions, order: DrainOrder, *, code: int, closed_by: ClosedBy
    ) -> None:
        self.order = order
        self.closed = 0
        self._code = code
        self._closed_by = closed_by
        self._sessions = sessions
        self._changed = asyncio.Event()
        self._first_hint = random.random()  # noqa: S311 - jitter, not a secret
        self._started_at = datetime.now(UTC)
        self._started = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._pace(), name="drain")

    @property
    def deadline(self) -> datetime:
        """When whatever is left is closed at once."""
        return self._started_at + timedelta(seconds=self.order.deadline_seconds)

    @property
    def is_done(self) -> bool:
        """Whether no more sessions are left than may stay, those on their way out included."""
        return len(self._sessions) <= self.order.keep_connections

    def update(self, order: DrainOrder) -> None:
        """Go on with another pace, deadline and rest; the deadline counts from the same start."""
        self.order = order
        self._changed.set()

    def stop(self) -> None:
        """Ask no more sessions to close; those already asked still go."""
        self._task.cancel()

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        last = self._started - self._gap()
        while True:
            if self._sessions.staying <= self.order.keep_connections:
                await self._change()
                last = max(last, loop.time() - self._gap())  # there is nothing to make up for
                continue
            now = loop.time()
            due = last + self._gap()
            deadline = self._started + self.order.deadline_seconds
            if now < min(due, deadline):
                await self._change(min(due, deadline) - now)
                continue
            self._sessions.close_oldest(self._farewell())
            self.closed += 1
            last = max(due, now - CATCH_UP_SECONDS)

    def _gap(self) -> float:
        """Seconds between two sessions."""
        return 1 / self.order.connections_per_second

    async def _change(self, seconds: float | None = None) -> None:
        """Wait until the order changes, for so long at most."""
        self._changed.clear()
        longest = None if seconds is None else max(seconds, SHORTEST_SLEEP_SECONDS)
        try:
            async with asyncio.timeout(longest):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _farewell(self) -> Farewell:
        # Drawn each by itself, at 40 a second a quarter more would come back in some second.
        hint = RETRY_AFTER_MAX_SECONDS * ((self._first_hint + self.closed * _GOLDEN) % 1)
        return Farewell(
            code=self._code, reason=f"retry-after={hint:.1f}", closed_by=self._closed_by
        )
