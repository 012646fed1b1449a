"""What stands between an operator and its gateways, as a proxy would, with a plan's faults.

The gateways are of this process, so that nothing has to be listened on for it: each request passes
here before its gateway has it, and each answer before the operator has that.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from faults.plans import OF_ORDERS, Channel, Course, Kind
from faults.wire import cut, nothing

Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]

_FIGURES_SECONDS = 2.0
_SLOW_SECONDS = 2.0
_VALUE = re.compile(r" \S+$", re.MULTILINE)


class GatewayWire:
    """The way to all gateways of one namespace; `disturbed` is when something was wrong last."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._fault: Kind | None = None
        self._faulty_until = 0.0
        self._chosen = ""
        self._last: dict[str, str] = {}
        self.disturbed = 0.0

    async def passed(
        self, request: web.BaseRequest, address: str, answer: Answer
    ) -> web.StreamResponse:
        """Have a gateway answer, or something go wrong."""
        if request.method == "GET":
            return await self._figures(request, address, answer)
        fault = self._course.next(Channel.ORDER)
        if fault is None:
            return await answer(request)
        self.disturbed = time.monotonic()
        return await _disobeyed(fault, request, answer)

    async def _figures(
        self, request: web.BaseRequest, address: str, answer: Answer
    ) -> web.StreamResponse:
        begun, now = self._course.next(Channel.FIGURES), time.monotonic()
        if begun is not None:
            self._fault, self._faulty_until, self._chosen = begun, now + _FIGURES_SECONDS, address
        if now >= self._faulty_until or self._fault is None:
            told = await answer(request)
            self._last[address] = told.text or ""
            return told
        self.disturbed = now
        if self._fault is Kind.FIGURES_PARTIAL and address != self._chosen:
            return await answer(request)
        return await _mistold(self._fault, request, self._last.get(address, ""))


async def _mistold(fault: Kind, request: web.BaseRequest, last: str) -> web.StreamResponse:
    """Answer in a gateway's place, or not at all; `last` is what it answered before."""
    match fault:
        case Kind.FIGURES_SILENT:
            await nothing()
        case Kind.FIGURES_BROKEN:
            return web.Response(status=500)
        case Kind.FIGURES_ABSENT | Kind.FIGURES_PARTIAL:
            return web.Response(text="")
        case Kind.FIGURES_NAN:
            return web.Response(text=_VALUE.sub(" NaN", last))
        case Kind.FIGURES_STALE:
            return web.Response(text=last)
    return cut(request)


async def _disobeyed(fault: Kind, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Have an order go wrong on its way to the gateway, or its answer on the way back."""
    assert fault in OF_ORDERS
    match fault:
        case Kind.ORDER_CUT:
            return cut(request)
        case Kind.ORDER_BROKEN:
            return web.Response(status=500)
        case Kind.ORDER_UNAVAILABLE:
            return web.Response(status=503)
        case Kind.ORDER_SLOW:
            await asyncio.sleep(_SLOW_SECONDS)
            return await answer(request)
    await answer(request)
    if fault is Kind.ORDER_SILENT:
        await nothing()
    return cut(request)
