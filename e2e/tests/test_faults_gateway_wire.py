"""What stands between an operator and its gateways, when a question or an order goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from faults.gateway_wire import GatewayWire
from faults.plans import Channel, Course, fault_of

_FIGURES = "connections 7\nconnections_max 100\n"
Ask = Callable[..., Awaitable[str]]


@asynccontextmanager
async def _wired(*faults: str) -> AsyncIterator[tuple[Ask, list[str]]]:
    """Yield how to ask a gateway over a wire with these faults, and the orders that it has got.

    What is asked is a method, and of which gateway; what comes of it is a text, a status, or what
    became of the connection.
    """
    course = Course(tuple(map(fault_of, faults)))
    course.arm()
    wire, orders = GatewayWire(course), list[str]()

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.method != "GET":
            orders.append(request.method)
        return web.Response(text=_FIGURES)

    async def passed(request: web.BaseRequest) -> web.StreamResponse:
        return await wire.passed(request, request.path, answer)

    runner = web.ServerRunner(web.Server(passed), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as session:

        async def ask(method: str, gateway: str = "a") -> str:
            try:
                async with session.request(method, url + gateway) as reply:
                    return await reply.text() if reply.ok else str(reply.status)
            except TimeoutError:
                return "nothing"
            except aiohttp.ClientError:
                return "cut"

        try:
            yield ask, orders
        finally:
            await runner.cleanup()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("figures-cut", "cut"),
        ("figures-silent", "nothing"),
        ("figures-broken", "500"),
        ("figures-absent", ""),
        ("figures-nan", "connections NaN\nconnections_max NaN\n"),
        ("figures-stale", _FIGURES),
        ("figures-partial", ""),
    ],
)
async def test_what_is_wrong_with_figures_is_so_for_a_while(kind: str, told: str) -> None:
    async with _wired(f"{kind}@2") as (ask, _):
        assert [await ask("GET") for _ in range(3)] == [_FIGURES, told, told]
        async with asyncio.timeout(10):
            while await ask("GET") != _FIGURES:
                continue


async def test_of_partial_figures_one_gateway_s_alone_are_missing() -> None:
    async with _wired("figures-partial@2") as (ask, _):
        answers = [await ask("GET", gateway) for gateway in ("a", "b", "a", "b")]
    assert answers == [_FIGURES, "", _FIGURES, ""]


@pytest.mark.parametrize(
    ("kind", "told", "is_done"),
    [
        ("order-cut", "cut", False),
        ("order-lost", "cut", True),
        ("order-silent", "nothing", True),
        ("order-broken", "500", False),
        ("order-unavailable", "503", False),
    ],
)
async def test_one_order_goes_wrong(kind: str, told: str, is_done: bool) -> None:  # noqa: FBT001 -- a table's
    async with _wired(f"{kind}@2") as (ask, orders):
        answers = [await ask("POST"), await ask("POST"), await ask("DELETE")]
    assert answers == [_FIGURES, told, _FIGURES]
    assert orders == (["POST", "POST", "DELETE"] if is_done else ["POST", "DELETE"])


async def test_an_order_that_is_slow_comes_all_the_same() -> None:
    async with _wired("order-slow@1") as (ask, orders):
        assert await ask("POST") == "nothing"
        assert orders == []
        async with asyncio.timeout(10):
            while orders != ["POST"]:
                await ask("GET")


def test_questions_and_orders_are_counted_apart() -> None:
    assert fault_of("figures-stale@1").channel is Channel.FIGURES
    assert fault_of("order-lost@1").channel is Channel.ORDER
