"""A WebSocket gateway that keeps the whole contract of docs/gateway-contract.md, in one file.

It echoes: put your own work into `Client.answer`. It needs aiohttp and nothing else.

    pip install aiohttp
    python gateway.py

The environment: POD_IP (all addresses), GATEWAY_PORT (8080), GATEWAY_MAX_CONNECTIONS (1000).
"""

import asyncio
import os
import random
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

PATIENCE = 2.0  # seconds that a client may take to read, or to answer a close frame
LEASE = 30.0  # seconds until a partial drain that nobody renews ends by itself
GRACE = 20.0  # seconds after SIGTERM; keep it below terminationGracePeriodSeconds
TICK = 0.01  # seconds between two looks at who is due
CATCH_UP = 0.1  # seconds of the pace that a stall may be made up for
SERVICE_RESTART, GOING_AWAY = 1012, 1001


class Client:
    """One client's connection, closed from within its own task only: answers first, then close."""

    def __init__(self, gateway: "Gateway", request: web.Request) -> None:
        self.gateway = gateway
        self.request = request
        self.socket = web.WebSocketResponse(heartbeat=10, timeout=PATIENCE, compress=False)
        self.goodbye: int | None = None
        self.waiting: asyncio.Timeout | None = None

    async def answer(self, text: str) -> None:
        """Do the gateway's work: here, an echo."""
        async with asyncio.timeout(PATIENCE):
            await self.socket.send_str(text)

    def leave(self, code: int) -> None:
        """Ask it to close; what it has received is answered before."""
        self.goodbye = code
        if self.waiting is not None:
            self.waiting.reschedule(0)

    async def run(self) -> str:
        """Serve it to its end; return who ended it."""
        try:
            while (message := await self._received()) is not None:
                if message.type is WSMsgType.TEXT:
                    await self.answer(message.data)
                    self.gateway.answered += 1
                elif message.type is not WSMsgType.BINARY:
                    return "client" if message.type is WSMsgType.CLOSE else "error"
            hint = f"retry-after={random.uniform(0, 2):.1f}"  # noqa: S311 -- they spread, no secret
            async with asyncio.timeout(PATIENCE * 1.5):
                await self.socket.close(code=self.goodbye or GOING_AWAY, message=hint.encode())
        except (ConnectionError, TimeoutError):
            if self.request.transport is not None:
                self.request.transport.abort()
            return "error"
        return "shutdown" if self.goodbye == GOING_AWAY else "drain"

    async def _received(self) -> WSMessage | None:
        """Return the next message; None when it has to leave and nothing is left to answer."""
        for seconds in (None, 0) if self.goodbye is None else (0,):
            try:
                async with asyncio.timeout(seconds) as self.waiting:
                    return await self.socket.receive()
            except TimeoutError:
                pass  # cut short by leave(); what has come in meanwhile is still read
            finally:
                self.waiting = None
        return None


class Gateway:
    """All clients, the drain, and the routes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.staying: dict[Client, None] = {}  # in the order in which they came
        self.leaving: set[Client] = set()
        self.none_left = asyncio.Event()
        self.none_left.set()
        self.accepted = self.answered = self.asked = 0
        self.ended = dict.fromkeys(("client", "drain", "shutdown", "error"), 0)
        self.order: dict[str, float] | None = None  # as POST /drain gave it
        self.code = SERVICE_RESTART
        self.began = datetime.now(UTC)
        self.pacing: asyncio.Task[None] | None = None
        self.lease: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count the clients until their connection is gone."""
        return len(self.staying) + len(self.leaving)

    def application(self) -> web.Application:
        """Return the routes of the contract."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/ws", self.get_ws),
                web.get("/metrics", self.get_metrics),
                web.get("/healthz", self.get_healthz),
                web.get("/readyz", self.get_readyz),
                web.get("/drain", self.get_drain),
                web.post("/drain", self.post_drain),
                web.delete("/drain", self.delete_drain),
            ]
        )
        return application

    async def get_ws(self, request: web.Request) -> web.StreamResponse:
        """Serve a client, or refuse it before the handshake: never accept and then close."""
        if self.order is not None or len(self) >= self.most:
            return web.Response(status=503, headers={"Retry-After": "1"})
        client = Client(self, request)
        self.staying[client] = None
        self.none_left.clear()
        try:
            await client.socket.prepare(request)
            self.accepted += 1
            self.ended[await client.run()] += 1
        finally:
            self.staying.pop(client, None)
            self.leaving.discard(client)
            if not len(self):
                self.none_left.set()
        return client.socket

    async def get_healthz(self, _: web.Request) -> web.Response:
        """Say that the process works; a draining gateway is healthy."""
        return web.Response(text="ok\n")

    async def get_readyz(self, _: web.Request) -> web.Response:
        """Say whether new clients are taken."""
        return web.Response(status=200 if self.order is None else 503)

    async def get_metrics(self, _: web.Request) -> web.Response:
        """Return what the operator reads, in Prometheus' text format."""
        lines = [
            f"imchat_gateway_connections {len(self)}",
            f"imchat_gateway_connections_max {self.most}",
            f"imchat_gateway_connections_accepted_total {self.accepted}",
            f"imchat_gateway_messages_total {self.answered}",
            f"imchat_gateway_errors_total {self.ended['error']}",
            f"imchat_gateway_draining {int(self.order is not None)}",
            *(
                f'imchat_gateway_connections_closed_total{{reason="{who}"}} {count}'
                for who, count in self.ended.items()
            ),
        ]
        return web.Response(text="\n".join(lines) + "\n")

    async def get_drain(self, _: web.Request) -> web.Response:
        """Return how far the drain is."""
        order = self.order
        state = "Serving"
        if order is not None:
            state = "Drained" if len(self) <= order["keepConnections"] else "Draining"
        return web.json_response(
            {
                "state": state,
                "connections": len(self),
                "closed": self.asked,
                "connectionsPerSecond": order and order["connectionsPerSecond"],
                "keepConnections": order and order["keepConnections"],
                "deadline": order and f"{self.deadline(order):%Y-%m-%dT%H:%M:%SZ}",
            }
        )

    async def post_drain(self, request: web.Request) -> web.Response:
        """Begin a drain, or change the one that is on; the same order again changes nothing."""
        try:
            order = order_of(await request.json())
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        if self.code != GOING_AWAY:
            self.drain(order)
            self.renew_lease()
        return await self.get_drain(request)

    async def delete_drain(self, request: web.Request) -> web.Response:
        """Take clients again."""
        if self.code != GOING_AWAY:
            self.serve_again()
        return await self.get_drain(request)

    def deadline(self, order: dict[str, float]) -> datetime:
        """Return when those that are left are closed at once."""
        return self.began + timedelta(seconds=order["deadlineSeconds"])

    def drain(self, order: dict[str, float]) -> None:
        """Close connections by an order, which may be another than before."""
        self.order = order
        if self.pacing is None:
            self.began, self.asked = datetime.now(UTC), 0
            self.pacing = asyncio.create_task(self.close_at_the_pace())

    def serve_again(self) -> None:
        """End the drain; those who were asked to leave still go."""
        if self.pacing is not None:
            self.pacing.cancel()
        self.order, self.pacing, self.asked = None, None, 0
        self.renew_lease()

    def renew_lease(self) -> None:
        """Have a partial drain end by itself, unless somebody asks for it again in time."""
        if self.lease is not None:
            self.lease.cancel()
            self.lease = None
        if self.order is not None and self.order["keepConnections"]:
            self.lease = asyncio.get_running_loop().call_later(LEASE, self.serve_again)

    async def close_at_the_pace(self) -> None:
        """Ask the oldest to leave, one after the other; wait for none of them."""
        clock, last = asyncio.get_running_loop().time, float("-inf")
        while self.order is not None:
            now, gap = clock(), 1 / self.order["connectionsPerSecond"]
            is_late = datetime.now(UTC) >= self.deadline(self.order)
            is_idle = last < 0 or len(self.staying) <= self.order["keepConnections"]
            # No burst for what was not due, and little for what a slow moment has missed.
            last = max(last, now - gap - (0 if is_idle or gap > CATCH_UP else CATCH_UP))
            while len(self.staying) > self.order["keepConnections"] and (
                is_late or last + gap <= now
            ):
                client = next(iter(self.staying))
                del self.staying[client]
                self.leaving.add(client)
                client.leave(self.code)
                self.asked += 1
                last += gap
            await asyncio.sleep(TICK)

    async def shut_down(self) -> None:
        """Close all that are left within the grace period, spread over half of it."""
        self.code = GOING_AWAY
        pace = max(100.0, 2 * len(self) / GRACE)
        order = {"deadlineSeconds": GRACE - PATIENCE, "connectionsPerSecond": pace}
        self.drain({**order, "keepConnections": 0})
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.none_left.wait()


def order_of(body: object) -> dict[str, float]:
    """Return the order that the body of POST /drain gives.

    Raises:
        ValueError: one sentence that names the field.
    """
    fields = body if isinstance(body, dict) else {}
    bounds: dict[str, tuple[float | None, float, float]] = {
        "deadlineSeconds": (None, 0, 86_400),
        "connectionsPerSecond": (None, 0.01, 10_000),
        "keepConnections": (0, 0, 1_000_000_000),
    }
    order = {}
    for field, (default, least, most) in bounds.items():
        value: Any = fields.get(field, default)
        kinds = int if field == "keepConnections" else (int, float)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            raise ValueError(f"{field} is {value!r}, but must be a number from {least} to {most}")
        order[field] = value
    return order


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gateway = Gateway(most=int(os.environ.get("GATEWAY_MAX_CONNECTIONS", "1000")))
    runner = web.AppRunner(gateway.application(), access_log=None)
    await runner.setup()
    port = int(os.environ.get("GATEWAY_PORT", "8080"))
    await web.TCPSite(runner, os.environ.get("POD_IP"), port, backlog=2048).start()
    await stop.wait()
    await gateway.shut_down()


if __name__ == "__main__":
    asyncio.run(main())
