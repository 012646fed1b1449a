"""Signals of metrics.k8s.io, against an API server that answers as told."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.core.fleet import at
from tests.shell.pods import asked, pod
from tests.shell.serving import Answer, body, served, text

from imchat_operator.core.snapshot import Figure, Measured, Measurement, Unmeasured
from imchat_operator.shell.kube import Api
from imchat_operator.shell.objects import Resources
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.signals import Asked, Signals

CPU = {"type": "CPU"}
MEMORY = {"type": "Memory", "of": "Limits"}


async def measured(question: Asked, answer: Answer) -> tuple[Measurement, ...]:
    async with served(answer) as port:
        return await measured_at(port, question)


async def measured_at(port: int, question: Asked) -> tuple[Measurement, ...]:
    configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
    async with Api.session(configuration) as api, Prometheus({}) as prometheus:
        return await Signals(api, prometheus).measured(question, {}, {})


def item(name: str, *usages: dict[str, str], seconds: int = 0) -> dict[str, Any]:
    """Return a pod's metrics, taken so many seconds after noon."""
    return {
        "metadata": {"name": name, "namespace": "chat"},
        "timestamp": f"2026-11-23T12:00:{seconds:02}Z",
        "window": "15.0s",
        "containers": [{"name": str(n), "usage": usage} for n, usage in enumerate(usages)],
    }


def figure(name: str, value: float, capacity: float, seconds: float = 0) -> Figure:
    return Figure(uid=f"uid-{name}", value=value, capacity=capacity, at=at(seconds))


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(
            [item("a", {"cpu": "250m"}), item("b", {"cpu": "1"})],
            (figure("a", 0.25, 2), figure("b", 1, 2)),
            id="of each pod",
        ),
        pytest.param(
            [item("a", {"cpu": "156250000n"}, {"cpu": "93750u"})],
            (figure("a", 0.25, 2),),
            id="the sum over its containers",
        ),
        pytest.param(
            [item("a", {"cpu": "1"}, seconds=7), item("b", {"cpu": "1"}, seconds=59)],
            (figure("a", 1, 2, 7), figure("b", 1, 2, 59)),
            id="each with the time it was taken",
        ),
        pytest.param(
            [item("a", {"cpu": "1"}), item("gone", {"cpu": "1"})],
            (figure("a", 1, 2),),
            id="not of a pod that is no gateway",
        ),
        pytest.param(
            [item("a", {"cpu": "1"}, {"memory": "1Ki"}), item("b", {"cpu": "2"})],
            (figure("b", 2, 2),),
            id="a container that does not tell leaves its pod out",
        ),
        pytest.param(
            [item("a"), item("b", {"cpu": "2"})],
            (figure("b", 2, 2),),
            id="a pod of which no container tells is missing, not idle",
        ),
        pytest.param([], (), id="of none"),
    ],
)
async def test_usage_is_a_signal(items: list[dict[str, Any]], expected: tuple[Figure, ...]) -> None:
    found = await measured(asked("Resource", CPU), body({"items": items}))
    assert found == (Measured(signal="cpu", unit="cores", figures=expected, base="requests"),)


async def test_all_signals_are_of_one_request_for_the_targets_pods() -> None:
    requested: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        requested.append(request.path_qs)
        return web.json_response({"items": [item("a", {"cpu": "1", "memory": "1Gi"})]})

    cpu, memory = await measured(asked("Resource", CPU, MEMORY), answer)
    assert cpu == Measured(
        signal="cpu", unit="cores", figures=(figure("a", 1, 2),), base="requests"
    )
    assert memory == Measured(
        signal="memory", unit="MiB", figures=(figure("a", 1024, 2048),), base="limits"
    )
    assert requested == [
        "/apis/metrics.k8s.io/v1beta1/namespaces/chat/pods?labelSelector=app%3Dgateway"
    ]


async def test_pods_without_a_base_are_said() -> None:
    bare = pod("a", requests=Resources())
    found = await measured(
        asked("Resource", CPU, gateways=(bare,)), body({"items": [item("a", {"cpu": "1"})]})
    )
    why = "the gateways set no cpu requests: add them to the pod's containers"
    assert found == (Unmeasured(signal="cpu", why=why),)


_NO_LIST = "metrics.k8s.io answered with no list of pod metrics"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(
            text("404 page not found", 404),
            "metrics.k8s.io refused (404 page not found): is a metrics server installed?",
            id="there is none",
        ),
        pytest.param(
            body({"reason": "Forbidden", "message": "pods.metrics.k8s.io is forbidden"}, 403),
            "metrics.k8s.io refused (pods.metrics.k8s.io is forbidden): "
            "is a metrics server installed?",
            id="it is forbidden",
        ),
        pytest.param(
            text("<html>"),
            "metrics.k8s.io refused (answered with no JSON): is a metrics server installed?",
            id="it is something else",
        ),
        pytest.param(body({"kind": "Status"}), _NO_LIST, id="no list"),
        pytest.param(body(["a"]), _NO_LIST, id="another list"),
        pytest.param(body({"items": [{"metadata": {"name": "a"}}]}), _NO_LIST, id="no metrics"),
        pytest.param(
            body({"items": [item("a", {"cpu": "much"})]}), _NO_LIST, id="no quantity of anything"
        ),
        pytest.param(
            body({"items": [{**item("a", {"cpu": "1"}), "timestamp": "noon"}]}),
            _NO_LIST,
            id="no time",
        ),
    ],
)
async def test_without_metrics_no_signal_is_measured_and_it_is_said(
    answer: Answer, why: str
) -> None:
    found = await measured(asked("Resource", CPU, MEMORY), answer)
    assert found == (Unmeasured(signal="cpu", why=why), Unmeasured(signal="memory", why=why))


async def test_no_answer_costs_its_time_out() -> None:
    released = asyncio.Event()

    async def hung(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    async with served(hung) as port:
        found = await measured_at(port, asked("Resource", CPU, timeout="50ms"))
        released.set()  # the server waits for its answers
    why = "metrics.k8s.io does not answer (TimeoutError)"
    assert found == (Unmeasured(signal="cpu", why=why),)
