"""One user's client, from arrival to leave-taking.

It keeps one WebSocket open, sends a message about every interval and expects its echo. It comes
back after a close frame when the gateway's `retry-after=` hint says so, and after anything worse
with exponential, jittered back-off. A connection is *closed* if a close frame of the gateway
arrived on it, *left* if the gateway answered the client's own, and *dropped* otherwise.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Never

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from clients.balancer import Balancer, Endpoint
from clients.report import Tally

HINT = re.compile(r"retry-after=(\d+(?:\.\d+)?)")
HINT_MAX_SECONDS = 60.0
JITTER_SECONDS = 0.1
"""Added to a hint, so that clients given the same one still spread: the step between two hints."""
UNHINTED_SECONDS = 2.0
BACKOFF_FIRST_SECONDS, BACKOFF_MAX_SECONDS = 1.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a client behaves. Seconds."""

    interval: float = 5.0
    """Mean time between two messages; each gap is half to one and a half of it."""
    patience: float = 5.0
    """How long it waits for a handshake, an echo, a pong, or the answer to its close frame."""


class Client:
    """One client; `live()` is its life, `leave()` ends that politely."""

    def __init__(
        self, name: str, *, balancer: Balancer, tally: Tally, manners: Manners, dice: random.Random
    ) -> None:
        self._name = name
        self._balancer = balancer
        self._tally = tally
        self._manners = manners
        self._dice = dice
        self._clock = asyncio.get_running_loop().time
        self._messages = 0
        self._has_been_connected = False
        self._is_leaving = False
        self._pause: asyncio.Timeout | None = None
        self._lacked_seconds = 0.0
        self._lacks_since: float | None = self._clock()

    def seconds_without_service(self) -> float:
        """Up to now, the present gap included."""
        if self._lacks_since is None:
            return self._lacked_seconds
        return self._lacked_seconds + self._clock() - self._lacks_since

    def leave(self) -> None:
        """Go as soon as the message under way has been answered or given up."""
        self._is_leaving = True
        if self._pause is not None and not self._pause.expired():
            self._pause.reschedule(0)

    async def live(self) -> None:
        """Stay connected until told to leave."""
        failures = 0
        while not self._is_leaving:
            with self._balancer.place() as endpoint:
                socket = await self._connected(endpoint)
                if socket is None or endpoint is None:
                    failures += 1
                    wait = self._backoff(failures)
                else:
                    failures = 0
                    wait = await self._conversation(socket, endpoint)
            await self._rest(wait)
        self._gets_service()

    async def _connected(self, endpoint: Endpoint | None) -> ClientConnection | None:
        """An open connection, or None where the attempt failed."""
        try:
            if endpoint is not None:
                async with self._pausing(self._manners.patience):
                    return await connect(
                        f"ws://{endpoint.host}:{endpoint.port}/ws",
                        compression=None,
                        user_agent_header=None,
                        proxy=None,
                        open_timeout=None,
                        ping_interval=None,
                        close_timeout=self._manners.patience,
                    )
        except (OSError, InvalidHandshake):  # a TimeoutError is an OSError
            pass
        if not self._is_leaving:
            self._tally.refused += 1
        return None

    async def _conversation(self, socket: ClientConnection, endpoint: Endpoint) -> float:
        """Talk until the connection ends; seconds to wait before the next."""
        self._tally.opened += 1
        if self._has_been_connected:
            self._tally.returned += 1
            self._tally.returns[int(self._clock())] += 1
        self._has_been_connected = True
        self._tally.by_gateway[endpoint.name] += 1
        self._gets_service()
        try:
            await self._talk(socket)
        except ConnectionClosed as end:
            self._lacks_service(self._clock())
            if end.rcvd is None:
                self._tally.dropped += 1
                return self._backoff(1)
            if end.rcvd_then_sent is False:
                self._tally.left += 1
                return 0.0
            self._tally.closed[end.rcvd.code] += 1
            return self._return_after(end.rcvd.reason)
        finally:
            self._tally.by_gateway[endpoint.name] -= 1

    async def _talk(self, socket: ClientConnection) -> Never:
        """Exchange messages until it is time to leave, and close; ends with ConnectionClosed."""
        gap = self._manners.interval * self._dice.uniform(0, 1)
        while not self._is_leaving:
            try:
                async with self._pausing(gap):
                    while True:
                        await socket.recv()  # an echo that came late
                        self._gets_service()
            except TimeoutError:
                pass
            if not self._is_leaving:
                await self._exchange(socket)
            gap = self._manners.interval * self._dice.uniform(0.5, 1.5)
        await socket.close()
        while True:
            await socket.recv()  # raises as soon as what came before the end is read

    async def _exchange(self, socket: ClientConnection) -> None:
        """Send one message and wait for its echo."""
        self._messages += 1
        text = f"{self._name}/{self._messages}"
        sent_at = self._clock()
        await socket.send(text)
        self._tally.sent += 1
        try:
            async with asyncio.timeout(self._manners.patience):
                while await socket.recv() != text:
                    self._gets_service()
        except (TimeoutError, ConnectionClosed) as trouble:
            self._tally.lost += 1
            self._lacks_service(sent_at)
            if isinstance(trouble, ConnectionClosed):
                raise
            await self._abort_if_dead(socket)
        else:
            self._tally.echoed += 1
            self._gets_service()

    async def _abort_if_dead(self, socket: ClientConnection) -> None:
        """Cut a connection whose far end does not even answer a ping; recv() then raises."""
        pong = await socket.ping()
        try:
            async with asyncio.timeout(self._manners.patience):
                await pong
        except TimeoutError:
            socket.transport.abort()

    @asynccontextmanager
    async def _pausing(self, seconds: float | None) -> AsyncIterator[None]:
        """A block that ends with TimeoutError after the seconds, or at once on `leave()`."""
        try:
            async with asyncio.timeout(seconds) as self._pause:
                yield
        finally:
            self._pause = None

    async def _rest(self, seconds: float) -> None:
        if self._is_leaving:
            return
        try:
            async with self._pausing(seconds):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            pass

    def _backoff(self, failures: int) -> float:
        longest = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** (failures - 1))
        return self._dice.uniform(0, longest)

    def _return_after(self, reason: str) -> float:
        hint = HINT.search(reason)
        if hint is None:
            return self._dice.uniform(0, UNHINTED_SECONDS)
        seconds = min(float(hint.group(1)), HINT_MAX_SECONDS)
        return seconds + self._dice.uniform(0, JITTER_SECONDS)

    def _lacks_service(self, since: float) -> None:
        if self._lacks_since is None:
            self._lacks_since = since

    def _gets_service(self) -> None:
        self._lacked_seconds = self.seconds_without_service()
        self._lacks_since = None
