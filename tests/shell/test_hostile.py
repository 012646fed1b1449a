"""What hostile servers can cost a client: an error in words, within its time and few megabytes."""

import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import aiohttp
import aiohttp.web
import pytest
from kubernetes.aio import client
from tests.core.fleet import spec
from tests.shell.apiserver import ApiServer, Reply, session_with
from tests.shell.hostile import ENDLESS, SENSELESS, SLOW, Raw, serving
from tests.shell.serving import served

from imchat_operator.core.snapshot import Reported
from imchat_operator.models import Metrics
from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.dependencies import Dependencies
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.kube import Api, ApiError
from imchat_operator.shell.prometheus import NoFiguresError, Prometheus

_SECONDS = 0.3
# The largest answers are 4 MiB, of a Prometheus, and 32 MiB, of the API server; decoding takes as
# much again. The bombs would be far beyond.
_MIB = 1 << 20
HASTY = Metrics.model_validate({"timeout": "300ms"})
ALL = {**ENDLESS, **SLOW, **SENSELESS}


def answers(of: dict[str, Raw]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "answer", [pytest.param(answer, id=name) for name, answer in of.items()]
    )


@contextmanager
def costing(mebibytes: int) -> Iterator[None]:
    """See that a block takes a moment, and no more than so much memory at a time."""
    began = time.monotonic()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * _MIB
    assert time.monotonic() - began < 60  # on a slow machine; the attacks last for ever


@answers(ALL)
async def test_a_gateway_costs_its_time_out_and_a_few_megabytes(answer: Raw) -> None:
    async with serving(answer) as port, Gateways() as gateways:
        with costing(mebibytes=8):
            found = await gateways.scrape(Address(host="127.0.0.1", port=port), HASTY)
    assert not isinstance(found.reading, Reported)
    assert found.reading.why
    assert len(found.reading.why) < 300


@answers(ALL)
async def test_a_prometheus_costs_its_time_out_and_a_few_megabytes(answer: Raw) -> None:
    patience = timedelta(seconds=_SECONDS)
    async with serving(answer) as port:
        server = PrometheusServer(name="main", url=f"http://127.0.0.1:{port}")
        async with Prometheus({"main": server}) as prometheus:
            with costing(mebibytes=16), pytest.raises(NoFiguresError) as caught:
                await prometheus.values("main", "up", "chat", within=patience)
    assert len(str(caught.value)) < 300


@answers(ALL)
async def test_a_dependency_costs_its_time_out_and_no_body_is_read(answer: Raw) -> None:
    async with serving(answer) as port:
        service = {"spec": {"clusterIP": "127.0.0.1", "ports": [{"port": port}]}}
        api_server = ApiServer({"GET /api/v1/namespaces/chat/services/x": Reply(body=service)})
        async with session_with(api_server) as api, Prometheus({}) as prometheus:
            within = timedelta(seconds=_SECONDS)
            probes = Dependencies(api, prometheus, "chat", within=within)
            declared = spec(dependencies=[{"name": "x", "http": {"service": "x", "port": port}}])
            with costing(mebibytes=8):
                await probes.states(declared.dependencies, timedelta(seconds=1))


async def _asked(port: int, ask: Callable[[Api], Awaitable[None]]) -> BaseException:
    configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
    configuration.api_key["BearerToken"] = "Bearer canary"
    async with Api.session(configuration) as api:
        with pytest.raises((ApiError, aiohttp.ClientError, TimeoutError)) as caught:
            await ask(api)
    assert "canary" not in repr(caught.value)
    return caught.value


async def _request(api: Api) -> None:
    await api.request("GET", "/it")


async def _watch(api: Api) -> None:
    async for _ in api.watch("/it", {}, aiohttp.ClientTimeout(total=_SECONDS)):
        pass


@answers({**ENDLESS, **SENSELESS})
async def test_an_api_server_costs_some_tens_of_megabytes(answer: Raw) -> None:
    async with serving(answer) as port:
        with costing(mebibytes=80):
            await _asked(port, _request)


@answers(SLOW)
async def test_an_api_server_costs_its_time_out(answer: Raw) -> None:
    async with serving(answer) as port:
        with costing(mebibytes=8):
            await _asked(port, _watch)


async def test_an_api_server_sends_nobody_elsewhere() -> None:
    asked: list[str] = []

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        asked.append(request.path)
        raise aiohttp.web.HTTPFound("/elsewhere")

    async with served(answer) as port:
        error = await _asked(port, _request)
    assert isinstance(error, aiohttp.ClientConnectionError)
    assert str(error) == "answered with a redirect, which is not followed"
    assert asked == ["/it"]


async def test_what_is_no_json_is_refused_without_the_token() -> None:
    async with session_with(ApiServer()) as _, serving(SENSELESS["no HTTP"]) as port:
        error = await _asked(port, _request)
    assert isinstance(error, ApiError)
    assert str(error).startswith("answered with what is no HTTP: ")
    assert error.__cause__ is None
