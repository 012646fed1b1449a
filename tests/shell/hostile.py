"""Servers on loopback that answer as an attacker would: raw bytes, without end or sense."""

import asyncio
import gzip
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

Raw = Callable[[asyncio.StreamWriter], Awaitable[None]]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNK = b"10000\r\n" + b"#" * 0x10000 + b"\r\n"
_BOMB = gzip.compress(bytes(64 << 20))
_ZIPPED = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB)


def _sent(*parts: bytes, endless: bytes = b"", pause: float = 0.0) -> Raw:
    async def answer(writer: asyncio.StreamWriter) -> None:
        ending: Iterable[bytes] = itertools.repeat(endless) if endless else ()
        for part in itertools.chain(parts, ending):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


ENDLESS = {
    "a body without end": _sent(_HEAD + b"\r\n", endless=b"#" * 0x10000),
    "chunks without end": _sent(_CHUNKED, endless=_CHUNK),
    "a body that expands a thousandfold": _sent(_HEAD + _ZIPPED + _BOMB),
    "one line without end": _sent(_HEAD + b"\r\n" + b"imchat{", endless=b"a" * 0x10000),
}
SLOW = {
    "a byte of the head now and then": _sent(b"HTTP/1.1 200 OK\r\nX: ", endless=b"a", pause=0.02),
    "a byte of the body now and then": _sent(_HEAD + b"\r\n", endless=b" ", pause=0.02),
    "an empty chunk extension for ever": _sent(_CHUNKED, endless=b"1;a\r\n \r\n", pause=0.02),
    "to be continued, for ever": _sent(endless=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.001),
}
SENSELESS = {
    "a thousand headers": _sent(_HEAD + b"X: 1\r\n" * 1000 + b"\r\n"),
    "a header of a megabyte": _sent(_HEAD + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n"),
    "headers without end": _sent(_HEAD, endless=b"X: 1\r\n"),
    "no HTTP": _sent(b"SSH-2.0-OpenSSH_9.9\r\n" * 3),
    "a length that is no number": _sent(_HEAD + b"Content-Length: many\r\n\r\n{}"),
    "a negative length": _sent(_HEAD + b"Content-Length: -1\r\n\r\n{}"),
    "two lengths": _sent(_HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}"),
    "a chunk that is no number": _sent(_CHUNKED + b"zz\r\n"),
    "less than it promised": _sent(_HEAD + b"Content-Length: 100\r\n\r\n{}"),
    "no gzip though it says so": _sent(
        _HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "nothing": _sent(),
}


@asynccontextmanager
async def serving(answer: Raw) -> AsyncIterator[int]:
    """Give every connection this answer to its first request; yield the port."""
    open_ones: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # who asked has had enough
        finally:
            writer.close()
            open_ones.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
