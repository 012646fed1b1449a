"""HTTP servers on loopback for the tests of the shell's clients: they answer as told."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(
    answer: Answer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve one answer to everything on a loopback address; yield the port."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def text(content: str, status: int = 200) -> Answer:
    """Answer with this text."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=content, status=status)

    return answer


def body(content: Any, status: int = 200) -> Answer:
    """Answer with this JSON."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(content, status=status)

    return answer


def vector(*values: tuple[str, str]) -> dict[str, Any]:
    """Return Prometheus's answer with these values by pod."""
    found = [{"metric": {"pod": pod}, "value": [1795435200.0, value]} for pod, value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": found}}
