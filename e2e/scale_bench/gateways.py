"""One server on 127.0.0.1 that answers for every gateway: all kwok's pods have that address.

The path tells the cluster, `/NAME/metrics`, since `spec.metrics.pods.path` is the cluster's own. It
notes when a cluster was asked since its load last changed, which is when that load was sampled.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

CAPACITY: Final = 1000
"""Connections that each gateway says it takes."""

_BODY: Final = (
    "imchat_gateway_connections {connections}\nimchat_gateway_connections_max {capacity}\n"
)
_HEAD: Final = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n"
    "Connection: close\r\n\r\n"
)


@dataclass(slots=True)
class Gateways:
    """What the gateways of each cluster say, in percent of what they take.

    Attributes:
        port: where they answer.
        usual: what those say of which nothing else is known.
        percents: by cluster.
        sampled: by cluster, the last time (Unix seconds) that it was asked at its present load.
        asked: how often anything was asked.
    """

    port: int = 0
    usual: int = 50
    percents: dict[str, int] = field(default_factory=dict)
    sampled: dict[str, list[float]] = field(default_factory=dict)
    asked: int = 0

    def load(self, percents: dict[str, int]) -> None:
        """Change what these clusters' gateways say."""
        self.percents.update(percents)
        for cluster in percents:
            self.sampled[cluster] = []

    def answer(self, cluster: str) -> bytes:
        """The answer of a gateway of this cluster."""
        self.asked += 1
        self.sampled.setdefault(cluster, []).append(time.time())
        percent = self.percents.get(cluster, self.usual)
        body = _BODY.format(connections=percent * CAPACITY // 100, capacity=CAPACITY)
        return (_HEAD.format(length=len(body)) + body).encode()


class _Connection(asyncio.Protocol):
    """One request a connection, as the operator's gateway client asks."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self._transport: asyncio.Transport | None = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        if b"\r\n\r\n" not in self._read or self._transport is None:
            return
        path = self._read.split(b" ", 2)[1].decode()
        self._transport.write(self._gateways.answer(path.split("/")[1]))
        self._transport.close()


@asynccontextmanager
async def answering() -> AsyncIterator[Gateways]:
    """Answer for as long as the block lasts."""
    gateways = Gateways()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(gateways), "127.0.0.1", 0, backlog=4096)
    async with server:
        gateways.port = server.sockets[0].getsockname()[1]
        yield gateways
