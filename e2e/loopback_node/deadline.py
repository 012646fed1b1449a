"""A grace period that can still be shortened while somebody waits within it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Deadline:
    """The end of a grace period of so many seconds, counted from now."""

    def __init__(self, seconds: float) -> None:
        self._at = _now() + seconds
        self._waits: set[asyncio.Timeout] = set()

    def shorten(self, seconds: float) -> None:
        """Let it end so many seconds from now, unless it ends sooner anyway."""
        self._at = min(self._at, _now() + seconds)
        for wait in self._waits:
            wait.reschedule(self._at)

    @asynccontextmanager
    async def limit(self, *, least: float = 0.0) -> AsyncIterator[None]:
        """End the block at the deadline, but leave it `least` seconds."""
        async with asyncio.timeout_at(max(self._at, _now() + least)) as wait:
            self._waits.add(wait)
            try:
                yield
            finally:
                self._waits.discard(wait)


def _now() -> float:
    return asyncio.get_running_loop().time()
