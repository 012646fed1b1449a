"""Partial drains: closing some sessions and keeping the others, while somebody watches over it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.faults import Fault
from gateway.process import GatewayProcess, Reachable, eventually, running
from gateway.server import Gateway
from gateway.workbench import (
    HANDSHAKE,
    PROGRAMS,
    call,
    clients,
    closing,
    drained,
    is_served,
    served,
)


@pytest.fixture(params=PROGRAMS)
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[GatewayProcess]:
    async with running(program=request.param) as process:
        yield process


@asynccontextmanager
async def leased(seconds: float = 0.4) -> AsyncIterator[Reachable]:
    """A gateway whose partial drains end after so long without a POST."""
    gateway = Gateway(connections_max=100, fault=Fault(), lease=seconds)
    async with served(gateway.application()) as reachable:
        yield reachable


async def order(
    gateway: Reachable, *, keep: int, pace: float = 1000, deadline: float = 60
) -> dict[str, object]:
    return await call(
        gateway,
        "POST",
        deadlineSeconds=deadline,
        connectionsPerSecond=pace,
        keepConnections=keep,
    )


async def is_serving(gateway: Reachable) -> bool:
    return bool((await call(gateway, "GET"))["state"] == "Serving")


@pytest.mark.parametrize(
    ("keep", "closed"),
    [
        pytest.param(8, 12, id="some of them"),
        pytest.param(19, 1, id="all but one"),
        pytest.param(20, 0, id="exactly as many as there are"),
        pytest.param(500, 0, id="more than there are"),
        pytest.param(0, 20, id="none"),
    ],
)
async def test_the_oldest_go_until_no_more_than_those_to_keep_are_left(
    gateway: GatewayProcess, keep: int, closed: int
) -> None:
    async with clients(gateway, 20) as connections:
        await order(gateway, keep=keep)
        state = await drained(gateway)
        assert (state["connections"], state["closed"]) == (20 - closed, closed)
        assert state["keepConnections"] == keep
        served_still = await asyncio.gather(*map(is_served, connections))
        assert served_still == [False] * closed + [True] * (20 - closed)


async def test_it_refuses_new_clients_and_is_not_ready_until_it_is_taken_back(
    gateway: GatewayProcess,
) -> None:
    async with clients(gateway, 3) as connections:
        await order(gateway, keep=2)
        await drained(gateway)
        assert (await gateway.call("GET", "/readyz"))[0] == 503
        assert "imchat_gateway_draining 1" in (await gateway.call("GET", "/metrics"))[1]
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{gateway.address}:8080/ws", proxy=None)
        state = await call(gateway, "DELETE")
        assert (state["state"], state["keepConnections"]) == ("Serving", None)
        async with clients(gateway, 1) as more:
            assert [await is_served(client) for client in (*connections[1:], *more)] == [True] * 3


async def test_it_closes_at_the_ordered_pace(gateway: GatewayProcess) -> None:
    async with clients(gateway, 30) as connections:
        start = time.monotonic()
        await order(gateway, keep=10, pace=20)
        ends = await asyncio.gather(*map(closing, connections[:20]))
        times = [moment - start for moment, _ in ends]
        assert [k for k, moment in enumerate(times) if moment < k / 20] == []
        assert times[-1] < 19 / 20 + 3
        assert all(frame and frame.code == 1012 for _, frame in ends)


async def test_the_same_order_again_changes_nothing(gateway: GatewayProcess) -> None:
    async with clients(gateway, 5) as connections:
        first = await order(gateway, keep=3)
        await drained(gateway)
        again = await order(gateway, keep=3)
        assert (again["state"], again["closed"]) == ("Drained", 2)
        assert again["deadline"] == first["deadline"]
        assert [await is_served(client) for client in connections[2:]] == [True] * 3


async def test_a_lower_number_to_keep_goes_on_at_the_pace_and_makes_up_for_nothing(
    gateway: GatewayProcess,
) -> None:
    async with clients(gateway, 10) as connections:
        await order(gateway, keep=8, pace=5)
        last, _ = await closing(connections[1])
        await eventually(lambda: time.monotonic() > last + 0.5)
        start = time.monotonic()
        state = await order(gateway, keep=4, pace=5)
        assert state["state"] == "Draining"
        ends = await asyncio.gather(*map(closing, connections[2:6]))
        times = [moment - start for moment, _ in ends]
        assert [k for k, moment in enumerate(times) if moment < k / 5] == []
        assert (await drained(gateway))["connections"] == 4


async def test_a_higher_number_to_keep_stops_a_drain(gateway: GatewayProcess) -> None:
    async with clients(gateway, 10) as connections:
        await order(gateway, keep=0, pace=0.01)
        await closing(connections[0])
        await order(gateway, keep=9, pace=10_000)
        assert (await drained(gateway))["closed"] == 1
        assert [await is_served(client) for client in connections[1:]] == [True] * 9


async def test_at_the_deadline_all_but_those_to_keep_are_closed(gateway: GatewayProcess) -> None:
    async with clients(gateway, 30) as connections:
        start = time.monotonic()
        await order(gateway, keep=10, pace=0.01, deadline=1)
        ends = await asyncio.gather(*map(closing, connections[:20]))
        late = [moment - start for moment, _ in ends if moment - start >= 1]
        assert len(late) == 19
        assert max(late) < 4
        assert (await drained(gateway))["connections"] == 10
        assert [await is_served(client) for client in connections[20:]] == [True] * 10


async def test_those_that_leave_by_themselves_count(gateway: GatewayProcess) -> None:
    async with clients(gateway, 5) as connections:
        await order(gateway, keep=2, pace=0.01)
        await closing(connections[0])
        for client in connections[1:3]:
            await client.close()
        state = await drained(gateway)
        assert (state["connections"], state["closed"]) == (2, 1)


async def test_one_that_is_slow_to_go_is_on_its_way_and_nobody_goes_in_its_place(
    gateway: GatewayProcess,
) -> None:
    reader, silent = await asyncio.open_connection(gateway.address, 8080)
    silent.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    async with clients(gateway, 3) as polite:
        await order(gateway, keep=3)
        assert (await reader.readexactly(2))[0] == 0x88, "it is asked, and does not answer"
        state = await call(gateway, "GET")
        assert (state["state"], state["connections"], state["closed"]) == ("Draining", 4, 1)
        await call(gateway, "DELETE")
        await order(gateway, keep=3)
        state = await drained(gateway)
        assert (state["connections"], state["closed"]) == (3, 0), "a new drain asks nobody again"
        assert [await is_served(client) for client in polite] == [True] * 3
    silent.close()


@pytest.mark.parametrize("pace", [pytest.param(1000, id="done"), pytest.param(0.01, id="closing")])
async def test_a_partial_drain_that_nobody_renews_ends_by_itself(pace: float) -> None:
    async with leased() as gateway, clients(gateway, 3) as connections:
        await order(gateway, keep=1, pace=pace)
        await closing(connections[0])
        await eventually(lambda: is_serving(gateway))
        async with clients(gateway, 1) as more:
            assert await is_served(connections[2])
            assert await is_served(more[0])
        assert (await gateway.call("GET", "/readyz"))[0] == 200


async def test_a_partial_drain_that_is_renewed_goes_on() -> None:
    async with leased() as unwatched, leased() as gateway, clients(gateway, 2):
        for _ in range(3):
            await order(unwatched, keep=1)
            while not await is_serving(unwatched):
                assert (await order(gateway, keep=1))["state"] != "Serving"
        assert (await call(gateway, "GET"))["closed"] == 1, "it is one and the same drain"


@pytest.mark.parametrize(
    "keeps",
    [
        pytest.param([0], id="full from the start"),
        pytest.param([1, 0], id="partial at first"),
        pytest.param([1, None, 0], id="a partial one before it, taken back"),
    ],
)
async def test_a_full_drain_needs_no_renewal(keeps: list[int | None]) -> None:
    async with leased() as partial, leased() as gateway:
        for keep in keeps:
            if keep is None:
                await call(gateway, "DELETE")
            else:
                await order(gateway, keep=keep)
        await order(partial, keep=1)
        await eventually(lambda: is_serving(partial))
        assert (await call(gateway, "GET"))["state"] == "Drained"


async def test_sigterm_closes_those_that_were_kept(gateway: GatewayProcess) -> None:
    async with clients(gateway, 5) as connections:
        await order(gateway, keep=3)
        await drained(gateway)
        gateway.process.send_signal(signal.SIGTERM)
        ends = await asyncio.gather(*map(closing, connections[2:]))
        assert [frame.code for _, frame in ends if frame] == [1001] * 3
    assert await gateway.process.wait() == 0
