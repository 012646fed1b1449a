"""One gateway: its HTTP routes and what they change.

`Gateway.application()` is a complete aiohttp application that keeps
docs/gateway-contract.md; `python -m gateway` serves it.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC
from functools import partial
from typing import NoReturn

from aiohttp import web

from gateway.bodies import json_object
from gateway.drain import Drain, DrainOrder, drain_order_of
from gateway.faults import Fault, FaultKind, fault_of
from gateway.metrics import CONTENT_TYPE, exposition
from gateway.sessions import PATIENCE_SECONDS, ClosedBy, Session, Sessions

HEARTBEAT_SECONDS = 10.0
FLAKY_SECONDS = 0.1
"""How long after a message a flaky gateway cuts the client; its echo is out by then."""
GOING_AWAY, SERVICE_RESTART = 1001, 1012
SHUTDOWN_PACE_MIN = 100.0
LEASE_SECONDS = 30.0
"""A partial drain that no POST renews for so long ends: whoever ordered it is gone, and would
leave most of a fleet refusing clients."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger("gateway")


class Gateway:
    """The state of one gateway. Lives in one event loop; create it inside that loop."""

    def __init__(
        self,
        *,
        connections_max: int,
        fault: Fault,
        heartbeat: float = HEARTBEAT_SECONDS,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._sessions = Sessions()
        self._connections_max = connections_max
        self._heartbeat = heartbeat
        self._lease = lease
        self._fault = fault
        self._drain: Drain | None = None
        self._lease_end: asyncio.TimerHandle | None = None
        self._is_shutting_down = False
        self._messages = 0

    def application(self) -> web.Application:
        """The aiohttp application with all routes of the contract."""
        application = web.Application(middlewares=[self._slowed])
        application.add_routes(
            [
                web.get("/ws", self._get_ws),
                web.get("/metrics", self._get_metrics),
                web.get("/healthz", self._get_healthz),
                web.get("/readyz", self._get_readyz),
                web.get("/drain", self._get_drain),
                web.post("/drain", self._post_drain),
                web.delete("/drain", self._delete_drain),
                web.post("/fault", self._post_fault),
            ]
        )
        return application

    def break_down(self) -> None:
        """Let a crash or a hang happen now, if one is ordered. Does not return then."""
        if self._fault.kind is FaultKind.CRASH:
            log.error("crashes, as ordered")
            os._exit(1)
        if self._fault.kind is FaultKind.HANG:
            log.error("hangs, as ordered")
            _hang()

    async def shut_down(self, grace_seconds: float) -> None:
        """Refuse new clients and close all others within the grace period, spread over half."""
        self._is_shutting_down = True
        if self._drain is not None:
            self._drain.stop()
        pace = max(SHUTDOWN_PACE_MIN, 2 * len(self._sessions) / max(grace_seconds, 1.0))
        order = DrainOrder(
            deadline_seconds=max(0.0, grace_seconds - PATIENCE_SECONDS),
            connections_per_second=pace,
        )
        log.info("shuts down: closes %d clients, %.0f a second", len(self._sessions), pace)
        self._drain = Drain(self._sessions, order, code=GOING_AWAY, closed_by=ClosedBy.SHUTDOWN)
        try:
            async with asyncio.timeout(grace_seconds):
                await self._sessions.none_left.wait()
        except TimeoutError:
            log.warning("%d clients had not gone in time", len(self._sessions))

    @web.middleware
    async def _slowed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await self._delay()
        return await handler(request)

    async def _delay(self) -> None:
        if self._fault.kind is FaultKind.SLOW:
            await asyncio.sleep(self._fault.seconds)

    async def _get_ws(self, request: web.Request) -> web.StreamResponse:
        if self._drain is not None:
            return _refusal("this gateway is draining")
        if self._fault.kind is FaultKind.REFUSE:
            return _refusal("this gateway refuses, as ordered")
        if len(self._sessions) >= self._connections_max:
            return _refusal(f"this gateway has its {self._connections_max} connections")
        answer = partial(self._echo, request)
        session = Session(request, heartbeat=self._heartbeat, answer=answer)
        await self._sessions.serve(session)
        return session.socket

    async def _echo(self, request: web.Request, text: str) -> str | None:
        if self._fault.kind is FaultKind.ZOMBIE:
            return None
        if self._fault.kind is FaultKind.FLAKY and request.transport is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(FLAKY_SECONDS, request.transport.abort)
        await self._delay()
        self._messages += 1
        return text

    async def _get_metrics(self, _request: web.Request) -> web.Response:
        text = exposition(
            self._sessions,
            connections_max=self._connections_max,
            messages=self._messages,
            is_draining=self._drain is not None,
        )
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _get_healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _get_readyz(self, _request: web.Request) -> web.Response:
        if self._drain is not None:
            return web.Response(status=503, text="draining\n")
        if self._fault.kind is FaultKind.UNREADY:
            return web.Response(status=503, text="unready, as ordered\n")
        return web.Response(text="ok\n")

    async def _get_drain(self, _request: web.Request) -> web.Response:
        drain = self._drain
        state = "Serving" if drain is None else "Drained" if drain.is_done else "Draining"
        return web.json_response(
            {
                "state": state,
                "connections": len(self._sessions),
                "closed": drain.closed if drain else 0,
                "connectionsPerSecond": drain.order.connections_per_second if drain else None,
                "keepConnections": drain.order.keep_connections if drain else None,
                "deadline": _rfc3339(drain) if drain else None,
            }
        )

    async def _post_drain(self, request: web.Request) -> web.Response:
        try:
            order = drain_order_of(json_object(await request.text()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        if self._drain is None:
            log.info("drains %d clients: %s", len(self._sessions), order)
            self._drain = Drain(
                self._sessions, order, code=SERVICE_RESTART, closed_by=ClosedBy.DRAIN
            )
        elif not self._is_shutting_down and order != self._drain.order:
            log.info("goes on draining: %s", order)
            self._drain.update(order)
        self._renew_lease()
        return await self._get_drain(request)

    async def _delete_drain(self, request: web.Request) -> web.Response:
        self._end_drain("as ordered")
        return await self._get_drain(request)

    def _end_drain(self, why: str) -> None:
        if self._drain is not None and not self._is_shutting_down:
            log.info("takes connections again, %s", why)
            self._drain.stop()
            self._drain = None
            self._renew_lease()

    def _renew_lease(self) -> None:
        """Give a partial drain its time anew; a full one lasts until somebody ends it."""
        if self._lease_end is not None:
            self._lease_end.cancel()
            self._lease_end = None
        if self._drain is not None and self._drain.order.keep_connections:
            loop = asyncio.get_running_loop()
            self._lease_end = loop.call_later(
                self._lease, self._end_drain, "for nobody renewed its partial drain"
            )

    async def _post_fault(self, request: web.Request) -> web.StreamResponse:
        try:
            self._fault = fault_of(json_object(await request.text()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        log.warning("has the fault %s", self._fault)
        response = web.json_response({"kind": self._fault.kind, "seconds": self._fault.seconds})
        await response.prepare(request)
        await response.write_eof()
        asyncio.get_running_loop().call_soon(self.break_down)
        return response


def _hang() -> NoReturn:
    """Block the event loop's thread: signals but SIGKILL go unheard, as in a real deadlock."""
    while True:
        time.sleep(3600)


def _refusal(why: str) -> web.Response:
    return web.json_response({"error": why}, status=503, headers={"Retry-After": "1"})


def _rfc3339(drain: Drain) -> str:
    return drain.deadline.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
