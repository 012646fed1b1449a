"""What goes over a proxy's connections: the lines of a watch, JSON, its end, or nothing."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from faults.history import Json
from faults.streams import Stream

_FOR_EVER = 3600.0


async def lines(source: aiohttp.ClientResponse, stream: Stream) -> AsyncIterator[bytes]:
    """Yield the lines of an answer, and nothing whenever the stream's patience is over."""
    while True:
        reading = asyncio.ensure_future(source.content.readline())
        try:
            while not (await asyncio.wait({reading}, timeout=stream.patience))[0]:
                yield b""
        finally:
            reading.cancel()
        line = reading.result()
        if not line:
            return
        yield line


async def one(content: bytes) -> AsyncIterator[bytes]:
    """Yield this alone."""
    yield content


async def nothing() -> None:
    """Answer nobody, until the one who serves is ended.

    An event that nobody else holds would be collected as garbage, with those who wait for it.
    """
    await asyncio.sleep(_FOR_EVER)


def cut(request: web.BaseRequest) -> web.StreamResponse:
    """Break a connection."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)  # to nobody


def parsed(content: bytes) -> Json:
    """Return a JSON object; an empty one where there is none."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
