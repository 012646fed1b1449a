"""Draining, against real gateway processes; what crosses in the wire, against a gated echo."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.faults import Fault
from gateway.process import GatewayProcess, Reachable, eventually, running
from gateway.server import Gateway
from gateway.sessions import ClosedBy, Farewell, Session, Sessions
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


@pytest.mark.parametrize(
    ("count", "pace"),
    [
        pytest.param(10, 5, id="slow, a few a second"),
        pytest.param(100, 100, id="middling"),
        pytest.param(400, 2000, id="fast, several in each tick of the clock"),
    ],
)
async def test_connections_are_closed_at_the_ordered_pace(
    gateway: GatewayProcess, count: int, pace: int
) -> None:
    async with clients(gateway, count) as connections:
        start = time.monotonic()
        await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=pace)
        ends = await asyncio.gather(*map(closing, connections))
    times = sorted(moment - start for moment, _ in ends)
    too_early = [k for k, moment in enumerate(times) if moment < k / pace]
    assert not too_early
    assert times[-1] < (count - 1) / pace + 3
    frames = [frame for _, frame in ends]
    assert all(frame and frame.code == 1012 for frame in frames)
    hints = {frame.reason for frame in frames if frame}
    assert all(re.fullmatch(r"retry-after=[012]\.\d", hint) for hint in hints)
    assert len(hints) > 2, "the hints are jittered"
    assert (await drained(gateway))["closed"] == count


async def test_hints_lie_evenly_so_that_as_many_come_back_in_each_second() -> None:
    async with running() as gateway, clients(gateway, 200) as connections:
        await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=400)
        frames = [frame for _, frame in await asyncio.gather(*map(closing, connections))]
    hints = sorted(float(f.reason.removeprefix("retry-after=")) for f in frames if f)
    assert len(hints) == 200
    # By chance they would stray by 0.14 s; that they have one decimal is 0.05 s of it.
    assert max(abs(hint - k * 2.0 / 200) for k, hint in enumerate(hints)) < 0.08


async def test_a_draining_gateway_refuses_new_clients_and_is_not_ready(
    gateway: GatewayProcess,
) -> None:
    async with clients(gateway, 2):
        state = await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=0.1)
        assert state["state"] == "Draining"
        assert (await gateway.call("GET", "/readyz"))[0] == 503
        assert (await gateway.call("GET", "/healthz"))[0] == 200
        assert "imchat_gateway_draining 1" in (await gateway.call("GET", "/metrics"))[1]
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{gateway.address}:8080/ws", proxy=None)
        assert refused.value.response.status_code == 503
        assert "Retry-After" in refused.value.response.headers


async def test_an_empty_gateway_is_drained_at_once(gateway: GatewayProcess) -> None:
    state = await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=1)
    assert (state["state"], state["connections"], state["closed"]) == ("Drained", 0, 0)


async def test_the_same_order_again_changes_nothing(gateway: GatewayProcess) -> None:
    async with clients(gateway, 3) as connections:
        first = await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=0.5)
        await closing(connections[0])
        again = await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=0.5)
        assert again["deadline"] == first["deadline"]
        assert again["closed"] == 1, "it did not start anew"


async def test_another_order_changes_the_pace_of_the_same_drain(gateway: GatewayProcess) -> None:
    async with clients(gateway, 50) as connections:
        first = await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=0.1)
        await closing(connections[0])
        other = await call(gateway, "POST", deadlineSeconds=120, connectionsPerSecond=100)
        assert other["connectionsPerSecond"] == 100
        assert other["deadline"] > first["deadline"]
        start = time.monotonic()
        await asyncio.gather(*map(closing, connections[1:]))
        assert time.monotonic() - start < 5
    assert (await drained(gateway))["closed"] == 50


async def test_at_the_deadline_all_the_rest_is_closed_with_frames(gateway: GatewayProcess) -> None:
    async with clients(gateway, 30) as connections:
        start = time.monotonic()
        await call(gateway, "POST", deadlineSeconds=1, connectionsPerSecond=1)
        ends = await asyncio.gather(*map(closing, connections))
    late = [moment - start for moment, _ in ends if moment - start >= 1]
    assert len(late) >= 28
    assert max(late) < 4
    assert all(frame and frame.code == 1012 for _, frame in ends)


async def test_an_order_whose_deadline_has_passed_closes_the_rest_at_once(
    gateway: GatewayProcess,
) -> None:
    async with clients(gateway, 5) as connections:
        await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=0.1)
        await call(gateway, "POST", deadlineSeconds=0, connectionsPerSecond=0.1)
        async with asyncio.timeout(5):
            await asyncio.gather(*map(closing, connections))


async def test_taking_back_a_drain_keeps_the_rest_and_takes_new_ones(
    gateway: GatewayProcess,
) -> None:
    async with clients(gateway, 3) as connections:
        await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=0.2)
        await closing(connections[0])
        for _ in range(2):  # idempotent
            state = await call(gateway, "DELETE")
            assert (state["state"], state["connections"]) == ("Serving", 2)
            assert state["connectionsPerSecond"] is state["deadline"] is None
        assert (await gateway.call("GET", "/readyz"))[0] == 200
        async with clients(gateway, 1) as more:
            assert [await is_served(client) for client in (*connections[1:], *more)] == [True] * 3
        await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=1000)
        assert (await drained(gateway))["closed"] == 2, "a second drain counts from nothing"


async def test_clients_that_never_answer_or_never_read_hold_up_nobody(
    gateway: GatewayProcess,
) -> None:
    _, silent = await asyncio.open_connection(gateway.address, 8080)
    silent.write(HANDSHAKE)
    reader, deaf = await asyncio.open_connection(gateway.address, 8080, limit=1024)
    deaf.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    frame = b"\x81\xfe\xff\x00" + bytes(4) + b"x" * 0xFF00  # masked with zeros, 64 KB each
    deaf.writelines([frame] * 400)  # far more than the buffers on the way back hold
    async with clients(gateway, 5) as polite:
        await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=20)
        start = time.monotonic()
        ends = await asyncio.gather(*map(closing, polite))
        assert max(moment for moment, _ in ends) - start < 1.9, "nobody waited for the rude ones"
        assert all(end and end.code == 1012 for _, end in ends)
        await drained(gateway, seconds=15)
    silent.close()
    deaf.transport.abort()


async def test_a_connection_stays_open_until_the_client_has_answered_the_close_frame(
    gateway: GatewayProcess,
) -> None:
    reader, writer = await asyncio.open_connection(gateway.address, 8080)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    await call(gateway, "POST", deadlineSeconds=60, connectionsPerSecond=100)
    opcode, length = await reader.readexactly(2)
    assert opcode == 0x88
    assert (await reader.readexactly(length)).startswith((1012).to_bytes(2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await reader.read(1)
    assert (await call(gateway, "GET"))["state"] == "Draining"
    writer.write(b"\x88\x80" + bytes(4))
    async with asyncio.timeout(1.5):
        assert await reader.read() == b""
    await drained(gateway)
    writer.close()


@asynccontextmanager
async def gated_echo() -> AsyncIterator[tuple[Reachable, Sessions, asyncio.Event, list[str]]]:
    """A server of sessions that echo once the gate opens, and what they have begun to echo."""
    sessions, gate, begun = Sessions(), asyncio.Event(), list[str]()

    async def answer(text: str) -> str:
        begun.append(text)
        await gate.wait()
        return text

    async def serve(request: web.Request) -> web.StreamResponse:
        session = Session(request, heartbeat=10, answer=answer)
        await sessions.serve(session)
        return session.socket

    application = web.Application()
    application.add_routes([web.get("/ws", serve)])
    async with served(application) as server:
        yield server, sessions, gate, begun


async def test_what_the_gateway_has_received_is_echoed_before_the_close_frame() -> None:
    async with gated_echo() as (server, sessions, gate, begun), clients(server, 1) as [client]:
        for number in range(5):
            await client.send(str(number))
        await eventually(lambda: begun == ["0"])
        sessions.close_oldest(Farewell(code=1012, reason="", closed_by=ClosedBy.DRAIN))
        gate.set()
        assert [await client.recv() for _ in range(5)] == ["0", "1", "2", "3", "4"]
        _, frame = await closing(client)
        assert frame is not None
        assert frame.code == 1012
        await eventually(lambda: sessions.closed[ClosedBy.DRAIN] == 1)


async def test_a_client_that_answers_no_ping_is_closed_as_an_error() -> None:
    application = Gateway(connections_max=1, fault=Fault(), heartbeat=0.2).application()
    async with served(application) as gateway:
        reader, writer = await asyncio.open_connection(gateway.address, 8080)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        assert (await reader.readexactly(2)) == b"\x89\x00", "a ping"
        assert await reader.read() == b"", "the connection is cut"
        writer.close()
        _, text = await gateway.call("GET", "/metrics")
    assert 'closed_total{reason="error"} 1' in text
