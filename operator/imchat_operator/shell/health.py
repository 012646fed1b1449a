"""`/healthz` and `/readyz`: whether the operator's own loops go on; whether it serves or stands by.

Every loop says before each step until when it will say so again; one that is late has stalled, and
a restart is the only help. Loops that wait for an API server that is away are in time.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web


class Health:
    """What the endpoints say.

    Attributes:
        is_ready: whether this replica serves clusters, or stands by to.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._ended: dict[str, str] = {}
        self.is_ready = False

    def beat(self, loop: str, within: float) -> None:
        """Have a loop be late unless it beats again within so many seconds."""
        self._due[loop] = self._clock() + within

    def over(self, loop: str) -> None:
        """Expect nothing more of a loop."""
        self._due.pop(loop, None)

    def died(self, loop: str, why: str) -> None:
        """Take note of a task that ended and should not have."""
        self._ended[loop] = why

    def ills(self) -> tuple[str, ...]:
        """Return what is wrong, a sentence each."""
        now = self._clock()
        late = (f"{name} is {now - due:.0f}s late" for name, due in self._due.items() if due < now)
        return (*late, *(f"{name} ended: {why}" for name, why in self._ended.items()))

    @asynccontextmanager
    async def served(self, address: str, port: int) -> AsyncIterator[None]:
        """Answer on a port for as long as the block lasts; on none if it is 0.

        Raises:
            OSError: the port is in use.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        # A probe that keeps its connection would hold up the end.
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=0.0)
        await runner.setup()
        try:
            if port:
                await web.TCPSite(runner, address, port).start()
            yield
        finally:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self.ills())

    async def _readyz(self, _: web.Request) -> web.Response:
        starting = () if self.is_ready else ("it is starting",)
        return _answer((*self.ills(), *starting))


def _answer(ills: tuple[str, ...]) -> web.Response:
    return web.Response(status=503 if ills else 200, text="\n".join(ills or ("ok",)) + "\n")
