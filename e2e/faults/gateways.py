"""A gateway as a model: real HTTP on a loopback address, and connections that are mere numbers.

It keeps docs/gateway-contract.md as far as an operator can see. A thousand of them cost less than
ten processes, and what each held when its pod was removed is known without asking anybody.
"""

import asyncio
import time
from enum import StrEnum
from typing import Any

from aiohttp import web

from faults.gateway_wire import GatewayWire
from faults.wire import nothing

PORT = 8080
_ENDING_SECONDS = 0.01
_METRICS = """\
imchat_gateway_connections {connections}
imchat_gateway_connections_max {capacity}
imchat_gateway_connections_accepted_total {accepted}
imchat_gateway_draining {draining}
"""


class Ailment(StrEnum):
    """What can be wrong with a gateway."""

    NONE = "none"
    UNREADY = "unready"
    HANG = "hang"
    IGNORES_DRAIN = "ignores its drain"
    HANGS_IN_DRAIN = "hangs in its drain"
    DIES_IN_DRAIN = "dies in its drain"
    LIES_IN_DRAIN = "says that it is empty and is not"


_KEEPS_ITS_CLIENTS = {Ailment.HANG, Ailment.IGNORES_DRAIN, Ailment.LIES_IN_DRAIN}
_OF_DRAINS = {
    Ailment.IGNORES_DRAIN,
    Ailment.HANGS_IN_DRAIN,
    Ailment.DIES_IN_DRAIN,
    Ailment.LIES_IN_DRAIN,
}


class Gateway:
    """One gateway, from the start of its process to its end."""

    def __init__(self, address: str, capacity: int, wire: GatewayWire) -> None:
        self.address = address
        self._wire = wire
        self.capacity = capacity
        self.connections = 0.0
        self.accepted = 0
        self.cut = 0
        self.restarts = 0
        self.fastest = 0.0
        self.ailments = {Ailment.NONE}
        self._pace = 0.0
        self._keep = 0
        self._deadline = 0.0
        self._runner: web.ServerRunner | None = None
        self._dying: asyncio.Task[None] | None = None

    def strike(self, ailment: Ailment) -> None:
        """Fall ill, or be well again; what is wrong with its drains is so beside and for good."""
        self.ailments = {ailment, *(self.ailments & _OF_DRAINS)}

    @property
    def lives(self) -> bool:
        """Whether its process is there."""
        return self._runner is not None

    @property
    def drains(self) -> bool:
        """Whether it refuses new connections to drain."""
        return self._pace > 0

    @property
    def is_ready(self) -> bool:
        """What its readiness probe says."""
        hangs = self.ailments & {Ailment.UNREADY, Ailment.HANG}
        return self.lives and not self.drains and not hangs

    @property
    def held(self) -> int:
        """Connections that it has now."""
        return round(self.connections)

    @property
    def is_late(self) -> bool:
        """Whether it drains past its deadline."""
        return self.drains and time.monotonic() >= self._deadline

    async def start(self) -> None:
        """Begin to answer."""
        # The operator's connections must not outlive a process that died; 0 would be for ever.
        runner = web.ServerRunner(web.Server(self._answered), shutdown_timeout=_ENDING_SECONDS)
        await runner.setup()
        await web.TCPSite(runner, self.address, PORT).start()
        self._runner = runner

    async def end(self) -> int:
        """End its process as `kill -9` does; return how many connections were cut by that."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        cut, self.connections, self._pace = self.held, 0.0, 0.0
        self.cut += cut
        return cut

    def take(self, count: int) -> int:
        """Accept so many connections at most; return how many were."""
        if not self.is_ready:
            return 0
        taken = max(0, min(count, self.capacity - self.held))
        self.connections += taken
        self.accepted += taken
        return taken

    def pass_time(self, seconds: float) -> None:
        """Close what is due to be closed."""
        if self.drains and not self.ailments & _KEEPS_ITS_CLIENTS:
            rest = 0.0 if self.is_late else float(self._keep)
            gone = self.connections if self.is_late else self._pace * seconds
            self.connections = max(min(rest, self.connections), self.connections - gone)

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._wire.passed(request, self.address, self._answer)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        await self._hung()
        if request.path == "/metrics":
            return web.Response(text=self._metrics())
        if request.path != "/drain":
            return web.Response(status=404)
        if request.method == "DELETE":
            self._pace = 0.0
        elif request.method == "POST":
            await self._drain(await request.json())
        return web.json_response({"connections": self.held})

    def _metrics(self) -> str:
        lies = self.drains and Ailment.LIES_IN_DRAIN in self.ailments
        return _METRICS.format(
            connections=0 if lies else self.held,
            capacity=self.capacity,
            accepted=self.accepted,
            draining=int(self.drains),
        )

    async def _drain(self, order: dict[str, Any]) -> None:
        if not self.drains:
            self._deadline = time.monotonic() + float(order["deadlineSeconds"])
        self._pace = float(order["connectionsPerSecond"])
        self.fastest = max(self.fastest, self._pace)
        self._keep = int(order.get("keepConnections", 0))
        if Ailment.HANGS_IN_DRAIN in self.ailments:
            self.strike(Ailment.HANG)
            await self._hung()
        if Ailment.DIES_IN_DRAIN in self.ailments:
            self.ailments = {Ailment.NONE}
            self._dying = asyncio.create_task(self._died())

    async def _hung(self) -> None:
        """Answer nobody while it hangs, which it does until its end."""
        if Ailment.HANG in self.ailments:
            await nothing()

    async def _died(self) -> None:
        await self.end()
        self.restarts += 1
        await self.start()
