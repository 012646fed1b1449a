"""Gateways that fail for good, and gateways that only flap: who is replaced, and how soon."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from loopback_node.api import STRATEGIC_PATCH, Json
from scale_bench import fleet
from scale_bench.figures import Figure, percentile
from scale_bench.stage import USER, Stage

_PODS: Final = f"/api/v1/namespaces/{fleet.NAMESPACE}/pods"
_BEGUN_SECONDS: Final = 120.0
_FLAP_SECONDS: Final = 15.0
_AFTER_SECONDS: Final = 60.0
_RESTARTS: Final = 3
_POLL_SECONDS: Final = 0.2


async def suffered(stage: Stage, size: int) -> AsyncIterator[list[Figure]]:
    """Yield the figures of flaps, then of failures, in so many clusters."""
    wanted, shape = fleet.names(size), stage.shape()
    await fleet.make_deployments(stage.api, wanted, shape)
    await fleet.until_ready(stage.api, size * shape.gateways)
    await fleet.make_clusters(stage.api, wanted, shape)
    stage.gateways.load(dict.fromkeys(wanted, stage.gateways.usual))
    async with stage.operator("ills"):
        await stage.until_asked(wanted, shape.gateways)
        await asyncio.sleep(_AFTER_SECONDS)
        yield await flapped(stage, wanted)
        yield await failed(stage, wanted)


async def failed(stage: Stage, wanted: Sequence[str]) -> list[Figure]:
    """One gateway of each cluster crashes in a loop: seconds until its repair begins.

    It begins with the finalizer that an ImChatCluster carries while something is drained. When the
    pod is evicted is a matter of its drain, and kwok's pods have nothing to drain.
    """
    victims = await _one_of_each(stage)
    stage.audit.skip()
    broken: dict[str, float] = {}
    for cluster in wanted:
        broken[cluster] = time.time()
        path = f"{_PODS}/{victims[cluster]}/status"
        await stage.api.patch(path, _crashed(), STRATEGIC_PATCH)
    async with asyncio.timeout(_BEGUN_SECONDS):
        begun = await stage.audit.first_writes(USER, "imchatclusters", wanted, every=_POLL_SECONDS)
    waits = [begun[cluster] - broken[cluster] for cluster in wanted]
    value = percentile(waits, 99)
    return [Figure(name="failure-to-repair", size=len(wanted), values=(value,))]


async def flapped(stage: Stage, wanted: Sequence[str]) -> list[Figure]:
    """One gateway of each cluster is not ready for 15 s: how many the operator removed."""
    victims = await _one_of_each(stage)
    before = {uid async for uid in _uids(stage)}
    stage.audit.skip()
    for status, seconds in (("False", _FLAP_SECONDS), ("True", _AFTER_SECONDS)):
        began = time.monotonic()
        for cluster in wanted:
            path = f"{_PODS}/{victims[cluster]}/status"
            await stage.api.patch(path, _readiness(status), STRATEGIC_PATCH)
        # From the first to the first, as from the last to the last: of a thousand, to write them
        # takes as long as a flap.
        await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    after = {uid async for uid in _uids(stage)}
    removals = [r for r in stage.audit.read(USER) if r.resource == "pods/eviction"]
    count = len(wanted)
    return [
        Figure(name="flaps-replaced", size=count, values=(float(len(before - after)),)),
        Figure(name="flaps-evictions", size=count, values=(float(len(removals)),)),
    ]


async def _one_of_each(stage: Stage) -> dict[str, str]:
    found = {}
    async for pod in fleet.pods(stage.api):
        found[pod["metadata"]["labels"]["app"]] = pod["metadata"]["name"]
    return found


async def _uids(stage: Stage) -> AsyncIterator[str]:
    async for pod in fleet.pods(stage.api):
        yield pod["metadata"]["uid"]


def _crashed() -> Json:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    container = {
        "name": "gateway",
        "image": "gateway",
        "imageID": "gateway",
        "ready": False,
        "restartCount": _RESTARTS,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": now, "startedAt": now}},
    }
    return {"status": {**_readiness("False")["status"], "containerStatuses": [container]}}


def _readiness(status: str) -> Json:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    kinds = ("Ready", "ContainersReady")
    conditions = [{"type": k, "status": status, "lastTransitionTime": now} for k in kinds]
    return {"status": {"conditions": conditions}}
