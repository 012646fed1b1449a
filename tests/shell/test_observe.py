"""A Snapshot of gateways, their nodes and what they need, from servers that answer on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from tests.core.fleet import NOON
from tests.shell.apiserver import ApiServer, Reply, listed, session_with
from tests.shell.budgets import BUDGETS, budget
from tests.shell.serving import Answer, served

from imchat_operator.core.snapshot import (
    DependencyState,
    Gateway,
    Node,
    Reported,
    Silent,
    Snapshot,
    TargetMissing,
)
from imchat_operator.models import DRAIN, ImChatClusterStatus, Storm, Suspect
from imchat_operator.shell.caches import Caches
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.observe import LEEWAY, Clients, Observer, is_watched_closely
from imchat_operator.shell.phase import since_moment
from imchat_operator.shell.prometheus import Prometheus

PODS = "/api/v1/namespaces/chat/pods"
FIGURES = "imchat_gateway_connections 300\nimchat_gateway_connections_max 1000\n"
DATABASE = {"name": "database", "tcp": {"service": "db", "port": 5432}}


def pod(
    name: str, version: str = "5", node: str = "node-1", port: int | None = None, **meta: Any
) -> dict[str, Any]:
    """Return a running pod as the API server gives it, with an address on loopback."""
    containers = [{"ports": [{"containerPort": port}]}] if port else []
    return {
        "metadata": {
            "namespace": "chat",
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-11-23T12:00:00Z",
            "resourceVersion": version,
            **meta,
        },
        "spec": {"containers": containers, **({"nodeName": node} if node else {})},
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "containerStatuses": [{"state": {"running": {}}}],
        },
    }


def server_with(*pods: dict[str, Any]) -> ApiServer:
    """Return an API server that has these pods, all on node-1, and their Deployment."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    one = {"metadata": {"uid": "uid-node-1", "name": "node-1"}, "status": ready}
    scale = {
        "metadata": {"uid": "uid-gateway", "resourceVersion": "7"},
        "spec": {"replicas": len(pods)},
        "status": {"selector": "app=gateway"},
    }
    autoscalers = "/apis/autoscaling/v2/namespaces/chat/horizontalpodautoscalers"
    return ApiServer(
        {
            "GET /apis/apps/v1": Reply(
                body={"resources": [{"name": "deployments", "kind": "Deployment"}]}
            ),
            "GET /apis/apps/v1/namespaces/chat/deployments/gateway/scale": Reply(body=scale),
            "GET /api/v1/nodes": listed(one),
            f"GET {PODS}": listed(*pods),
            f"GET {autoscalers}": listed(),
        }
    )


@asynccontextmanager
async def observing(
    server: ApiServer, answer: Answer, on_change: Callable[[], None] = lambda: None
) -> AsyncIterator[Callable[..., Any]]:
    """Yield how to observe a cluster whose gateways all give this answer."""
    async with (
        served(answer) as port,
        session_with(server) as api,
        Gateways() as gateways,
        Prometheus({}) as prometheus,
    ):
        caches = Caches(api, ("chat",))
        tasks = [asyncio.create_task(loop) for loop in caches.loops().values()]
        pods = server.replies.get(f"GET {PODS}", listed())
        for found in pods.body["items"]:
            found["spec"]["containers"] += [{"ports": [{"containerPort": port}]}]
        networks = (ip_network("127.0.0.0/8"),)
        clients = Clients(api=api, gateways=gateways, prometheus=prometheus, networks=networks)
        observer = Observer(clients, caches, "chat", on_change)

        async def observe(*, status: dict[str, Any] | None = None, **spec: Any) -> Snapshot:
            body = {**cluster(**{"gatewayPort": port, **spec}), "status": status or {}}
            async with asyncio.timeout(10):
                return (await observer.observe(body, (), (), frozenset())).snapshot

        try:
            yield observe
        finally:
            await observer.close()
            await caches.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def cluster(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "chat",
            "name": "chat",
            "uid": "uid-chat",
            "generation": 1,
            "creationTimestamp": "2026-11-23T12:00:00Z",
        },
        "spec": {
            "targetRef": {"name": "gateway"},
            "maxReplicas": 10,
            "metrics": {"timeout": "5s"},
            **spec,
        },
    }


async def figures(_: web.Request) -> web.StreamResponse:
    """Answer as a gateway with 300 connections."""
    return web.Response(text=FIGURES)


async def test_a_snapshot_has_gateways_with_their_nodes_and_what_they_need() -> None:
    server = server_with(pod("a"), pod("b", node="node-2"), pod("c", node=""))
    one = "/api/v1/nodes?fieldSelector=metadata.name%3Dnode-2&limit=100"
    server.replies[f"GET {one}"] = listed()
    async with observing(server, figures) as observe:
        snapshot = await observe(dependencies=[DATABASE])
    assert {g.name: g.node for g in snapshot.gateways} == {
        "a": Node(name="node-1"),
        "b": Node(name="node-2", exists=False, ready=False),
        "c": None,
    }
    assert all(isinstance(g.reading, Reported) for g in snapshot.gateways)
    why = "spec.dependencies: there is no Service db: create it or correct the name"
    assert snapshot.dependencies == (DependencyState(name="database", up=None, why=why),)


async def test_what_would_refuse_the_eviction_of_a_gateway_that_is_to_leave_is_looked_at() -> None:
    server = server_with(pod("a"), pod("b", labels={"app": "gateway"}))
    server.replies[f"GET {BUDGETS}"] = listed(budget(desiredHealthy=4))
    leaving = server.replies[f"GET {PODS}"].body["items"][1]
    ready = {"type": "Ready", "status": "False"}
    leaving["status"]["conditions"] = [ready]
    for annotations, status in (({}, "True"), ({DRAIN: "true"}, "False")):
        leaving["metadata"]["annotations"], ready["status"] = annotations, status
        async with observing(server, figures) as observe:
            await observe()
        assert f"GET {BUDGETS}" not in server.requests
    ready["status"] = "True"
    async with observing(server, figures) as observe:
        kept = {g.name: g.keeper and g.keeper.yields for g in (await observe()).gateways}
    assert kept == {"a": None, "b": True}


async def test_a_lease_of_a_silent_gateways_node_is_looked_at() -> None:
    server = server_with(pod("a", port=9))
    async with observing(server, figures) as observe:
        snapshot = await observe(gatewayPort=9)
    (gateway,) = snapshot.gateways
    assert isinstance(gateway.reading, Silent)
    assert gateway.node == Node(name="node-1")
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"
    assert f"GET {lease}" in server.requests


def versions(gateways: tuple[Gateway, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {g.name: (g.resource_version, g.finalizers) for g in gateways}


async def test_a_gateway_has_its_newest_version_unless_more_has_changed_since() -> None:
    server = server_with(pod("a"), pod("b"))
    server.events[PODS] = asyncio.Queue()
    asked, changed = asyncio.Event(), asyncio.Event()

    async def meanwhile(request: web.Request) -> web.StreamResponse:
        """Answer once both pods have a new version, and the second one a finalizer."""
        if not asked.is_set():
            asked.set()
            port = request.url.port
            kept = pod("b", "7", port=port, finalizers=["example.dev/keep"])
            for found in (pod("a", "6", port=port), kept):
                server.events[PODS].put_nowait({"type": "MODIFIED", "object": found})
        await changed.wait()
        return web.Response(text=FIGURES)

    def note() -> None:
        if asked.is_set():
            changed.set()

    async with observing(server, meanwhile, note) as observe:
        before = versions((await observe()).gateways)
        after = versions((await observe()).gateways)
    assert before == {"a": ("6", ()), "b": ("5", ())}
    assert after == {"a": ("6", ()), "b": ("7", ("example.dev/keep",))}


async def test_gateways_are_asked_once_after_each_of_the_clusters_moments() -> None:
    interval = timedelta(milliseconds=500)
    async with observing(server_with(pod("a")), figures) as observe:
        samples = [await observe(metrics={"interval": "500ms"})]
        while len({s.sampled_at for s in samples}) < 4:
            samples.append(await observe(metrics={"interval": "500ms"}))
    times = sorted({s.sampled_at for s in samples})
    uid = samples[0].cluster.uid
    # A sample that was just in time is of the moment that came next.
    moments = [t + LEEWAY - since_moment(uid, interval, t + LEEWAY) for t in times]
    apart = [round((b - a) / interval, 3) for a, b in pairwise(moments)]
    assert apart == [1, 1, 1]
    assert len(samples) > len(times)


async def test_without_a_target_nobody_is_asked() -> None:
    async with observing(ApiServer(), figures) as observe:
        snapshot = await observe(dependencies=[DATABASE])
    assert isinstance(snapshot.target, TargetMissing)
    assert (snapshot.gateways, snapshot.dependencies) == ((), ())


SCALE = "GET /apis/apps/v1/namespaces/chat/deployments/gateway/scale"
TARGETS = "/apis/apps/v1/namespaces/chat/deployments"


def target(version: str) -> dict[str, Any]:
    return {"metadata": {"uid": "uid-gateway", "resourceVersion": version}}


async def without_reading(server: ApiServer, observe: Callable[..., Any]) -> None:
    """Observe until that reads no scale."""
    reads = -1
    while reads != server.requests.count(SCALE):
        reads = server.requests.count(SCALE)
        await observe()


async def test_a_scale_is_read_again_when_its_target_has_changed() -> None:
    server = server_with(pod("a"))
    server.replies[f"GET {TARGETS}"] = listed(target("7"))
    server.events[TARGETS] = asyncio.Queue()
    async with observing(server, figures) as observe:
        await without_reading(server, observe)
        scale = server.replies[SCALE].body
        scale["metadata"]["resourceVersion"], scale["spec"]["replicas"] = "8", 4
        server.events[TARGETS].put_nowait({"type": "MODIFIED", "object": target("8")})
        async with asyncio.timeout(10):
            while (await observe()).target.replicas != 4:
                pass
            await without_reading(server, observe)


async def test_a_scale_is_read_on_every_pass_where_targets_may_not_be_watched() -> None:
    server = server_with(pod("a"))
    async with observing(server, figures) as observe:
        for _ in range(3):
            await observe()
    assert server.requests.count(SCALE) == 3


def owned(version: str, manager: str, replicas: int = 2) -> dict[str, Any]:
    """Return the Deployment, as it is when this manager has set its replicas."""
    entry = {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    meta = {"uid": "uid-gateway", "resourceVersion": version, "managedFields": [entry]}
    return {"metadata": meta, "spec": {"replicas": replicas}}


@pytest.mark.parametrize(
    ("seen", "manager", "reads"),
    [
        pytest.param("7", "argocd", 0, id="the watch has told of this version"),
        pytest.param("6", "kubectl", 1, id="the watch is late"),
    ],
)
async def test_who_set_the_replicas_is_read_only_where_the_watch_has_not_told(
    seen: str, manager: str, reads: int
) -> None:
    server = server_with(pod("a"))
    server.replies[f"GET {TARGETS}"] = listed(owned(seen, "argocd"))
    server.replies[f"GET {TARGETS}/gateway"] = Reply(body=owned("7", "kubectl"))
    async with observing(server, figures) as observe:
        async with asyncio.timeout(10):
            while (await observe(status={"replicas": 3})).target.manager != manager:
                pass
        before = server.requests.count(f"GET {TARGETS}/gateway")
        found = await observe(status={"replicas": 3})
    assert found.target.manager == manager
    assert server.requests.count(f"GET {TARGETS}/gateway") - before == reads


async def test_replicas_are_those_of_the_manager_who_set_them_also_while_they_change() -> None:
    server = server_with(pod("a"))  # whose scale is that of version 7
    server.replies[f"GET {TARGETS}/gateway"] = Reply(body=owned("8", "kubectl", replicas=5))
    async with observing(server, figures) as observe:
        found = (await observe(status={"replicas": 3})).target
    assert (found.replicas, found.resource_version, found.manager) == (5, "8", "kubectl")


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(
            {
                "suspects": [
                    {
                        "pod": "a",
                        "uid": "uid-a",
                        "ailment": "Unresponsive",
                        "since": "2026-11-23T12:00:00Z",
                    }
                ]
            },
            id="one looks ill",
        ),
    ],
)
async def test_a_scale_is_read_on_every_pass_while_anything_is_under_way(
    status: dict[str, Any],
) -> None:
    server = server_with(pod("a"))
    server.replies[f"GET {TARGETS}"] = listed(target("7"))
    async with observing(server, figures) as observe:
        await without_reading(server, observe)
        before = server.requests.count(SCALE)
        for _ in range(3):
            await observe(status=status)
    assert server.requests.count(SCALE) == before + 3


SUSPECT = Suspect(pod="a", uid="uid-a", ailment="Unresponsive", since=NOON)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(ImChatClusterStatus(), False, id="all is well"),
        pytest.param(ImChatClusterStatus(suspects=(SUSPECT,)), True, id="one looks ill"),
        pytest.param(
            ImChatClusterStatus(storm=Storm(reason="StormGate", since=NOON)), True, id="many do"
        ),
        pytest.param(
            ImChatClusterStatus(storm=Storm(reason="StormGate", since=NOON, over_at=NOON)),
            False,
            id="they did",
        ),
    ],
)
def test_what_is_not_over_is_watched_closely(
    history: ImChatClusterStatus,
    expected: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert is_watched_closely(history) is expected
