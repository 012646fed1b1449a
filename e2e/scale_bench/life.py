"""One life of the operator with so many clusters: start, rest, and a load that all meet at once."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from scale_bench import fleet
from scale_bench.figures import Figure, percentile
from scale_bench.stage import USER, Stage, usage

_BUSY, _USUAL = 85, 50
_POLL_SECONDS: Final = 0.5
_STEP_SECONDS: Final = 240.0
_SETTLING_SECONDS: Final = 45.0
"""A status forgets the Events that were posted after two intervals of 15 s."""


async def clusters(stage: Stage, sizes: list[int], rest: float) -> AsyncIterator[list[Figure]]:
    """Yield the figures of each size, from the smallest; fleets of 5 are added, never removed."""
    gateways, shape = 5, stage.shape()
    known: list[str] = []
    for size in sorted(sizes):
        wanted = fleet.names(size)
        await fleet.make_deployments(stage.api, wanted[len(known) :], shape)
        await fleet.resize(stage.api, known, gateways)
        await fleet.until_ready(stage.api, size * gateways)
        await fleet.make_clusters(stage.api, wanted, shape)
        yield await lived(stage, wanted, gateways, rest, is_stepped=True)
        await fleet.delete_clusters(stage.api)
        known = wanted


async def quiet(stage: Stage, rest: float) -> AsyncIterator[list[Figure]]:
    """Yield what 100 clusters ask for in a time that is long enough for watches to end."""
    wanted, shape = fleet.names(100), stage.shape()
    await fleet.make_deployments(stage.api, wanted, shape)
    await fleet.until_ready(stage.api, len(wanted) * shape.gateways)
    await fleet.make_clusters(stage.api, wanted, shape)
    stage.gateways.load(dict.fromkeys(wanted, _USUAL))
    async with stage.operator("quiet"):
        await stage.until_asked(wanted, shape.gateways)
        await asyncio.sleep(_SETTLING_SECONDS)
        stage.audit.skip()
        await asyncio.sleep(rest)
        requests = list(stage.audit.read(USER))
    _tell(Counter((r.verb, r.resource, r.code) for r in requests))
    found = {
        "quiet-requests": len(requests) / rest,
        "quiet-writes": float(sum(r.is_write for r in requests)),
    }
    yield [Figure(name=n, size=len(wanted), values=(v,)) for n, v in found.items()]


async def lived(
    stage: Stage, wanted: list[str], gateways: int, rest: float, *, is_stepped: bool
) -> list[Figure]:
    """What one life costs; it ends, where asked for, with a step of the load to 85 %."""
    size = len(wanted)
    found: dict[str, float] = {}
    # A first life leaves the statuses that a restarted operator finds.
    stage.gateways.load(dict.fromkeys(wanted, _USUAL))
    began = time.monotonic()
    async with stage.operator(f"life-{size}"):
        await stage.until_asked(wanted, gateways)
        found["first-start"] = time.monotonic() - began
        await asyncio.sleep(_SETTLING_SECONDS)
    stage.gateways.load(dict.fromkeys(wanted, _USUAL))
    began = time.monotonic()
    async with stage.operator(f"life-{size}") as process:
        await stage.until_asked(wanted, gateways)
        found["cold-start"] = time.monotonic() - began
        await asyncio.sleep(_SETTLING_SECONDS)
        stage.audit.skip()
        before, asked = usage(process.pid), stage.gateways.asked
        await asyncio.sleep(rest)
        after = usage(process.pid)
        requests = list(stage.audit.read(USER))
        _tell(Counter((r.verb, r.resource, r.code) for r in requests))
        writes = [r for r in requests if r.is_write]
        found["rest-requests"] = len(requests) / rest
        found["rest-writes"] = len(writes)
        found["rest-cpu"] = (after.cpu - before.cpu) / rest * 100
        found["rest-scrapes"] = (stage.gateways.asked - asked) / rest
        found["memory-steady"], found["memory-peak"] = after.resident, after.peak
        if is_stepped:
            found.update(await stepped(stage, wanted, USER, "sweep"))
            # In the midst of it: there is more to end than at rest.
            began = time.monotonic()
            await asyncio.to_thread(process.stop)
            found["end"] = time.monotonic() - began
    return [Figure(name=n, size=size, values=(v,)) for n, v in found.items()]


async def stepped(stage: Stage, wanted: list[str], user: str, name: str) -> dict[str, float]:
    """Raise the load of all; seconds from it, and from each one's sample, to each scale write."""
    stage.audit.skip()
    at = time.time()
    stage.gateways.load(dict.fromkeys(wanted, _BUSY))
    async with asyncio.timeout(_STEP_SECONDS):
        written = await stage.audit.first_writes(
            user, "deployments/scale", wanted, every=_POLL_SECONDS
        )
    # The last gateway that was asked before the write completes the sample that led to it.
    samples = {
        who: max((t for t in stage.gateways.sampled[who] if t < when), default=at)
        for who, when in written.items()
    }
    waits = [when - samples[who] for who, when in written.items()]
    return {
        f"{name}-sample-to-write": percentile(waits, 99),
        f"{name}-step-to-last-write": max(written.values()) - at,
        f"{name}-first-to-last-write": max(written.values()) - min(written.values()),
    }


def _tell(counts: Counter[tuple[str, str, int]]) -> None:
    for what, count in counts.most_common():
        sys.stderr.write(f"    {count} {' '.join(map(str, what))}\n")
