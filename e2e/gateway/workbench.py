"""What tests of draining hold in hand: a gateway in this process, its clients, its drain."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from gateway.process import EXAMPLE, PORT, REFERENCE, Reachable, eventually, loopback_address

PROGRAMS = [pytest.param(REFERENCE, id="reference"), pytest.param(EXAMPLE, id="example")]
"""What keeps the whole contract, and is held to it by the same tests."""
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[Reachable]:
    """Serve an application on some loopback address for as long as the block runs."""
    runner = web.AppRunner(application)
    await runner.setup()
    address = loopback_address()
    await web.TCPSite(runner, address, PORT).start()
    yield Reachable(address=address)
    await runner.cleanup()


@asynccontextmanager
async def clients(gateway: Reachable, count: int) -> AsyncIterator[list[ClientConnection]]:
    """So many open connections, oldest first."""
    url = f"ws://{gateway.address}:{PORT}/ws"
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connect(url, proxy=None, compression=None))
            for _ in range(count)
        ]


async def call(gateway: Reachable, method: str, **body: float) -> dict[str, Any]:
    """Send a request to /drain; the state that it answers with."""
    status, text = await gateway.call(method, "/drain", body or None)
    assert status == 200, text  # noqa: PLR2004 - HTTP's own number
    answer: dict[str, Any] = json.loads(text)
    return answer


async def drained(gateway: Reachable, seconds: float = 20) -> dict[str, Any]:
    """Wait until the gateway is drained; its state then."""

    async def is_drained() -> bool:
        return bool((await call(gateway, "GET"))["state"] == "Drained")

    await eventually(is_drained, seconds)
    return await call(gateway, "GET")


async def closing(client: ClientConnection) -> tuple[float, Close | None]:
    """When the connection ended (monotonic seconds), and with which close frame."""
    try:
        while True:
            await client.recv()
    except ConnectionClosed as end:
        return time.monotonic(), end.rcvd


async def is_served(client: ClientConnection) -> bool:
    """Whether the gateway still echoes to it."""
    try:
        await client.send("still here?")
        return await client.recv() == "still here?"
    except ConnectionClosed:
        return False
