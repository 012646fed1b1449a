"""Pods that come and go: how soon the operator looks at what changed, and what it remembers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from scale_bench import fleet
from scale_bench.figures import Figure, line, slope_error
from scale_bench.stage import Stage, usage

_PODS: Final = f"/api/v1/namespaces/{fleet.NAMESPACE}/pods"
_LATENCY: Final = "imchat_operator_wake_latency_seconds"
_DURATION: Final = "imchat_operator_pass_duration_seconds"
_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_PER_SECOND: Final = 200
_EVENT_SECONDS: Final = 20
_CLUSTERS, _EACH = 10, 50
_LEAST_TIMES: Final = 8
_LONGEST: Final = 480.0
_SETTLING_SECONDS: Final = 20.0
_TICK_SECONDS: Final = 1.0


async def changed(
    stage: Stage, names: list[str], metrics: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """Change pods at a steady rate; by the operator's own histograms, how soon passes see it.

    What a percentile lies below is told, which is the bound of a bucket. The rank of a pod for its
    deletion is what is changed: the operator reads it, and has nothing to do about it.
    """

    def change(name: str, cost: int) -> Callable[[], Awaitable[object]]:
        body = {"metadata": {"annotations": {_COST: str(cost)}}}
        return lambda: stage.api.patch(f"{_PODS}/{name}", body)

    before = await asyncio.to_thread(metrics)
    began = time.monotonic()
    for second in range(_EVENT_SECONDS):
        first = second * _PER_SECOND
        chosen = [names[n % len(names)] for n in range(first, first + _PER_SECOND)]
        await fleet.together(change(name, second + 1) for name in chosen)
        await asyncio.sleep(max(0.0, began + second + 1 - time.monotonic()))
    took = time.monotonic() - began
    after = await asyncio.to_thread(metrics)
    return {
        "pods-changes": _EVENT_SECONDS * _PER_SECOND / took,
        "pods-change-to-pass-median": _bound(before, after, _LATENCY, 50),
        "pods-change-to-pass": _bound(before, after, _LATENCY, 99),
        "pods-pass-median": _bound(before, after, _DURATION, 50),
        "pods-pass": _bound(before, after, _DURATION, 99),
    }


def _bound(
    before: Mapping[str, float], after: Mapping[str, float], name: str, percent: float
) -> float:
    """Return what so many percent of the observations between two scrapes do not exceed."""
    head = f'{name}_bucket{{le="'
    counts = {
        float(key.removeprefix(head).removesuffix('"}')): count - before.get(key, 0)
        for key, count in after.items()
        if key.startswith(head)
    }
    whole = counts[float("inf")]
    return min(le for le, count in counts.items() if count * 100 >= whole * percent)


async def generations(stage: Stage, count: int) -> AsyncIterator[list[Figure]]:
    """Have all pods replaced again and again: by how much memory grows in the latter half."""
    wanted, shape = fleet.names(_CLUSTERS, "g"), stage.shape(_EACH)
    await fleet.make_deployments(stage.api, wanted, shape)
    await fleet.until_ready(stage.api, _CLUSTERS * _EACH)
    await fleet.make_clusters(stage.api, wanted, shape)
    async with stage.operator("generations") as process:
        await stage.until_asked(wanted, _EACH)
        await asyncio.sleep(_SETTLING_SECONDS)
        points: list[tuple[float, float]] = []
        began, gone = time.monotonic(), 0
        while len(points) < _LEAST_TIMES or (gone < count and time.monotonic() - began < _LONGEST):
            known = {pod["metadata"]["uid"] async for pod in fleet.pods(stage.api)}
            await stage.api.delete(_PODS)
            await _replaced(stage, known)
            gone += len(known)
            points.append((gone, usage(process.pid).resident))
    latter = points[len(points) // 2 :]
    _, slope = line(latter)
    found = {
        "generations-slope": slope * 1000,
        "generations-slope-error": slope_error(latter) * 1000,
        "generations-memory": points[-1][1],
    }
    yield [Figure(name=n, size=gone, values=(v,)) for n, v in found.items()]


async def _replaced(stage: Stage, known: set[str]) -> None:
    """Wait until none of these pods is left, and as many others are ready."""
    while True:
        found = [pod async for pod in fleet.pods(stage.api)]
        ready = [p for p in found if fleet.is_ready(p) and p["metadata"]["uid"] not in known]
        if len(found) == len(ready) == len(known):
            return
        await asyncio.sleep(_TICK_SECONDS)
