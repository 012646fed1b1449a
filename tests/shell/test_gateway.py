"""The client of gateways against a real HTTP server on loopback that answers as told."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from imchat_operator.core.decision import StartDrain
from imchat_operator.core.snapshot import Reported, Silent, Unreadable
from imchat_operator.models import Metrics
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import Gateways, RefusedError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
METRICS = Metrics.model_validate({"timeout": "30s"})
HASTY = Metrics.model_validate({"timeout": "50ms"})


@dataclass(slots=True, kw_only=True)
class Server:
    """A gateway of one answer for everything, which remembers what it was asked."""

    address: Address
    answer: Answer
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember a request and answer it."""
        text = await request.text()
        self.asked.append((request.method, request.path, json.loads(text) if text else None))
        return await self.answer(request)


def text(content: str, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=content, status=status)

    return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    serving = Server(address=Address(host="127.0.0.1", port=0), answer=text("{}"))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", serving.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    serving.address = Address(host="127.0.0.1", port=runner.addresses[0][1])
    yield serving
    await runner.cleanup()


@pytest.fixture
async def gateways() -> AsyncIterator[Gateways]:
    async with Gateways() as client:
        yield client


FIGURES = """\
# HELP imchat_gateway_connections Client sessions.
# TYPE imchat_gateway_connections gauge
imchat_gateway_connections 12
# TYPE imchat_gateway_connections_max gauge
imchat_gateway_connections_max 1000
# TYPE imchat_gateway_messages counter
imchat_gateway_messages_total 99
"""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(FIGURES, Reported(connections=12, capacity=1000), id="its figures"),
        pytest.param(
            FIGURES + "imchat_gateway_draining 1\n",
            Reported(connections=12, capacity=1000, draining=True),
            id="that it is draining",
        ),
        pytest.param(
            FIGURES + "imchat_gateway_draining 0\n",
            Reported(connections=12, capacity=1000),
            id="that it is not",
        ),
        pytest.param(
            'imchat_gateway_connections{listener="a"} 3\n'
            'imchat_gateway_connections{listener="b"} 4\n'
            "imchat_gateway_connections_max 1e3\n",
            Reported(connections=7, capacity=1000),
            id="the sum over its labels",
        ),
        pytest.param(
            "imchat_gateway_connections_max 1000\n",
            Unreadable(why="its metrics lack imchat_gateway_connections"),
            id="no connections is not 0 connections",
        ),
        pytest.param(
            "imchat_gateway_connections 3\n",
            Unreadable(why="its metrics lack imchat_gateway_connections_max"),
            id="no maximum",
        ),
        pytest.param(
            "", Unreadable(why="its metrics lack imchat_gateway_connections"), id="nothing"
        ),
        pytest.param(
            "imchat_gateway_connections NaN\nimchat_gateway_connections_max 1000\n",
            Unreadable(why="its metrics can't be read: cannot convert float NaN to integer"),
            id="no number",
        ),
        pytest.param(
            "imchat_gateway_connections +Inf\nimchat_gateway_connections_max 1000\n",
            Unreadable(why="its metrics can't be read: cannot convert float infinity to integer"),
            id="infinity",
        ),
        pytest.param(
            "imchat_gateway_connections -1\nimchat_gateway_connections_max 1000\n",
            Unreadable(why="its metrics say -1 of 1000 connections"),
            id="fewer than none",
        ),
    ],
)
async def test_a_gateway_reports(
    server: Server, gateways: Gateways, content: str, expected: Reported | Unreadable
) -> None:
    server.answer = text(content)
    assert (await gateways.scrape(server.address, METRICS)).reading == expected
    assert server.asked == [("GET", "/metrics", None)]


async def test_what_is_no_prometheus_text_is_unreadable(server: Server, gateways: Gateways) -> None:
    server.answer = text("<html>not here</html>")
    found = (await gateways.scrape(server.address, METRICS)).reading
    assert isinstance(found, Unreadable)
    assert found.why == "its metrics lack imchat_gateway_connections"


async def test_path_and_names_are_those_of_the_spec(server: Server, gateways: Gateways) -> None:
    server.answer = text("clients 5\nroom 50\n")
    metrics = Metrics.model_validate(
        {"pods": {"path": "/stats?all", "connections": "clients", "maxConnections": "room"}}
    )
    assert (await gateways.scrape(server.address, metrics)).reading == Reported(
        connections=5, capacity=50
    )
    assert server.asked == [("GET", "/stats", None)]


async def test_another_status_than_200_is_silence(server: Server, gateways: Gateways) -> None:
    server.answer = text(FIGURES, status=503)
    assert (await gateways.scrape(server.address, METRICS)).reading == Unreadable(
        why="answered HTTP 503"
    )


async def test_a_redirect_is_not_followed(server: Server, gateways: Gateways) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/elsewhere")

    server.answer = elsewhere
    assert (await gateways.scrape(server.address, METRICS)).reading == Unreadable(
        why="answered HTTP 302"
    )
    assert server.asked == [("GET", "/metrics", None)]


async def test_no_answer_costs_its_time_out(server: Server, gateways: Gateways) -> None:
    released = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    server.answer = never
    assert (await gateways.scrape(server.address, HASTY)).reading == Silent(
        why="no answer within 0.05s"
    )
    released.set()


async def test_an_answer_without_end_costs_its_limit(server: Server, gateways: Gateways) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"#" * (1 << 16))

    server.answer = endless
    found = (await gateways.scrape(server.address, METRICS)).reading
    assert found == Unreadable(why="answered with more than 1048576 bytes")


async def test_an_answer_that_breaks_off_is_silence(server: Server, gateways: Gateways) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"imchat")
        assert request.transport is not None
        request.transport.close()
        return response

    server.answer = broken
    assert (await gateways.scrape(server.address, METRICS)).reading == Silent(
        why="broke off: ClientPayloadError"
    )


async def test_nobody_there_is_silence(gateways: Gateways) -> None:
    with socket.socket() as taken:  # and not listening
        taken.bind(("127.0.0.1", 0))
        address = Address(host="127.0.0.1", port=taken.getsockname()[1])
        found = (await gateways.scrape(address, METRICS)).reading
    assert isinstance(found, Silent)
    assert found.why.startswith("can't be connected to: ")


async def test_a_gateway_is_told_to_drain_at_a_pace(server: Server, gateways: Gateways) -> None:
    action = StartDrain(
        pod="a", uid="uid-a", connections_per_second=50, deadline=timedelta(minutes=10)
    )
    await gateways.start_drain(server.address, action)
    body = {"connectionsPerSecond": 50, "deadlineSeconds": 600.0}
    assert server.asked == [("POST", "/drain", body)]


async def test_a_gateway_is_told_to_take_connections_again(
    server: Server, gateways: Gateways
) -> None:
    await gateways.cancel_drain(server.address)
    assert server.asked == [("DELETE", "/drain", None)]


async def test_a_gateway_that_does_not_agree_refuses(server: Server, gateways: Gateways) -> None:
    server.answer = text("no such thing", status=404)
    with pytest.raises(RefusedError, match=r"^answered HTTP 404$"):
        await gateways.cancel_drain(server.address)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8080/drain", id="IPv4"),
        pytest.param("::1", "http://[::1]:8080/drain", id="IPv6 is bracketed"),
    ],
)
def test_an_address_becomes_a_url(host: str, url: str) -> None:
    assert Address(host=host, port=8080).url("/drain") == url


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("imchat_gateway_connections 1\n" * 30_000, id="very many values"),
        pytest.param(
            'imchat_gateway_connections{a="' + '\\"' * 200_000 + '"} 1\n', id="a label without end"
        ),
    ],
)
async def test_figures_that_would_take_long_to_read_are_not_read(
    server: Server, gateways: Gateways, content: str
) -> None:
    server.answer = text(content)
    assert (await gateways.scrape(server.address, METRICS)).reading == Unreadable(
        why="its metrics have more than 16384 bytes of these names"
    )


async def test_names_that_begin_alike_cost_nothing(server: Server, gateways: Gateways) -> None:
    more = "".join(f"imchat_gateway_connections_{n} 1\n" for n in range(20_000))
    server.answer = text(more + FIGURES)
    assert (await gateways.scrape(server.address, METRICS)).reading == Reported(
        connections=12, capacity=1000
    )


async def test_a_refused_address_is_sent_nothing(server: Server, gateways: Gateways) -> None:
    refused = replace(server.address, refused="not asked: it is the metadata service's")
    assert (await gateways.scrape(refused, METRICS)).reading == Unreadable(why=refused.refused)
    with pytest.raises(RefusedError, match="metadata service"):
        await gateways.cancel_drain(refused)
    assert server.asked == []


class Crowd:
    """Counts who waits for an answer at the same time, and answers some way."""

    def __init__(self, hangs: str = "") -> None:
        self._hangs = hangs
        self._now = 0
        self.most = 0
        self.hanging = asyncio.Semaphore(0)
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer soon, or never."""
        self._now += 1
        self.most = max(self.most, self._now)
        if request.path == self._hangs:
            self.hanging.release()
            await self.released.wait()
        await asyncio.sleep(0.02)
        self._now -= 1
        return web.Response(text=FIGURES)


async def test_many_are_asked_some_at_a_time(server: Server, gateways: Gateways) -> None:
    crowd = Crowd()
    server.answer = crowd.answer
    patient = Metrics.model_validate({"timeout": "30s"})
    scrapes = await asyncio.gather(*(gateways.scrape(server.address, patient) for _ in range(600)))
    assert all(isinstance(s.reading, Reported) for s in scrapes)
    # 64, and more where this process is so busy that a place is taken for one that hangs.
    assert 1 < crowd.most < 200


async def test_those_that_hang_hold_up_others_for_a_moment_only(
    server: Server, gateways: Gateways
) -> None:
    crowd = Crowd(hangs="/hangs")
    server.answer = crowd.answer
    hung = Metrics.model_validate({"timeout": "30s", "pods": {"path": "/hangs"}})
    tasks = [asyncio.create_task(gateways.scrape(server.address, hung)) for _ in range(100)]
    async with asyncio.timeout(20):
        for _ in tasks:
            await crowd.hanging.acquire()
        scrape = await gateways.scrape(server.address, METRICS)
        crowd.released.set()
        await asyncio.gather(*tasks)
    assert isinstance(scrape.reading, Reported)
