"""Signals of a named Prometheus: which queries are sent, and what their answers come to."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.shell.pods import asked, pod
from tests.shell.serving import served, vector

from imchat_operator.core.snapshot import Measured, Measurement, Unmeasured
from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.kube import Api
from imchat_operator.shell.objects import Resources
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.signals import Asked, Signals, promql

_OURS = 'namespace="chat", pod=~"a|b"'
_HELD = f"sum by (pod) (imchat_gateway_connections{{{_OURS}}})"
_MOST = f"max by (pod) (imchat_gateway_connections_max{{{_OURS}}})"
CONNECTIONS = {"type": "Connections"}
CPU = {"type": "CPU"}
MEMORY = {"type": "Memory"}
CPU_OF_LIMITS = {"type": "CPU", "of": "Limits"}
NETWORK = {"type": "Network", "capacity": "125M"}
LAG = {"type": "Query", "name": "lag", "query": "max by (pod) (lag)", "capacity": "1500m"}


@pytest.mark.parametrize(
    ("signal", "query"),
    [
        pytest.param(CONNECTIONS, _HELD, id="connections, by the gateways' own metric"),
        pytest.param(
            CPU,
            f'sum by (pod) (rate(container_cpu_usage_seconds_total{{{_OURS}, container!=""}}[2m]))',
            id="processor time of containers, without the sum over them",
        ),
        pytest.param(
            MEMORY,
            f'sum by (pod) (container_memory_working_set_bytes{{{_OURS}, container!=""}})',
            id="memory that can't be reclaimed",
        ),
        pytest.param(
            NETWORK,
            f"sum by (pod) (rate(container_network_receive_bytes_total{{{_OURS}}}[2m])) + "
            f"sum by (pod) (rate(container_network_transmit_bytes_total{{{_OURS}}}[2m]))",
            id="bytes in both directions",
        ),
        pytest.param(LAG, "max by (pod) (lag)", id="a query of one's own"),
        pytest.param({**CPU, "query": "sum by (pod) (busy)"}, "sum by (pod) (busy)", id="instead"),
    ],
)
def test_each_type_has_its_usual_query(signal: dict[str, Any], query: str) -> None:
    question = asked("Prometheus", signal)
    assert promql(question, question.spec.scaling.signals[0]) == query


def test_a_name_with_dots_names_one_pod_only() -> None:
    question = asked("Prometheus", CONNECTIONS, gateways=(pod("chat.v1-0"), pod("b")))
    query = promql(question, question.spec.scaling.signals[0])
    assert 'pod=~"chat[.]v1-0|b"' in query


def test_connections_are_asked_for_by_the_name_in_the_spec() -> None:
    question = asked("Prometheus", CONNECTIONS, gateways=(pod("a"),), pods={"connections": "n"})
    query = promql(question, question.spec.scaling.signals[0])
    assert query == 'sum by (pod) (n{namespace="chat", pod=~"a"})'


@dataclass(slots=True)
class Server:
    """A Prometheus that knows some queries; of any other it has no series."""

    answers: Mapping[str, dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember a query and answer it."""
        query = str((await request.post())["query"])
        self.asked.append(query)
        return web.json_response(self.answers.get(query, vector()))


@asynccontextmanager
async def signals_of(server: Server) -> AsyncIterator[Signals]:
    configuration = client.Configuration(host="http://127.0.0.1:9")
    async with served(server.handle) as port:
        named = {"main": PrometheusServer(name="main", url=f"http://127.0.0.1:{port}")}
        async with Api.session(configuration) as api, Prometheus(named) as prometheus:
            yield Signals(api, prometheus)


async def measured(question: Asked, server: Server) -> tuple[Measurement, ...]:
    async with signals_of(server) as signals:
        return await signals.measured(question, {}, {})


def figures(found: Measurement) -> dict[str, tuple[float, float]]:
    """Return values and capacities by uid."""
    assert isinstance(found, Measured), found
    return {f.uid: (f.value, f.capacity) for f in found.figures}


def default(signal: dict[str, Any], *values: tuple[str, str]) -> Server:
    """Return a Prometheus that answers a signal's usual query."""
    question = asked("Prometheus", signal)
    return Server({promql(question, question.spec.scaling.signals[0]): vector(*values)})


async def test_what_a_gateway_can_hold_is_asked_for_too() -> None:
    server = Server(
        {_HELD: vector(("a", "300"), ("b", "400")), _MOST: vector(("a", "1000"), ("b", "2000"))}
    )
    (found,) = await measured(asked("Prometheus", CONNECTIONS), server)
    assert figures(found) == {"uid-a": (300, 1000), "uid-b": (400, 2000)}
    assert (found.signal, isinstance(found, Measured) and found.unit) == ("connections",) * 2
    assert sorted(server.asked) == sorted([_HELD, _MOST])


async def test_a_capacity_of_the_spec_is_not_asked_for() -> None:
    server = Server({_HELD: vector(("a", "300"), ("b", "400"))})
    (found,) = await measured(asked("Prometheus", {**CONNECTIONS, "capacity": "5k"}), server)
    assert figures(found) == {"uid-a": (300, 5000), "uid-b": (400, 5000)}
    assert server.asked == [_HELD]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        pytest.param(
            vector(("a", "1000")), {"uid-a": (300, 1000)}, id="of some: the others are missing"
        ),
        pytest.param(
            vector(),
            Unmeasured(
                signal="connections",
                why="the source tells no maximum of connections: set capacity",
            ),
            id="of none: it is said",
        ),
    ],
)
async def test_connections_without_a_maximum_are_not_measured(
    most: dict[str, Any], expected: Unmeasured | dict[str, tuple[float, float]]
) -> None:
    server = Server({_HELD: vector(("a", "300"), ("b", "400")), _MOST: most})
    (found,) = await measured(asked("Prometheus", CONNECTIONS), server)
    assert (found if isinstance(expected, Unmeasured) else figures(found)) == expected


@pytest.mark.parametrize(
    ("signal", "values", "unit", "base", "expected"),
    [
        pytest.param(CPU, "0.5", "cores", "requests", (0.5, 2), id="CPU of requests"),
        pytest.param(CPU_OF_LIMITS, "0.5", "cores", "limits", (0.5, 4), id="CPU of limits"),
        pytest.param(
            MEMORY, str(512 << 20), "MiB", "requests", (512, 1024), id="memory of requests, in MiB"
        ),
        pytest.param(
            {**MEMORY, "of": "Limits"}, "0", "MiB", "limits", (0, 2048), id="memory of limits"
        ),
        pytest.param(NETWORK, "25e6", "bytes/s", "", (25e6, 125e6), id="network of its capacity"),
        pytest.param(LAG, "3", "lag", "", (3, 1.5), id="a query's unit is its name"),
    ],
)
async def test_a_signal_is_measured_in_its_unit_against_its_base(
    signal: dict[str, Any], values: str, unit: str, base: str, expected: tuple[float, float]
) -> None:
    (found,) = await measured(asked("Prometheus", signal), default(signal, ("a", values)))
    assert figures(found) == {"uid-a": expected}
    assert isinstance(found, Measured)
    assert (found.unit, found.base) == (unit, base)


BARE = Resources()


@pytest.mark.parametrize(
    ("signal", "pods", "expected"),
    [
        pytest.param(
            CPU, (pod("a"), pod("b", requests=BARE)), {"uid-a": (1, 2)}, id="one has no requests"
        ),
        pytest.param(
            CPU_OF_LIMITS,
            (pod("a", limits=BARE), pod("b", limits=Resources(memory=1.0))),
            Unmeasured(
                signal="cpu",
                why="the gateways set no cpu limits: add them to the pod's containers",
            ),
            id="none has a limit",
        ),
        pytest.param(
            MEMORY,
            (pod("a", requests=Resources(memory=0.0)), pod("b", requests=BARE)),
            Unmeasured(
                signal="memory",
                why="the gateways set no memory requests: add them to the pod's containers",
            ),
            id="a request of 0 is none",
        ),
    ],
)
async def test_a_pod_without_a_base_is_missing(
    signal: dict[str, Any], pods: tuple[Any, ...], expected: Unmeasured | dict[str, Any]
) -> None:
    server = default(signal, ("a", "1"), ("b", "1"))
    (found,) = await measured(asked("Prometheus", signal, gateways=pods), server)
    assert (found if isinstance(expected, Unmeasured) else figures(found)) == expected


async def test_one_signal_that_fails_leaves_the_others() -> None:
    question = asked("Prometheus", LAG, CPU, NETWORK)
    server = default(CPU, ("a", "1"), ("b", "2"))
    server.answers = {**server.answers, LAG["query"]: {"status": "error", "error": "too slow"}}
    lag, cpu, network = await measured(question, server)
    assert lag == Unmeasured(signal="lag", why="Prometheus main refused the query: too slow")
    assert figures(cpu) == {"uid-a": (1, 2), "uid-b": (2, 2)}
    assert network == Unmeasured(
        signal="network", why="the query gives no value for any of the gateways"
    )


async def test_values_of_strangers_only_are_none_of_ours() -> None:
    (found,) = await measured(asked("Prometheus", LAG), default(LAG, ("gone", "1")))
    assert found == Unmeasured(signal="lag", why="the query gives no value for any of the gateways")


async def test_without_a_gateway_nothing_is_asked() -> None:
    server = default(CPU)
    (found,) = await measured(asked("Prometheus", CPU, gateways=()), server)
    assert figures(found) == {}
    assert not server.asked


async def test_a_source_that_nobody_configured_measures_nothing() -> None:
    question = asked("Prometheus", CPU, prometheus={"name": "other"})
    (found,) = await measured(question, Server({}))
    why = "the operator's configuration has no Prometheus 'other' for this namespace (it has main)"
    assert found == Unmeasured(signal="cpu", why=why)
