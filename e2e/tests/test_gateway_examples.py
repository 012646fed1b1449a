"""The gateways of docs/examples, which people copy: the first also passes every test of drains."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.process import EXAMPLE, PRESTOP_EXAMPLE, GatewayProcess, eventually, running
from gateway.workbench import HANDSHAKE, clients, closing, is_served
from imchat_operator.models import ImChatClusterSpec

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
async def example() -> AsyncIterator[GatewayProcess]:
    async with running(program=EXAMPLE, GATEWAY_MAX_CONNECTIONS="3") as process:
        yield process


@pytest.fixture
async def prestop() -> AsyncIterator[GatewayProcess]:
    async with running(program=PRESTOP_EXAMPLE) as process:
        yield process


async def figures(gateway: GatewayProcess) -> dict[str, float]:
    _, text = await gateway.call("GET", "/metrics")
    samples = (s for f in text_string_to_metric_families(text) for s in f.samples)
    return {"".join([s.name, *s.labels.values()]): s.value for s in samples}


async def test_the_example_tells_what_the_operator_reads(example: GatewayProcess) -> None:
    async with clients(example, 2):
        (await connect(f"ws://{example.address}:8080/ws", proxy=None)).transport.abort()

        async def is_gone() -> bool:
            return (await figures(example))["imchat_gateway_errors_total"] == 1

        await eventually(is_gone)
        assert await figures(example) == {
            "imchat_gateway_connections": 2,
            "imchat_gateway_connections_max": 3,
            "imchat_gateway_messages_total": 0,
            "imchat_gateway_connections_accepted_total": 3,
            "imchat_gateway_connections_closed_totalclient": 0,
            "imchat_gateway_connections_closed_totaldrain": 0,
            "imchat_gateway_connections_closed_totalshutdown": 0,
            "imchat_gateway_connections_closed_totalerror": 1,
            "imchat_gateway_errors_total": 1,
            "imchat_gateway_draining": 0,
        }


async def test_the_example_refuses_one_client_too_many(example: GatewayProcess) -> None:
    async with clients(example, 3):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{example.address}:8080/ws", proxy=None)
        assert refused.value.response.status_code == 503
        assert "Retry-After" in refused.value.response.headers


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param({"deadlineSeconds": 9}, "connectionsPerSecond", id="no pace"),
        pytest.param({"connectionsPerSecond": 9}, "deadlineSeconds", id="no deadline"),
        pytest.param(
            {"deadlineSeconds": True, "connectionsPerSecond": 1},
            "deadlineSeconds",
            id="a truth value",
        ),
        pytest.param(
            {"deadlineSeconds": 9, "connectionsPerSecond": 1, "keepConnections": 1.5},
            "keepConnections",
            id="half a connection",
        ),
    ],
)
async def test_the_example_refuses_an_order_that_it_does_not_understand(
    example: GatewayProcess, body: dict[str, Any], named: str
) -> None:
    status, text = await example.call("POST", "/drain", body)
    assert status == 400
    assert named in json.loads(text)["error"]
    assert json.loads((await example.call("GET", "/drain"))[1])["state"] == "Serving"


async def test_sigterm_has_the_examples_clients_leave_politely(example: GatewayProcess) -> None:
    async with clients(example, 3) as connections:
        example.process.send_signal(signal.SIGTERM)
        ends = await asyncio.gather(*map(closing, connections))
    assert [frame.code for _, frame in ends if frame] == [1001] * 3
    assert await example.process.wait() == 0


async def test_the_prestop_hook_answers_once_all_clients_were_sent_on(
    prestop: GatewayProcess,
) -> None:
    async with clients(prestop, 20) as connections:
        assert await is_served(connections[0])
        reader, silent = await asyncio.open_connection(prestop.address, 8080)
        silent.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        cut = asyncio.create_task(moment_of(reader.read()))
        left = asyncio.create_task(moment_of(prestop.call("GET", "/leave")))
        await eventually(lambda: is_unready(prestop))
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{prestop.address}:8080/ws", proxy=None)
        ends = await asyncio.gather(*map(closing, connections))
        assert await left > await cut - 0.5, "it waits for one that does not answer, too"
        silent.close()
    times = sorted(moment for moment, _ in ends)
    assert times[-1] - times[0] > 19 / 50 * 0.9, "at the pace, not all at once"
    frames = [frame for _, frame in ends if frame]
    assert [frame.code for frame in frames] == [1012] * 20
    assert all(re.fullmatch(r"retry-after=[012]\.\d", frame.reason) for frame in frames)
    prestop.process.send_signal(signal.SIGTERM)
    assert await prestop.process.wait() == 0


async def moment_of(awaited: Awaitable[object]) -> float:
    await awaited
    return time.monotonic()


async def is_unready(gateway: GatewayProcess) -> bool:
    return (await gateway.call("GET", "/readyz"))[0] == 503


async def test_a_prestop_hook_without_clients_answers_too(prestop: GatewayProcess) -> None:
    assert (await prestop.call("GET", "/leave"))[0] == 200


@pytest.mark.parametrize("name", ["gateway.yaml", "prestop.yaml"])
def test_the_manifests_name_the_routes_that_there_are(name: str) -> None:
    deployment, other = yaml.safe_load_all((DOCS / "examples" / name).read_text())
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    source = (DOCS / "examples" / Path(container["command"][1]).name).read_text()
    checks = [container[k] for k in ("readinessProbe", "livenessProbe") if k in container]
    checks += container.get("lifecycle", {}).values()
    assert all(f'web.get("{check["httpGet"]["path"]}"' in source for check in checks)
    if other["kind"] == "ImChatCluster":
        ImChatClusterSpec.model_validate(other["spec"])
