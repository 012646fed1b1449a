"""Places: how many do something at the same time, without what hangs holding up the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """So many places, given in the order of asking; who has one keeps it for a while at most."""

    def __init__(self, count: int, *, longest: float) -> None:
        """Have them.

        Args:
            count: how many there are.
            longest: seconds after which a place is free again, whatever its holder is doing.
        """
        self._free = asyncio.Semaphore(count)
        self._longest = longest

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it while the block lasts, but not for long."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        release = loop.call_later(self._longest, self._free.release)
        try:
            yield
        finally:
            if release.when() > loop.time():
                release.cancel()
                self._free.release()
