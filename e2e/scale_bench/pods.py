"""What watched pods cost: 20 clusters, and each time more gateways in each; and pods of others."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from loopback_node.api import Json
from scale_bench import fleet, plain, turnover
from scale_bench.figures import Figure
from scale_bench.stage import Stage, usage

_CLUSTERS: Final = 20
_PODS: Final = f"/api/v1/namespaces/{fleet.NAMESPACE}/pods"
_SETTLING_SECONDS: Final = 40.0


async def watched(stage: Stage, sizes: list[int]) -> AsyncIterator[list[Figure]]:
    """Yield what the operator needs for so many watched pods, from the fewest."""
    wanted = fleet.names(_CLUSTERS)
    for size in sorted(sizes):
        each = size // _CLUSTERS
        shape = stage.shape(each)
        if size == min(sizes):
            await fleet.make_deployments(stage.api, wanted, shape)
        await fleet.resize(stage.api, wanted, each)
        await fleet.until_ready(stage.api, len(wanted) * each)
        await fleet.make_clusters(stage.api, wanted, shape)
        yield await _lived(stage, wanted, each, "pods", is_changed=True)
        yield await plain.indexed(stage, len(wanted) * each)
        if size != max(sizes):
            await fleet.delete_clusters(stage.api)


async def unrelated(stage: Stage, count: int) -> AsyncIterator[list[Figure]]:
    """Yield what it needs after a restart, and then with so many pods more that are of no fleet.

    The first life had no status to read, so that it is not what to compare with.
    """
    wanted = fleet.names(_CLUSTERS)
    found = [pod async for pod in fleet.pods(stage.api)]
    each = len(found) // _CLUSTERS
    yield await _beside(stage, wanted, each, 0)

    def creation(number: int) -> Callable[[], Awaitable[object]]:
        return lambda: stage.api.create(_PODS, _stranger(number))

    await fleet.together(creation(number) for number in range(count))
    yield await _beside(stage, wanted, each, count)


async def _beside(stage: Stage, wanted: list[str], each: int, count: int) -> list[Figure]:
    lived = await _lived(stage, wanted, each, "unrelated")
    return [Figure(name=f.name, size=count, values=f.values) for f in lived]


async def _lived(
    stage: Stage, wanted: list[str], each: int, name: str, *, is_changed: bool = False
) -> list[Figure]:
    stage.gateways.load(dict.fromkeys(wanted, stage.gateways.usual))
    began = time.monotonic()
    async with stage.operator(f"{name}-{each}") as process:
        await stage.until_asked(wanted, each)
        started = time.monotonic() - began
        await asyncio.sleep(_SETTLING_SECONDS)
        used = usage(process.pid)
        names = [pod["metadata"]["name"] async for pod in fleet.pods(stage.api) if _is_ours(pod)]
        changes = await turnover.changed(stage, names, process.metrics) if is_changed else {}
    found = {
        f"{name}-cold-start": started,
        f"{name}-memory-steady": used.resident,
        f"{name}-memory-peak": used.peak,
        **changes,
    }
    size = len(wanted) * each
    return [Figure(name=n, size=size, values=(v,)) for n, v in found.items()]


def _is_ours(pod: Json) -> bool:
    return "bench" in pod["metadata"]["labels"]


def _stranger(number: int) -> Json:
    """A pod that no node takes."""
    return {
        "metadata": {"name": f"stranger-{number:05}", "labels": {"app": "stranger"}},
        "spec": {"containers": [{"name": "main", "image": "stranger"}]},
    }
