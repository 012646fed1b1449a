"""Ten thousand values of what a tenant may write: none has the operator talk to anybody else.

Every value goes past the models, straight into the clients, so that each wall holds by itself.
An audit hook of the interpreter sees each connection; tripwires listen beside what may be asked.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.core.fleet import spec
from tests.shell.pods import asked, pod
from tests.shell.serving import served, vector

from imchat_operator.models import (
    Dependency,
    HttpProbe,
    MetricProbe,
    Metrics,
    PodMetrics,
    Signal,
    SignalType,
    TcpProbe,
)
from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.addresses import address_of
from imchat_operator.shell.dependencies import Dependencies
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.kube import Api, ApiError, Resource
from imchat_operator.shell.prometheus import NoFiguresError, Prometheus
from imchat_operator.shell.signals import promql

_VALUES = 10_000
_AT_ONCE = 40
_FRAGMENTS = (
    *("http://", "https://", "//", "\\\\", "@", ":", "/", "..", "/../", "%2e%2e", "%2f", "%00"),
    *(
        "?",
        "#",
        ";",
        "&",
        "=",
        "\r\n",
        "\t",
        "\x00",
        " ",
        "%0d%0a",
        "Host: 127.0.0.3\r\n",
        "{",
        "}",
    ),
    *("127.0.0.3", "localhost", "[::1]", "::1", "0x7f000003", "2130706435", "169.254.169.254"),
    *(
        "metadata.internal",
        "secrets",
        "kube-system",
        "api/v1",
        "scale",
        "metrics",
        "chat",
        "gateway",
    ),
    *("TRIPWIRE", "80", "443", "\uff0f", "\u3002", "\u2025", "\u00e9", '"', "'", "\\"),
    *("file:///etc/passwd", "unix:/run/x", "{{x}}", "$(id)", "a", "-", "_", "1", "a" * 300),
)
_WITHIN = timedelta(seconds=20)
_watched: list[set[tuple[Any, ...]]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event == "socket.connect":
        _watched[-1].add(arguments[1])


@contextmanager
def connections() -> Iterator[set[tuple[Any, ...]]]:
    """Yield where sockets were connected to."""
    if not _watched:
        sys.addaudithook(_hook)  # for good: there is no way to remove one
    _watched.append(set())
    try:
        yield _watched[-1]
    finally:
        _watched.append(set())


@dataclass(slots=True)
class World:
    """Who may be asked, beside those who may not.

    Attributes:
        may: the addresses that may be connected to.
        tripped: connections to tripwires.
        paths: what the API server was asked for, undecoded.
        hits: requests that got through, by who answered.
    """

    api: Api
    gateways: Gateways
    prometheus: Prometheus
    port: int
    service_port: int
    tripwire: int
    may: set[tuple[str, int]]
    tripped: list[str]
    paths: list[str]
    hits: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    tripped: list[str] = []
    paths: list[str] = []
    hits: Counter[str] = Counter()
    ports: dict[str, int] = {}

    def counted(name: str, body: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(_: web.Request) -> web.StreamResponse:
            hits[name] += 1
            return web.json_response(body)

        return answer

    async def api_server(request: web.Request) -> web.StreamResponse:
        hits["api server"] += 1
        paths.append(request.raw_path)
        listed = {"resources": [{"name": "deployments", "kind": "Deployment"}]}
        address = {"clusterIP": "127.0.0.4", "ports": [{"port": ports["service"]}]}
        return web.json_response({**listed, "spec": address})

    async def trip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tripped.append(repr(await reader.read(200)))
        writer.close()

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        ports["gateway"] = await enter(served(counted("gateway", {}), host="127.0.0.2"))
        ports["service"] = await enter(served(counted("service", {}), host="127.0.0.4"))
        ports["prometheus"] = await enter(served(counted("prometheus", vector())))
        ports["api"] = await enter(served(api_server))
        server = await asyncio.start_server(trip, ["127.0.0.3", "127.0.0.1"], 0)
        await enter(server)
        for listening in server.sockets:
            ports["tripwire"] = listening.getsockname()[1]
        configuration = client.Configuration(host=f"http://127.0.0.1:{ports['api']}")
        url = f"http://127.0.0.1:{ports['prometheus']}"
        yield World(
            api=await enter(Api.session(configuration)),
            gateways=await enter(Gateways()),
            prometheus=await enter(Prometheus({"main": PrometheusServer(name="main", url=url)})),
            port=ports["gateway"],
            service_port=ports["service"],
            tripwire=ports["tripwire"],
            may={
                ("127.0.0.2", ports["gateway"]),
                ("127.0.0.4", ports["service"]),
                ("127.0.0.1", ports["prometheus"]),
                ("127.0.0.1", ports["api"]),
            },
            tripped=tripped,
            paths=paths,
            hits=hits,
        )


def values(chance: random.Random, tripwire: int) -> Iterator[str]:
    """Yield texts that look like addresses, paths and names, and like several at a time."""
    for _ in range(_VALUES):
        parts = chance.choices(_FRAGMENTS, k=chance.randint(1, 8))
        lead = chance.choice(("", "", "/", "/metrics"))
        yield lead + "".join(parts).replace("TRIPWIRE", f"127.0.0.3:{tripwire}")


OWN = ip_network("127.0.0.2/32")


async def scrape(w: World, text: str, _: int, port: int) -> None:
    """Put a text where the path and the names of metrics are, and any port or 0 for its own."""
    found = pod("a", address="127.0.0.2", ports=(w.port,))
    pods = PodMetrics.model_construct(path=text, connections=text, max_connections=text)
    metrics = Metrics.model_construct(pods=pods, timeout=_WITHIN)
    await w.gateways.scrape(address_of(found, port or w.port, (OWN,)), metrics, {text})


async def move(w: World, text: str, _: int, __: int) -> None:
    """Put a text where a pod's address is."""
    found = pod("a", address=text, ports=(w.port,))
    await w.gateways.scrape(address_of(found, w.port, (OWN,)), Metrics(timeout=_WITHIN))


async def probe(w: World, text: str, number: int, port: int) -> None:
    """Put a text where a Service's name and path are, and where a metric source is."""
    port = port or w.service_port
    probes = (
        {"http": HttpProbe.model_construct(service=text, port=w.service_port, path=text)},
        {"http": HttpProbe.model_construct(service="x", port=port, path=text)},
        {"tcp": TcpProbe.model_construct(service=text, port=port)},
        {"metric": MetricProbe.model_construct(source=text, query=text)},
        {"metric": MetricProbe.model_construct(source="main", query=text)},
    )
    chosen = Dependency.model_construct(name=text, **probes[number % len(probes)])
    probes_of = Dependencies(w.api, w.prometheus, "chat", within=_WITHIN)
    await probes_of.states((chosen,), timedelta())


async def query(w: World, text: str, _: int, __: int) -> None:
    """Put a text where a query and the metrics that make one are."""
    question = asked("Prometheus", {"type": "Connections"})
    pods = PodMetrics.model_construct(path=text, connections=text, max_connections=text)
    metrics = question.spec.metrics.model_copy(update={"pods": pods})
    question = replace(question, spec=question.spec.model_copy(update={"metrics": metrics}))
    own = Signal.model_construct(type=SignalType.QUERY, query=text, capacity="1")
    for signal in (own, question.spec.scaling.signals[0]):
        with suppress(NoFiguresError):
            await w.prometheus.by_pod(
                "main", promql(question, signal), "chat", within=_WITHIN, lookback=_WITHIN
            )


async def refer(w: World, text: str, number: int, _: int) -> None:
    """Put a text where the target's group, kind, name and selector are."""
    deployments = Resource(group="apps", version="v1", plural="deployments")
    try:
        match number % 3:
            case 0:
                await w.api.resource(text, "Deployment")
            case 1:
                await w.api.request("GET", deployments.path("chat", text, "scale"))
            case _:
                path = Resource(group="", version="v1", plural="pods").path("chat")
                await w.api.request("GET", path, query={"labelSelector": text})
    except (ApiError, ValueError):
        pass


async def test_no_value_of_ten_thousand_leads_elsewhere() -> None:
    chance = random.Random(7)  # noqa: S311 -- the same values each time
    kinds = (scrape, move, probe, query, refer)
    slots = asyncio.Semaphore(_AT_ONCE)
    with connections() as reached:
        async with world() as w:

            async def tried(number: int, text: str) -> None:
                port = chance.choice((0, 0, 1 + number, w.tripwire))
                async with slots:
                    await kinds[number % len(kinds)](w, text, number // len(kinds), port)

            await asyncio.gather(*(tried(*pair) for pair in enumerate(values(chance, w.tripwire))))
    assert w.tripped == []
    assert {found[:2] for found in reached} == w.may
    # Without this, a fault of the test's own would prove everything.
    assert w.hits["gateway"] > 500, w.hits
    assert w.hits["prometheus"] > 1000, w.hits
    assert w.hits["service"] > 100, w.hits
    assert w.hits["api server"] > 1000, w.hits
    assert [path for path in w.paths if not is_within_its_own(path)] == []


def is_within_its_own(raw: str) -> bool:
    """Whether a path of the API, as it was sent, asks for discovery or what is in the namespace."""
    path, _, _ = raw.partition("?")
    segments = path.split("/")[1:]
    if {"", ".", ".."} & set(segments):
        return False
    match segments:
        case ["apis", _, _] | ["api", _]:
            return True
        case ["api", "v1", "namespaces", "chat", "services", _]:
            return True
        case ["api", "v1", "namespaces", "chat", "pods"]:
            return True
        case ["apis", "apps", "v1", "namespaces", "chat", "deployments", _, "scale"]:
            return True
        case _:
            return False


@pytest.mark.parametrize(
    ("field", "path"),
    [
        pytest.param(text, path, id=f"{path}: {text!r}")
        for path, texts in (
            ("targetRef.name", ("../x", "x/../y", "x?y", "X", "", "..", "x\n")),
            ("targetRef.kind", ("../x", "Pod/x", "", "a.b")),
            ("targetRef.apiVersion", ("apps/v1/../../api/v1", "../v1", "http://x", "", "apps//v1")),
            ("metrics.pods.path", ("metrics", "@127.0.0.3/", "http://127.0.0.3/", "")),
            ("metrics.pods.connections", ("", "a b", "a{", 'up{x="y"} or z')),
            ("metrics.pods.maxConnections", ("", "a b", "a{")),
        )
        for text in texts
    ],
)
def test_the_models_refuse_what_would_lead_elsewhere_before_that(field: str, path: str) -> None:
    *outer, last = path.split(".")
    made: dict[str, Any] = {last: field}
    if path.startswith("targetRef") and last != "name":
        made["name"] = "gateway"
    for name in reversed(outer):
        made = {name: made}
    with pytest.raises(ValueError, match=last):
        spec(**made)
