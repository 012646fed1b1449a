"""Fleets: Deployments whose pods kwok plays, and the ImChatClusters or autoscalers over them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loopback_node.api import Api, Json

NAMESPACE: Final = "scale"
_DEPLOYMENTS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_CLUSTERS: Final = f"/apis/imchat.dev/v1alpha1/namespaces/{NAMESPACE}/imchatclusters"
_PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
_AT_ONCE: Final = 20
_TICK_SECONDS: Final = 2.0


def names(count: int, prefix: str = "c") -> list[str]:
    """The names of so many clusters, and of their Deployments."""
    return [f"{prefix}{number:05}" for number in range(count)]


def node_names(count: int) -> list[str]:
    """The names of so many nodes."""
    return [f"kwok-{number:03}" for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large each fleet is, and where its gateways answer."""

    port: int
    gateways: int = 5
    interval: str = "15s"
    nodes: int = 10


def deployment(name: str, number: int, shape: Shape) -> Json:
    """A Deployment whose pods are bound already, since there is no scheduler."""
    labels = {"app": name}
    return {
        "metadata": {"name": name, "labels": {"bench": "scale"}},
        "spec": {
            "replicas": shape.gateways,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": {**labels, "bench": "scale"}},
                "spec": {
                    "nodeName": node_names(shape.nodes)[number % shape.nodes],
                    "terminationGracePeriodSeconds": 1,
                    "automountServiceAccountToken": False,
                    "containers": [
                        {
                            "name": "gateway",
                            "image": "gateway",
                            "ports": [{"containerPort": shape.port}],
                            "resources": {"requests": {"cpu": "200m", "memory": "100Mi"}},
                        }
                    ],
                },
            },
        },
    }


def cluster(name: str, shape: Shape, **spec: Any) -> Json:
    """An ImChatCluster that grows at once above 70 %, with defaults in nearly all else."""
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "ImChatCluster",
        "metadata": {"name": name},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": name},
            "minReplicas": min(2, shape.gateways),
            "maxReplicas": shape.gateways + 5,
            "gatewayPort": shape.port,
            "metrics": {"interval": shape.interval, "pods": {"path": f"/{name}/metrics"}},
            "scaling": {
                "scaleUp": [{"above": 70, "for": "0s"}],
                "scaleDown": [{"below": 30, "for": "1h"}],
            },
            **spec,
        },
    }


async def together(calls: Iterable[Callable[[], Awaitable[object]]]) -> None:
    """Make many calls, some at a time."""
    waiting = iter(calls)

    async def one_after_the_other() -> None:
        for call in waiting:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_the_other())


async def make_deployments(api: Api, wanted: Sequence[str], shape: Shape) -> None:
    """Create Deployments."""

    def creation(number: int, name: str) -> Callable[[], Awaitable[object]]:
        return lambda: api.create(_DEPLOYMENTS, deployment(name, number, shape))

    await together(creation(number, name) for number, name in enumerate(wanted))


async def make_clusters(api: Api, wanted: Sequence[str], shape: Shape, **spec: Any) -> None:
    """Create ImChatClusters."""

    def creation(name: str) -> Callable[[], Awaitable[object]]:
        return lambda: api.create(_CLUSTERS, cluster(name, shape, **spec))

    await together(creation(name) for name in wanted)


async def resize(api: Api, wanted: Sequence[str], gateways: int) -> None:
    """Set the replicas of Deployments."""

    def change(name: str) -> Callable[[], Awaitable[object]]:
        return lambda: api.patch(f"{_DEPLOYMENTS}/{name}", {"spec": {"replicas": gateways}})

    await together(change(name) for name in wanted)


async def delete_clusters(api: Api) -> None:
    """Delete all ImChatClusters, and wait until they are gone."""
    await api.delete(_CLUSTERS)
    while (await api.get(_CLUSTERS, limit=1))["items"]:  # noqa: ASYNC110 -- nothing tells us
        await asyncio.sleep(_TICK_SECONDS)


async def delete_deployments(api: Api) -> None:
    """Delete all Deployments, and wait until their pods are gone."""
    await api.delete(_DEPLOYMENTS)
    while (await api.get(_PODS, limit=1))["items"]:  # noqa: ASYNC110 -- same
        await asyncio.sleep(_TICK_SECONDS)


async def until_ready(api: Api, count: int) -> None:
    """Wait until the Deployments have so many ready pods, and no others."""
    while True:
        states = [each["status"] async for each in paged(api, _DEPLOYMENTS)]
        ready = sum(state.get("readyReplicas", 0) for state in states)
        if ready == sum(state.get("replicas", 0) for state in states) == count:
            return
        await asyncio.sleep(_TICK_SECONDS)


async def pods(api: Api) -> AsyncIterator[Json]:
    """Yield the pods."""
    async for each in paged(api, _PODS):
        yield each


async def clusters(api: Api) -> AsyncIterator[Json]:
    """Yield the ImChatClusters."""
    async for each in paged(api, _CLUSTERS):
        yield each


async def paged(api: Api, path: str) -> AsyncIterator[Json]:
    """Yield the objects of a collection."""
    token = ""
    while True:
        query: dict[str, str | int] = {"limit": 500, **({"continue": token} if token else {})}
        answer = await api.get(path, **query)
        for each in answer["items"]:
            yield each
        token = answer["metadata"].get("continue", "")
        if not token:
            return


def is_ready(pod: Json) -> bool:
    """Whether its condition Ready is True."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
