"""What has a loop make its next pass: a change, or the time that a decision named."""

import asyncio
from time import monotonic

from imchat_operator.shell import telemetry


async def heard(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or for so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


class Wake:
    """An event that is timed from the first of several changes to the pass that they cause."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._since: float | None = None

    def set(self) -> None:
        """Have the next pass begin soon."""
        if self._since is None:
            self._since = monotonic()
            telemetry.WAITING.inc()
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a change, or for so many seconds."""
        await heard(self._event, seconds)

    def answered(self) -> None:
        """Take note that a pass begins, which sees all changes so far."""
        self._event.clear()
        if self._since is not None:
            telemetry.WAKE_SECONDS.observe(monotonic() - self._since)
            self.dropped()

    def dropped(self) -> None:
        """Take note that no pass will come."""
        if self._since is not None:
            self._since = None
            telemetry.WAITING.dec()
