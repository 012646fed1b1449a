"""What clusters share, against an API server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.shell.apiserver import ApiServer, Reply, listed, session_with

from imchat_operator.models import TargetRef
from imchat_operator.shell.caches import Caches, SeenTarget
from imchat_operator.shell.kube import Resource

DEPLOYMENTS = Resource(group="apps", version="v1", plural="deployments")
GATEWAY = TargetRef(name="gateway")


def autoscaler(namespace: str, name: str, target: str = "gateway") -> dict[str, Any]:
    return {
        "metadata": {"uid": f"{namespace}-{name}", "namespace": namespace, "name": name},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": target}},
    }


def deployment(version: str, manager: str = "kubectl") -> dict[str, Any]:
    owned = {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    meta = {"uid": "uid-gateway", "resourceVersion": version, "managedFields": [owned]}
    return {"metadata": meta}


@asynccontextmanager
async def caching(server: ApiServer, *namespaces: str) -> AsyncIterator[Caches]:
    async with session_with(server) as api:
        caches = Caches(api, namespaces)
        tasks = [asyncio.create_task(loop) for loop in caches.loops().values()]
        try:
            async with asyncio.timeout(10):
                await caches.synced()
                yield caches
        finally:
            await caches.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def test_a_rival_is_one_of_the_clusters_own_namespace() -> None:
    server = ApiServer(
        {
            "GET /api/v1/nodes": listed(),
            "GET /apis/autoscaling/v2/horizontalpodautoscalers": listed(
                autoscaler("chat", "b"),
                autoscaler("chat", "a"),
                autoscaler("chat", "other", "database"),
                autoscaler("shop", "c"),
            ),
        }
    )
    async with caching(server) as caches:
        found = caches.rivals("chat", GATEWAY)
    assert found == ("HorizontalPodAutoscaler a", "HorizontalPodAutoscaler b")


async def test_autoscalers_of_served_namespaces_alone_are_listed() -> None:
    path = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
    server = ApiServer(
        {
            "GET /api/v1/nodes": listed(),
            f"GET {path.format('chat')}": listed(autoscaler("chat", "a")),
            f"GET {path.format('shop')}": listed(autoscaler("shop", "c")),
        }
    )
    async with caching(server, "chat", "shop") as caches:
        found = caches.rivals("shop", GATEWAY)
    assert found == ("HorizontalPodAutoscaler c",)


async def test_a_target_is_known_as_of_the_last_event() -> None:
    path = "/apis/apps/v1/namespaces/chat/deployments"
    events: asyncio.Queue[Any] = asyncio.Queue()
    server = ApiServer({f"GET {path}": listed(deployment("7"))}, events={path: events})
    server.replies["GET /api/v1/nodes"] = listed()
    own = "GET /apis/autoscaling/v2/namespaces/chat/horizontalpodautoscalers"
    server.replies[own] = listed()
    async with caching(server, "chat") as caches:
        assert caches.target(DEPLOYMENTS, "chat", "uid-gateway") is None  # not known yet
        await until(caches, SeenTarget(version="7", manager="kubectl"))
        events.put_nowait({"type": "MODIFIED", "object": deployment("8", "argocd")})
        await until(caches, SeenTarget(version="8", manager="argocd"))
        events.put_nowait({"type": "DELETED", "object": deployment("9")})
        await until(caches, None)
    assert server.requests.count(f"GET {path}") == 1


async def test_where_targets_may_not_be_watched_none_is_known() -> None:
    path = "GET /apis/apps/v1/deployments"
    server = ApiServer(
        {
            "GET /api/v1/nodes": listed(),
            "GET /apis/autoscaling/v2/horizontalpodautoscalers": listed(),
            path: Reply(body={"message": "forbidden"}, status=403),
        }
    )
    async with caching(server) as caches:
        caches.target(DEPLOYMENTS, "chat", "uid-gateway")
        while path not in server.requests:  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0)
        assert caches.target(DEPLOYMENTS, "chat", "uid-gateway") is None


async def until(caches: Caches, expected: SeenTarget | None) -> None:
    while caches.target(DEPLOYMENTS, "chat", "uid-gateway") != expected:  # noqa: ASYNC110 -- same
        await asyncio.sleep(0)
