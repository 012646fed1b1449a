"""HTTP to those who may be broken, or hostile: what is read of an answer is bounded.

No proxy of the environment is used and no cookie is kept. Each request has a connection of its own:
a kept one may be closed at the other end just as it is used again.
"""

from types import TracebackType
from typing import Self

import aiohttp


class TooLargeError(Exception):
    """An answer is longer than it may be; the text says how long that is."""


class HttpSession:
    """What a client has open; an async context manager."""

    def __init__(self, *, limit: int = 100) -> None:
        """Open it.

        Args:
            limit: connections at a time, 0 for any number; further requests wait.
        """
        connector = aiohttp.TCPConnector(limit=limit, force_close=True)
        jar = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()


async def content(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body of an answer.

    Raises:
        TooLargeError: it has more than `most` bytes; the rest is not read.
    """
    found = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        found += chunk
        if len(found) > most:
            raise TooLargeError(f"more than {most} bytes")
    return bytes(found)
