"""A proxy between one operator and its API server, with a fault for what its plan says.

TLS ends here; what is sent on carries the operator's own token.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from aiohttp import web

from faults.history import Call
from faults.levers import Levers, Upstream
from faults.plans import KILLS, RESTARTS, Channel, Course, Kind
from faults.refusals import refusal
from faults.streams import GONE, Stream
from faults.wire import cut, lines, nothing, one, parsed

_PASSED_ON = ("Authorization", "Content-Type", "Accept", "User-Agent")
_SLOW_SECONDS = 3.0
_DISORDERED_SECONDS = 6.0
_AWAY_SECONDS = {Kind.AWAY: 5.0, Kind.AWAY_LONG: 120.0, Kind.DOWN: 5.0, Kind.DOWN_LONG: 60.0}
_STALE_SECONDS = 2.0
_REFUSED_WITH = {
    Kind.CONFLICT: 409,
    Kind.THROTTLED: 429,
    Kind.BROKEN: 500,
    Kind.UNAVAILABLE: 503,
    Kind.READ_THROTTLED: 429,
    Kind.READ_BROKEN: 500,
}
_SEATS = 2
_LISTED = ("pods", "nodes", "imchatclusters", "maintenancewindows", "horizontalpodautoscalers")


class Proxy:
    """One proxy for two seats, each of which has a port and an operator, or none.

    Attributes:
        calls: the writes that reached the API server.
        disturbed: when something went wrong last.
        ports: where each seat's operator finds it.
    """

    def __init__(self, upstream: Upstream, course: Course, levers: Levers) -> None:
        self._upstream = upstream
        self._course = course
        self._levers = levers
        self._away_until = 0.0
        self._is_down = False
        self._stale_until = 0.0
        self._stale = 0
        self._told_stale: set[str] = set()
        self._is_disordered = False
        self._windows_from = 0.0
        self._gone: dict[str, bool] = {}
        self._open: set[asyncio.Transport] = set()
        self._sent: set[asyncio.Task[web.Response]] = set()
        self.calls: list[Call] = []
        self.disturbed = 0.0
        self.ports: tuple[int, ...] = ()
        self._operators: dict[int, int] = {}
        self._fresh = itertools.count()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, upstream: Upstream, course: Course, levers: Levers
    ) -> AsyncIterator[Self]:
        """Listen for as long as the block lasts."""
        proxy = cls(upstream, course, levers)
        runner = web.ServerRunner(
            web.Server(proxy._answered, access_log=None, handler_cancellation=True),
            shutdown_timeout=0,
        )
        await runner.setup()
        try:
            for _ in range(_SEATS):
                await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=upstream.serving).start()
            proxy.ports = tuple(address[1] for address in runner.addresses)
            yield proxy
        finally:
            await runner.cleanup()

    def restarted(self, seat: int) -> None:
        """Another operator begins; if it is to be misled, from now on for a while."""
        self._operators.pop(seat, None)
        self.disturbed = time.monotonic()
        if self._stale:
            self._stale_until = time.monotonic() + _STALE_SECONDS
            self._told_stale.clear()
        if self._is_disordered:
            self._windows_from = time.monotonic() + _DISORDERED_SECONDS

    def _seat(self, request: web.BaseRequest) -> int:
        name = request.transport and request.transport.get_extra_info("sockname")
        return self.ports.index(name[1]) if name else 0

    def _operator(self, seat: int) -> int:
        if seat not in self._operators:
            self._operators[seat] = next(self._fresh)
        return self._operators[seat]

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        if time.monotonic() < self._away_until:
            return refusal(503) if self._is_down else cut(request)
        transport = request.transport
        if transport is None:
            return cut(request)
        self._open.add(transport)
        try:
            if request.path.endswith("/maintenancewindows"):
                await asyncio.sleep(max(0.0, self._windows_from - time.monotonic()))
            if request.query.get("watch") == "true":
                return await self._watched(request)
            return await (self._read(request) if request.method == "GET" else self._write(request))
        except ConnectionError:  # the operator is gone, or does not wait any longer
            return cut(request)
        finally:
            self._open.discard(transport)

    async def _read(self, request: web.BaseRequest) -> web.StreamResponse:
        self._gone.pop(request.path, None)  # as of a list there is something to watch on from
        fault = None if _is_of_a_lease(request) else self._course.next(Channel.READ)
        if fault is not None:
            self.disturbed = time.monotonic()
        match fault:
            case Kind.READ_THROTTLED | Kind.READ_BROKEN:
                return refusal(_REFUSED_WITH[fault])
            case Kind.READ_CUT:
                return cut(request)
            case Kind.READ_SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
        return await self._forwarded(request, b"")

    async def _write(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        fault = None if _is_of_a_lease(request) else self._course.next(Channel.WRITE)
        if fault is None:
            return await self._committed(request, body)
        self.disturbed = time.monotonic()
        return await self._with(fault, request, body)

    async def _with(  # noqa: C901, PLR0911 -- one line for each fault
        self, fault: Kind, request: web.BaseRequest, body: bytes
    ) -> web.StreamResponse:
        match fault:
            case Kind.CONFLICT:
                if request.method == "POST" and request.path.endswith("/events"):
                    await self._committed(request, body)
                return refusal(_REFUSED_WITH[fault])
            case Kind.TOUCHED:
                await self._levers.touch(request.path)
            case Kind.THROTTLED | Kind.BROKEN | Kind.UNAVAILABLE:
                return refusal(_REFUSED_WITH[fault])
            case Kind.CUT:
                return cut(request)
            case Kind.LOST:
                await self._committed(request, body)
                return cut(request)
            case Kind.SILENT:
                await self._committed(request, body)
                await nothing()
            case Kind.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
            case Kind.AWAY | Kind.AWAY_LONG | Kind.DOWN | Kind.DOWN_LONG:
                self._is_down = fault in {Kind.DOWN, Kind.DOWN_LONG}
                return self._gone_away(_AWAY_SECONDS[fault], request)
            case Kind.TWIN:
                self._levers.twin()
            case Kind.FROZEN:
                return await self._frozen(request, body)
            case _:
                assert fault in {*KILLS, *RESTARTS}
                return await self._killed(fault, request, body)
        return await self._committed(request, body)

    def _gone_away(self, seconds: float, request: web.BaseRequest) -> web.StreamResponse:
        self._away_until = self.disturbed = time.monotonic() + seconds
        for transport in tuple(self._open):
            transport.abort()
        return cut(request)

    async def _frozen(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """Hold a write until another operator has written; then it arrives, late."""
        seat, before = self._seat(request), len(self.calls)
        operator = self._operator(seat)

        def is_taken_over() -> bool:
            since = self.calls[before:]
            return any(c.is_done and not c.is_lease and c.operator != operator for c in since)

        async with self._levers.frozen(seat, is_taken_over):
            answer = await self._committed(request, body)
        self.disturbed = time.monotonic()
        return answer

    async def _killed(
        self, fault: Kind, request: web.BaseRequest, body: bytes
    ) -> web.StreamResponse:
        seat = self._seat(request)
        if fault is Kind.KILL_BEFORE:
            await asyncio.shield(self._levers.kill(seat))
            return cut(request)
        answer = await self._committed(request, body)
        if fault is Kind.KILL_COMMITTED:
            await asyncio.shield(self._levers.kill(seat))
            return cut(request)
        if fault is Kind.KILL_STALE:
            self._stale = self._levers.revision()
        self._is_disordered = fault is Kind.KILL_DISORDERED
        await answer.prepare(request)
        await answer.write_eof()
        await asyncio.shield(self._levers.kill(seat))
        return answer

    async def _committed(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Send a write on and take it down, even if nobody waits for its answer any more."""
        sent = asyncio.create_task(self._forwarded(request, body))
        self._sent.add(sent)
        sent.add_done_callback(self._sent.discard)
        return await asyncio.shield(sent)

    async def _forwarded(self, request: web.BaseRequest, body: bytes) -> web.Response:
        operator = self._operator(self._seat(request))
        async with self._asked(request, body) as answer:
            content = await answer.read()
        if request.method != "GET":
            found = parsed(content)
            call = Call(
                at=time.monotonic(),
                operator=operator,
                method=request.method,
                path=request.path,
                body=parsed(body),
                status=answer.status,
                revision=int(found.get("metadata", {}).get("resourceVersion") or 0),
            )
            self.calls.append(call)
        headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
        if "Retry-After" in answer.headers:
            headers["Retry-After"] = answer.headers["Retry-After"]
        return web.Response(status=answer.status, body=content, headers=headers)

    @asynccontextmanager
    async def _asked(
        self, request: web.BaseRequest, body: bytes
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        query = dict(request.query)
        if self._is_stale_list(request):
            query |= {"resourceVersion": str(self._stale), "resourceVersionMatch": "Exact"}
        headers = {k: request.headers[k] for k in _PASSED_ON if k in request.headers}
        async with self._upstream.session.request(
            request.method,
            self._upstream.server + request.path,
            params=query,
            headers=headers,
            data=body or None,
        ) as answer:
            yield answer

    def _is_stale_list(self, request: web.BaseRequest) -> bool:
        is_list = request.method == "GET" and request.path.rpartition("/")[2] in _LISTED
        is_whole = not {"watch", "continue", "fieldSelector"} & request.query.keys()
        is_stale = time.monotonic() < self._stale_until and is_list and is_whole
        if not is_stale or request.path in self._told_stale:
            return False
        self._told_stale.add(request.path)
        return True

    async def _watched(self, request: web.BaseRequest) -> web.StreamResponse:
        where = request.path
        if "resourceVersion" in request.query and where in self._gone:
            return web.Response(body=GONE) if self._gone[where] else refusal(410)
        self._gone.pop(where, None)
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        answer.enable_chunked_encoding()
        course = Course(()) if _is_of_a_lease(request) else self._course
        stream = Stream(course, is_of_pods=where.endswith("/pods"))
        async with self._asked(request, b"") as source:
            if source.status != 200:  # noqa: PLR2004 -- HTTP's own number
                return web.Response(status=source.status, body=await source.read())
            await answer.prepare(request)
            async for line in lines(source, stream):
                await asyncio.sleep(max(0.0, self._stale_until - time.monotonic()))
                async for passed in stream.delivered(line) if line else one(stream.overdue()):
                    await answer.write(passed)
                self.disturbed = max(self.disturbed, stream.disturbed)
                if stream.is_broken:
                    break
        if stream.is_gone:
            self._gone[where] = stream.is_told
        if stream.is_forgotten:
            await self._levers.compact()
            self.disturbed = time.monotonic()
        if stream.is_broken:
            return cut(request)
        await answer.write_eof()
        return answer


def _is_of_a_lease(request: web.BaseRequest) -> bool:
    return "/coordination.k8s.io/" in request.path
