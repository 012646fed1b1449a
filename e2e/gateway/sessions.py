"""Client sessions: one WebSocket each, echoing every text message until somebody says goodbye.

A session closes from within its own task only. Closing one while another task reads from it
would skip the client's half of the closing handshake, and the reset that follows can cost
the client the close frame. So `Session.close` merely asks: the session first echoes
what it has received, then sends the close frame, then waits for the client's.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import WSMessage, WSMsgType, web

PATIENCE_SECONDS = 2.0
"""How long a client may take to read what it is sent, and to answer a close frame."""
MESSAGE_MAX_BYTES = 64 * 1024

Answer = Callable[[str], Awaitable[str | None]]
"""What goes back for a text message: text, or None for nothing at all."""


class ClosedBy(StrEnum):
    """Who ended a session; the label values of imchat_gateway_connections_closed_total."""

    CLIENT = "client"
    DRAIN = "drain"
    SHUTDOWN = "shutdown"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """What a session is told when it has to go: close code, reason, and who wants it."""

    code: int
    reason: str
    closed_by: ClosedBy


class Session:
    """One client's WebSocket. `heartbeat` is the seconds between pings to an idle client."""

    def __init__(self, request: web.Request, *, heartbeat: float, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._socket = web.WebSocketResponse(
            heartbeat=heartbeat,
            timeout=PATIENCE_SECONDS,
            compress=False,
            max_msg_size=MESSAGE_MAX_BYTES,
        )
        self._farewell: Farewell | None = None
        self._idle: asyncio.Timeout | None = None

    @property
    def socket(self) -> web.WebSocketResponse:
        """What the request's handler returns to aiohttp."""
        return self._socket

    def close(self, farewell: Farewell) -> None:
        """Ask the session to close; it goes on until what it has received is echoed."""
        self._farewell = farewell
        if self._idle is not None:
            self._idle.reschedule(0)

    async def open(self) -> None:
        """Answer the handshake.

        Raises:
            web.HTTPBadRequest: the request is no WebSocket handshake.
            ConnectionError: the client went away meanwhile.
        """
        await self._socket.prepare(self._request)

    async def run(self) -> ClosedBy:
        """Echo until the end, and close."""
        try:
            while (message := await self._next_message()) is not None:
                if message.type is WSMsgType.TEXT:
                    await self._reply(message.data)
                elif message.type is WSMsgType.CLOSE:
                    return ClosedBy.CLIENT
                elif message.type is not WSMsgType.BINARY:
                    return ClosedBy.ERROR
            return await self._goodbye()
        except (ConnectionError, TimeoutError):
            self._abort()
            return ClosedBy.ERROR

    async def _next_message(self) -> WSMessage | None:
        """The next message; None when there is a farewell and nothing left to echo."""
        if self._farewell is None:
            try:
                async with asyncio.timeout(None) as self._idle:
                    return await self._socket.receive()
            except TimeoutError:
                pass  # close() cut the wait short; what has come in meanwhile is still read
            finally:
                self._idle = None
        try:
            async with asyncio.timeout(0):
                return await self._socket.receive()
        except TimeoutError:
            return None

    async def _reply(self, text: str) -> None:
        answer = await self._answer(text)
        if answer is not None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._socket.send_str(answer)

    async def _goodbye(self) -> ClosedBy:
        assert self._farewell is not None
        farewell = self._farewell
        try:
            async with asyncio.timeout(PATIENCE_SECONDS * 1.5):
                await self._socket.close(code=farewell.code, message=farewell.reason.encode())
        except TimeoutError:
            self._abort()
        return farewell.closed_by

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


class Sessions:
    """All client sessions of a gateway, those in their handshake included, and their counts."""

    def __init__(self) -> None:
        self.accepted = 0
        self.closed: Counter[ClosedBy] = Counter()
        self.none_left = asyncio.Event()
        self.none_left.set()
        self._staying: dict[Session, None] = {}
        self._leaving: set[Session] = set()

    def __len__(self) -> int:
        """Those that were asked to close count until they are gone."""
        return len(self._staying) + len(self._leaving)

    @property
    def staying(self) -> int:
        """How many nobody has asked to close."""
        return len(self._staying)

    def close_oldest(self, farewell: Farewell) -> None:
        """Ask the oldest of those that stay to close.

        Raises:
            StopIteration: none stays.
        """
        session = next(iter(self._staying))
        del self._staying[session]
        self._leaving.add(session)
        session.close(farewell)

    async def serve(self, session: Session) -> None:
        """Serve a session to its end, counted. Raises what `Session.open` raises."""
        self._staying[session] = None
        self.none_left.clear()
        try:
            await session.open()
            self.accepted += 1
            self.closed[await session.run()] += 1
        finally:
            self._staying.pop(session, None)
            self._leaving.discard(session)
            if not len(self):
                self.none_left.set()
