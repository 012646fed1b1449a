"""A WebSocket gateway that knows nothing of the operator: a preStop hook is all that it has.

`preStop` asks for /leave, which answers once the last client has been sent on; see prestop.yaml.
What is lost without /metrics and /drain is in docs/gateway-contract.md.

    pip install aiohttp
    python prestop_gateway.py

The environment: POD_IP (all addresses), GATEWAY_PORT (8080).
"""

import asyncio
import os
import random

from aiohttp import WSCloseCode, WSMsgType, web

PACE = 50.0  # connections that are closed a second
LOAD_BALANCERS = 2.0  # seconds until nobody is sent here any more


class Gateway:
    """The clients, and whether new ones are taken."""

    def __init__(self) -> None:
        self.clients: dict[web.WebSocketResponse, asyncio.Timeout] = {}  # as they came
        self.leaving: set[web.WebSocketResponse] = set()
        self.none_left = asyncio.Event()
        self.none_left.set()
        self.is_leaving = False

    def application(self) -> web.Application:
        """Return the routes."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/ws", self.get_ws),
                web.get("/readyz", self.get_readyz),
                web.get("/leave", self.get_leave),
            ]
        )
        return application

    async def get_ws(self, request: web.Request) -> web.StreamResponse:
        """Serve a client: here, an echo."""
        if self.is_leaving:
            return web.Response(status=503, headers={"Retry-After": "1"})
        socket = web.WebSocketResponse(heartbeat=10, timeout=2)
        await socket.prepare(request)
        self.none_left.clear()
        try:
            # Closed from here, not from get_leave: it waits for the client's own close frame.
            async with asyncio.timeout(None) as self.clients[socket]:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await socket.send_str(message.data)
        except TimeoutError:
            hint = f"retry-after={random.uniform(0, 2):.1f}"  # noqa: S311 -- they spread, no secret
            await socket.close(code=WSCloseCode.SERVICE_RESTART, message=hint.encode())
        finally:
            self.clients.pop(socket, None)
            self.leaving.discard(socket)
            if not self.clients and not self.leaving:
                self.none_left.set()
        return socket

    async def get_readyz(self, _: web.Request) -> web.Response:
        """Say whether new clients are taken."""
        return web.Response(status=503 if self.is_leaving else 200)

    async def get_leave(self, _: web.Request) -> web.Response:
        """Refuse new clients, close all others at the pace, and answer when none is left."""
        self.is_leaving = True
        await asyncio.sleep(LOAD_BALANCERS)
        while self.clients:
            socket, waiting = next(iter(self.clients.items()))
            del self.clients[socket]
            self.leaving.add(socket)
            waiting.reschedule(0)
            await asyncio.sleep(1 / PACE)
        await self.none_left.wait()
        return web.Response(text="all have left\n")


def main() -> None:
    """Serve until SIGTERM, which comes after the preStop hook."""
    port = int(os.environ.get("GATEWAY_PORT", "8080"))
    web.run_app(Gateway().application(), host=os.environ.get("POD_IP"), port=port, print=None)


if __name__ == "__main__":
    main()
