"""A gateway that was told to fail does so the way real ones do."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.process import GatewayProcess, running


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayProcess]:
    async with running() as process:
        yield process


@pytest.fixture
async def client(gateway: GatewayProcess) -> AsyncIterator[ClientConnection]:
    url = f"ws://{gateway.address}:8080/ws"
    async with connect(url, proxy=None, close_timeout=0.5) as connection:
        yield connection


async def fault(gateway: GatewayProcess, kind: str, **more: float) -> None:
    assert (await gateway.call("POST", "/fault", {"kind": kind, **more}))[0] == 200


async def has_echo(client: ClientConnection, within: float = 1.0) -> bool:
    await client.send("hello")
    try:
        async with asyncio.timeout(within):
            return await client.recv() == "hello"
    except TimeoutError:
        return False


async def test_crash_ends_the_process_without_close_frames(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "crash")
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is None
    assert await gateway.process.wait() == 1


async def test_hang_answers_nothing_more_but_the_kernel_still_accepts(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "hang")
    assert not await has_echo(client)
    reader, writer = await asyncio.open_connection(gateway.address, 8080)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await reader.read()
    writer.close()


async def test_hang_is_deaf_to_sigterm_and_ends_by_sigkill(gateway: GatewayProcess) -> None:
    await fault(gateway, "hang")
    gateway.process.send_signal(signal.SIGTERM)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await gateway.process.wait()
    gateway.process.kill()
    assert await gateway.process.wait() == -signal.SIGKILL


async def test_refuse_turns_new_clients_away_though_it_is_ready(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "refuse")
    assert (await gateway.call("GET", "/readyz"))[0] == 200
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{gateway.address}:8080/ws", proxy=None)
    assert refused.value.response.status_code == 503
    assert await has_echo(client), "those that it has are served"


async def test_slow_makes_every_answer_take_longer(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "slow", seconds=0.6)
    loop = asyncio.get_running_loop()
    for answer in (gateway.call("GET", "/healthz"), has_echo(client, within=10)):
        start = loop.time()
        assert await answer
        assert loop.time() - start >= 0.6


async def test_unready_goes_on_serving_its_clients(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "unready")
    assert (await gateway.call("GET", "/readyz"))[0] == 503
    assert (await gateway.call("GET", "/healthz"))[0] == 200
    assert await has_echo(client)


async def test_zombie_is_ready_and_connected_but_swallows_messages(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "zombie")
    assert (await gateway.call("GET", "/readyz"))[0] == 200
    assert not await has_echo(client)
    assert await (await client.ping()) >= 0
    assert "imchat_gateway_messages_total 0" in (await gateway.call("GET", "/metrics"))[1]


async def test_flaky_answers_and_then_cuts_without_a_close_frame_again_and_again(
    gateway: GatewayProcess,
) -> None:
    await fault(gateway, "flaky")
    for cuts in (1, 2):
        async with connect(f"ws://{gateway.address}:8080/ws", proxy=None) as connection:
            assert await has_echo(connection)
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd is None
        assert (await gateway.call("GET", "/readyz"))[0] == 200
        _, text = await gateway.call("GET", "/metrics")
        assert f"imchat_gateway_errors_total {cuts}\n" in text
        assert f"imchat_gateway_messages_total {cuts}\n" in text


async def test_flaky_leaves_a_client_alone_that_says_nothing(
    gateway: GatewayProcess, client: ClientConnection
) -> None:
    await fault(gateway, "flaky")
    assert await (await client.ping()) >= 0
    await fault(gateway, "none")
    assert await has_echo(client)


@pytest.mark.parametrize("kind", ["flaky", "refuse", "slow", "unready", "zombie"])
async def test_none_ends_a_fault(gateway: GatewayProcess, kind: str) -> None:
    await fault(gateway, kind, seconds=0.1)
    await fault(gateway, "none")
    assert (await gateway.call("GET", "/readyz"))[0] == 200
    async with connect(f"ws://{gateway.address}:8080/ws", proxy=None) as connection:
        assert await has_echo(connection)


async def test_a_fault_of_the_environment_holds_from_the_start() -> None:
    async with running(GATEWAY_FAULT="unready") as gateway:
        assert (await gateway.call("GET", "/readyz"))[0] == 503
    with pytest.raises(RuntimeError, match="did not come up"):
        async with running(GATEWAY_FAULT="crash"):
            pass


async def test_the_fault_file_beats_the_variable_while_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "fault"
    environment = {"GATEWAY_FAULT": "unready", "GATEWAY_FAULT_FILE": str(file)}
    async with running(**environment) as gateway:
        assert (await gateway.call("GET", "/readyz"))[0] == 503
    file.write_text(json.dumps({"kind": "slow", "seconds": 0.3}) + "\n")
    async with running(**environment) as gateway:
        assert (await gateway.call("GET", "/readyz"))[0] == 200
        start = asyncio.get_running_loop().time()
        await gateway.call("GET", "/healthz")
        assert asyncio.get_running_loop().time() - start >= 0.3


async def test_a_process_whose_file_says_crash_crashes_each_time_it_starts(tmp_path: Path) -> None:
    file = tmp_path / "fault"
    file.write_text("crash\n")
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway"),
            env={**os.environ, "GATEWAY_PORT": "0", "GATEWAY_FAULT_FILE": str(file)},
        )
        assert await process.wait() == 1


async def test_a_gateway_that_hangs_from_the_start_lives_and_answers_nothing() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"),
        env={**os.environ, "GATEWAY_PORT": "0", "GATEWAY_FAULT": "hang"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    assert b"listens" in await process.stderr.readline()
    assert b"hangs" in await process.stderr.readline()
    assert process.returncode is None
    process.kill()
    await process.communicate()


async def test_nothing_answers_after_a_crash(gateway: GatewayProcess) -> None:
    await fault(gateway, "crash")
    await gateway.process.wait()
    with pytest.raises(ClientError):
        await gateway.call("GET", "/healthz")
