"""What the supervisor makes of lists and watches that tell in any order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import REGISTRY
from tests.shell.apiserver import ApiServer, Reply, listed, session_with

from imchat_operator.settings import Settings
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.health import Health
from imchat_operator.shell.leadership import Unopposed
from imchat_operator.shell.observe import Clients
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.supervisor import Supervisor

_ROOT = "/apis/imchat.dev/v1alpha1"
_CLUSTERS, _WINDOWS = f"{_ROOT}/imchatclusters", f"{_ROOT}/maintenancewindows"
_SCALE = "GET /apis/apps/v1"


class _Slow(ApiServer):
    """An API server that answers requests for one path only when it is let."""

    def __init__(self, path: str) -> None:
        nothing = {f"GET {p}": listed() for p in (_CLUSTERS, _WINDOWS, "/api/v1/nodes")}
        super().__init__(replies=nothing)
        self.path = path
        self.reached = asyncio.Event()
        self.let = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == self.path and "watch" not in request.query:
            self.reached.set()
            await self.let.wait()
        return await super().answer(request)


def _object(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "chat",
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec,
    }


def _cluster() -> dict[str, Any]:
    return _object("main", targetRef={"name": "gateway"}, minReplicas=1, maxReplicas=3)


def _window() -> dict[str, Any]:
    once = {"start": "2026-01-01T00:00:00Z", "end": "2999-01-02T00:00:00Z"}
    return _object("work", schedules=[{"once": once}])


@asynccontextmanager
async def _supervised(server: ApiServer) -> AsyncIterator[Supervisor]:
    async with session_with(server) as api, Gateways() as gateways, Prometheus({}) as prometheus:
        clients = Clients(api=api, gateways=gateways, prometheus=prometheus)
        async with Supervisor(clients, Settings(), Unopposed(), Health()) as supervisor:
            yield supervisor


async def _until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 -- the supervisor's tasks are no events
            await asyncio.sleep(0.01)


async def test_no_pass_is_made_before_the_windows_are_known() -> None:
    server = _Slow(_WINDOWS)
    server.replies[f"GET {_CLUSTERS}"] = listed(_cluster())
    async with _supervised(server) as supervisor:
        supervisor.cluster_changed(_cluster())
        await server.reached.wait()
        await asyncio.sleep(0.3)  # longer than a pass takes to begin
        assert not [what for what in server.requests if what.startswith(_SCALE)]
        server.let.set()
        await _until(lambda: any(what.startswith(_SCALE) for what in server.requests))


async def test_what_is_made_while_the_lists_are_under_way_is_served() -> None:
    server = _Slow(_WINDOWS)
    async with _supervised(server) as supervisor:
        await server.reached.wait()
        supervisor.cluster_changed(_cluster())
        supervisor.window_changed(_window())
        server.let.set()
        await _until(lambda: any(what.startswith(_SCALE) for what in server.requests))
        await _until(
            lambda: f"PUT {_ROOT}/namespaces/chat/maintenancewindows/work/status" in server.requests
        )


class _Crowd(ApiServer):
    """An API server that keeps those waiting who ask for a scale, and counts them."""

    def __init__(self) -> None:
        nothing = {f"GET {p}": listed() for p in (_CLUSTERS, _WINDOWS, "/api/v1/nodes")}
        kinds = {"resources": [{"name": "deployments", "kind": "Deployment"}]}
        super().__init__(replies={**nothing, _SCALE: Reply(body=kinds)})
        self.waiting = 0
        self.most = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/scale"):
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            await asyncio.sleep(0.02)
            self.waiting -= 1
        return await super().answer(request)


async def test_passes_are_made_some_at_a_time() -> None:
    server, names = _Crowd(), [f"c{number}" for number in range(60)]
    clusters = [_object(name, targetRef={"name": name}, maxReplicas=3) for name in names]
    server.replies[f"GET {_CLUSTERS}"] = listed(*clusters)
    wanted = {f"{_SCALE}/namespaces/chat/deployments/{name}/scale" for name in names}
    async with _supervised(server):
        await _until(lambda: wanted <= set(server.requests))
    assert 1 < server.most <= 16


async def test_nothing_is_shown_of_a_cluster_that_is_gone() -> None:
    of_it = {"namespace": "chat", "imchatcluster": "main", "result": "ok"}

    def passes() -> float | None:
        return REGISTRY.get_sample_value("imchat_operator_passes_total", of_it)

    async with _supervised(_Slow("")) as supervisor:
        supervisor.cluster_changed(_cluster())
        assert passes() == 0
        supervisor.cluster_gone("uid-main")
        assert passes() is None
