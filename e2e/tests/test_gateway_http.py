"""The HTTP half of the gateway's contract, against real gateway processes."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.process import GatewayProcess, eventually, running


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayProcess]:
    async with running(GATEWAY_MAX_CONNECTIONS="2") as process:
        yield process


def connection(gateway: GatewayProcess) -> connect:
    return connect(f"ws://{gateway.address}:8080/ws", proxy=None, compression=None)


async def samples(gateway: GatewayProcess) -> dict[str, float]:
    _, text = await gateway.call("GET", "/metrics")
    return {
        "".join(
            [sample.name.removeprefix("imchat_gateway_"), *sample.labels.values()]
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_message_comes_back_unchanged_and_is_counted(gateway: GatewayProcess) -> None:
    async with connection(gateway) as client:
        for text in ("hello", "", "ünïcode ☃", "x" * 60_000):
            await client.send(text)
            assert await client.recv() == text
        figures = await samples(gateway)
        assert {name: figures[name] for name in figures if not name.startswith("process_")} == {
            "connections": 1,
            "connections_max": 2,
            "messages_total": 4,
            "connections_accepted_total": 1,
            "connections_closed_totalclient": 0,
            "connections_closed_totaldrain": 0,
            "connections_closed_totalshutdown": 0,
            "connections_closed_totalerror": 0,
            "errors_total": 0,
            "draining": 0,
        }


def seen_by_the_kernel(pid: int) -> tuple[float, int]:
    """CPU seconds and resident bytes of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


async def test_cpu_time_and_memory_are_those_of_the_process(gateway: GatewayProcess) -> None:
    before = await samples(gateway)
    async with connection(gateway) as client:
        for _ in range(300):
            await client.send("x" * 60_000)
            await client.recv()
    after = await samples(gateway)
    used = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
    cpu_seconds, resident_bytes = seen_by_the_kernel(gateway.process.pid)
    assert used > 0.01
    assert after["process_cpu_seconds_total"] == pytest.approx(cpu_seconds, abs=0.1)
    assert after["process_resident_memory_bytes"] == pytest.approx(resident_bytes, rel=0.05)


@pytest.fixture
def few_files() -> Iterator[int]:
    """A soft limit of open files as many systems have it; the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_it_may_open_a_file_for_each_client(few_files: int) -> None:
    async with running() as gateway:
        limits = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
        assert limits == (few_files, few_files)


async def test_only_client_sessions_count_as_connections(gateway: GatewayProcess) -> None:
    reader, writer = await asyncio.open_connection(gateway.address, 8080)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")  # and it stays open
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert (await samples(gateway))["connections"] == 0
    writer.close()


async def test_one_above_the_maximum_is_told_to_come_back_later(gateway: GatewayProcess) -> None:
    async with connection(gateway), connection(gateway):
        with pytest.raises(InvalidStatus) as refused:
            await connection(gateway)
        assert refused.value.response.status_code == 503
        assert float(refused.value.response.headers["Retry-After"]) >= 0
        assert (await samples(gateway))["connections"] == 2


async def test_who_ended_a_session_is_counted(gateway: GatewayProcess) -> None:
    async with connection(gateway):
        pass
    broken = await connection(gateway)
    broken.transport.abort()

    async def both_are_gone() -> bool:
        return (await samples(gateway))["connections"] == 0

    await eventually(both_are_gone)
    counts = await samples(gateway)
    assert counts["connections_closed_totalclient"] == 1
    assert counts["connections_closed_totalerror"] == counts["errors_total"] == 1


async def test_it_is_healthy_and_ready_and_serving_from_the_start(gateway: GatewayProcess) -> None:
    assert (await gateway.call("GET", "/healthz"))[0] == 200
    assert (await gateway.call("GET", "/readyz"))[0] == 200
    status, text = await gateway.call("GET", "/drain")
    assert (status, json.loads(text)) == (
        200,
        {
            "state": "Serving",
            "connections": 0,
            "closed": 0,
            "connectionsPerSecond": None,
            "keepConnections": None,
            "deadline": None,
        },
    )


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        pytest.param("/drain", {"deadlineSeconds": 9}, "connectionsPerSecond", id="no pace"),
        pytest.param("/drain", {"connectionsPerSecond": 9}, "deadlineSeconds", id="no deadline"),
        pytest.param(
            "/drain",
            {"deadlineSeconds": 9, "connectionsPerSecond": 0},
            "connectionsPerSecond",
            id="a pace of nothing",
        ),
        pytest.param(
            "/drain",
            {"deadlineSeconds": 1e300, "connectionsPerSecond": 1},
            "deadlineSeconds",
            id="a deadline beyond the calendar",
        ),
        pytest.param(
            "/drain",
            {"deadlineSeconds": -1, "connectionsPerSecond": 1},
            "deadlineSeconds",
            id="a deadline before the start",
        ),
        pytest.param(
            "/drain",
            {"deadlineSeconds": True, "connectionsPerSecond": 1},
            "deadlineSeconds",
            id="a truth value for a number",
        ),
        pytest.param(
            "/drain",
            {"deadlineSeconds": 9, "connectionsPerSecond": 1, "keepConnections": -1},
            "keepConnections",
            id="fewer than none to keep",
        ),
        pytest.param(
            "/drain",
            {"deadlineSeconds": 9, "connectionsPerSecond": 1, "keepConnections": 1.5},
            "keepConnections",
            id="half a connection to keep",
        ),
        pytest.param(
            "/drain",
            {"deadlineSeconds": 9, "connectionsPerSecond": 1, "keepConnections": True},
            "keepConnections",
            id="a truth value for a whole number",
        ),
        pytest.param("/fault", {"kind": "hiccup"}, "kind", id="an unknown fault"),
        pytest.param("/fault", {"kind": "slow", "seconds": "1"}, "seconds", id="text for seconds"),
    ],
)
async def test_a_bad_body_is_refused_with_the_fields_name(
    gateway: GatewayProcess, path: str, body: dict[str, object], named: str
) -> None:
    status, text = await gateway.call("POST", path, body)
    assert status == 400
    assert named in json.loads(text)["error"]
    assert json.loads((await gateway.call("GET", "/drain"))[1])["state"] == "Serving"


async def test_a_body_that_is_no_json_is_refused(gateway: GatewayProcess) -> None:
    reader, writer = await asyncio.open_connection(gateway.address, 8080)
    writer.write(b"POST /drain HTTP/1.0\r\nContent-Length: 3\r\n\r\nnow")
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.0 400")
    assert "JSON object" in answer


async def test_sigterm_closes_the_clients_with_a_frame_and_ends_with_status_0(
    gateway: GatewayProcess,
) -> None:
    async with connection(gateway) as one, connection(gateway) as other:
        gateway.process.send_signal(signal.SIGTERM)
        for client in (one, other):
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            assert closed.value.rcvd.reason.startswith("retry-after=")
    assert await gateway.process.wait() == 0


async def test_sigterm_ends_a_gateway_within_its_grace_period_however_rude_the_client() -> None:
    async with running(GATEWAY_GRACE_SECONDS="1") as gateway:
        reader, writer = await asyncio.open_connection(gateway.address, 8080)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        gateway.process.send_signal(signal.SIGTERM)
        assert (await reader.readexactly(2))[0] == 0x88, "a close frame comes, and no answer to it"
        async with asyncio.timeout(10):
            assert await gateway.process.wait() == 0
        writer.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("GATEWAY_PORT", "http", id="a port that is no number"),
        pytest.param("GATEWAY_MAX_CONNECTIONS", "-1", id="a negative maximum"),
        pytest.param("GATEWAY_GRACE_SECONDS", "soon", id="a grace period that is no number"),
        pytest.param("GATEWAY_FAULT", "hiccup", id="an unknown fault"),
    ],
)
async def test_a_bad_variable_is_named_in_one_sentence(variable: str, value: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"),
        env={**os.environ, variable: value},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert variable in errors.decode()
    assert len(errors.decode().splitlines()) == 1


async def test_an_address_that_is_taken_is_said_in_one_line(gateway: GatewayProcess) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"),
        env={**os.environ, "POD_IP": gateway.address},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "cannot listen" in errors.decode()
    assert "Traceback" not in errors.decode()
