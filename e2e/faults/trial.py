"""One trial: a fleet, a workload, a plan; and the history that the oracles judge."""

import asyncio
import dataclasses
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

import aiohttp

from faults.crew import Crew
from faults.footprint import Footprint
from faults.gateway_wire import GatewayWire
from faults.gateways import Ailment
from faults.history import CLUSTER, POD, Call, History, Json, Moments
from faults.levers import Levers
from faults.oracles import Violation, violations
from faults.plans import Course, Fault, Kind
from faults.proxy import Proxy
from faults.records import path
from faults.scene import NAME, Scene, StuckError
from faults.stage import Stage
from faults.workloads import Workload
from harness.namespace import is_true
from loopback_node.api import ApiError

QUIET_SECONDS = 5.0
"""A trial is settled when no operator has written for so long."""
WATCHED_SECONDS = 2.0
"""So long is then looked whether one writes all the same."""
LONGEST_UNREST = 30.0
"""So long after the last fault, restart or step, and the workload's own end, all must be still."""
LONGEST_END = 300.0
"""And so long after its end in any case: an operator that begins anew for ever disturbs it."""
UNANSWERED = "the API server did not answer the workload itself"
_STALE_REVISIONS = 20
_GATE = "imchat.dev/accepting-connections"
_SUBRESOURCE = re.compile(r"/(status|scale|eviction)$")
_NODES = 3
_TRIES = 5
_LOOKS, _BETWEEN_LOOKS = 4, 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played and what goes wrong with it; `gateways` is what is wrong with those."""

    workload: Workload
    faults: tuple[Fault, ...] = ()
    gateways: Ailment = Ailment.NONE

    @property
    def is_elected(self) -> bool:
        """Whether there are two replicas from the beginning, of which one leads by a Lease."""
        return any(fault.kind is Kind.FROZEN for fault in self.faults)

    def __str__(self) -> str:
        """The plan as arguments of the command line."""
        ailment = () if self.gateways is Ailment.NONE else (f"--gateways '{self.gateways}'",)
        return " ".join([self.workload.name, *map(str, self.faults), *ailment])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial; of its history only what is told of it, as a history is large.

    Attributes:
        calls: the operators' writes from the workload's first step on, by seconds since then.
        footprints: the operator's before and after, as in its history.
        counts: writes, reads and watch events of the operators, by the names of their channels.
        pending: faults whose turn never came.
        end: the state that all ended in.
        lateness: the most that the harness was late by in a few seconds (pulse.py).
        discarded: what was wrong first in each play before, while the harness was too late.
    """

    plan: Plan
    calls: tuple[Call, ...] = field(repr=False)
    footprints: tuple[Footprint, ...]
    violations: tuple[Violation, ...]
    counts: dict[str, int]
    pending: tuple[Fault, ...]
    end: Json
    seconds: float
    log: Path
    lateness: float
    discarded: tuple[Violation, ...] = ()


async def played(stage: Stage, plan: Plan) -> Result:
    """Play one trial and judge it."""
    namespace = f"{plan.workload.name}-{uuid4().hex[:6]}"
    begun = time.monotonic()
    log = stage.folder / f"{namespace}.log"
    crew = Crew(stage, namespace, log, is_elected=plan.is_elected)
    ledger = stage.records.ledgers[namespace]
    scene = Scene(
        api=stage.api,
        fleet=stage.fleet,
        ledger=ledger,
        namespace=namespace,
        patience=stage.patience,
    )
    course = Course(plan.faults)
    wire = GatewayWire(course)

    async def touch(target: str) -> None:
        note = {"metadata": {"annotations": {"faults/touched": uuid4().hex}}}
        with suppress(ApiError):
            await stage.api.patch(_SUBRESOURCE.sub("", target), note)

    levers = Levers(
        kill=crew.kill,
        twin=crew.twin,
        frozen=crew.frozen,
        touch=touch,
        revision=lambda: ledger.seen[-_STALE_REVISIONS:][0].revision,
        compact=stage.storage.compact,
    )
    before = after = None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_furnished(scene, plan.workload, wire))
        proxy = await stack.enter_async_context(Proxy.running(stage.upstream, course, levers))
        running = asyncio.create_task(crew.run(proxy))
        stack.push_async_callback(_ended, running)
        try:
            await _begun(scene, plan.workload)
        except StuckError as error:
            now = time.monotonic()
            moments, stuck = Moments(begun=now, disturbed=now, settled=now, ended=now), str(error)
        else:
            before = await _in_use(crew)
            course.arm()
            if plan.gateways is not Ailment.NONE:
                scene.strike(plan.gateways)
            moments, stuck = await _to_its_end(
                scene, plan, lambda: max(proxy.disturbed, wire.disturbed), proxy.calls
            )
            after = await _in_use(crew)
        end = scene.end_state()
    crashes = [*crew.crashes, *_tracebacks(log)]
    history = History(
        seen=tuple(sorted(ledger.seen, key=lambda s: s.revision)),
        calls=tuple(proxy.calls),
        endings=tuple(stage.fleet.endings.pop(namespace, ())),
        moments=moments,
        crashes=tuple(crashes),
        footprints=(before, after) if before and after and before.pid == after.pid else None,
    )
    stage.records.ledgers.pop(namespace)
    found = [Violation(oracle="stuck", what=stuck)] if stuck else []
    return Result(
        plan=plan,
        calls=tuple(
            dataclasses.replace(c, at=c.at - moments.begun, body=None)
            for c in history.calls
            if c.at >= moments.begun
        ),
        footprints=history.footprints or (),
        violations=(*found, *violations(history)),
        counts={channel.value: count for channel, count in course.counts.items()},
        pending=course.rest,
        end=end,
        seconds=time.monotonic() - begun,
        log=log,
        lateness=stage.pulse.lateness(begun),
    )


@asynccontextmanager
async def _furnished(scene: Scene, workload: Workload, wire: GatewayWire) -> AsyncIterator[None]:
    """Give a namespace its nodes, users and manifests; take it all away at the end."""
    api, namespace = scene.api, scene.namespace
    await _insisted(lambda: api.create("/api/v1/namespaces", {"metadata": {"name": namespace}}))
    scene.fleet.add_nodes(namespace, _NODES, wire, are_own=workload.has_own_nodes)
    try:
        for body in workload.manifests:
            root = f"/apis/{body['apiVersion']}/namespaces/{namespace}"
            target = f"{root}/{body['kind'].lower()}s"
            await _insisted(partial(api.create, target, body))
        yield
    finally:
        bare: Json = {"metadata": {"finalizers": []}}
        await scene.fleet.remove_nodes(namespace)  # what ends from now on is not the operator's
        await _insisted(lambda: api.delete(f"/api/v1/namespaces/{namespace}"))
        # The namespace's controller looks again and again for as long as there are pods.
        await _insisted(lambda: api.delete(path(POD, namespace), {"gracePeriodSeconds": 0}))
        await _insisted(lambda: api.patch(path(CLUSTER, namespace, NAME), bare))


async def _insisted(call: Callable[[], Awaitable[object]]) -> None:
    """Do what has to be done also on a machine that is too busy to answer in time."""
    for _ in range(_TRIES):
        try:
            await call()
        except ApiError as error:
            if error.code in {404, 409}:
                return
        except (aiohttp.ClientError, TimeoutError):
            continue
        else:
            return
    raise StuckError("the API server did not answer")


async def _begun(scene: Scene, workload: Workload) -> None:
    """Wait until all gateways are in rotation and have their users."""
    await scene.until(lambda: len(scene.ready) == workload.replicas, "ready gateways")
    scene.want(workload.users)  # all at a time: nothing has to be shared out afterwards
    await scene.until(lambda: _is_served(scene, workload), "a fleet to begin with")


def _is_served(scene: Scene, workload: Workload) -> bool:
    """Whether all gateways are in rotation and have their users, and the operator has seen it."""
    held = sum(scene.fleet.gateway(p["metadata"]["uid"]).held for p in scene.ready)
    is_whole = scene.is_calm(workload.replicas) and held == workload.users
    gates = [is_true(p, _GATE) for p in scene.pods]
    told = scene.condition("Ready").get("status") == "True"
    return is_whole and all(gates) and told and not scene.status.get("pendingEvents")


async def _to_its_end(
    scene: Scene, plan: Plan, faulty: Callable[[], float], calls: Sequence[Call]
) -> tuple[Moments, str]:
    """Play the workload and wait until all is still; `faulty` is when a fault was last."""
    begun = time.monotonic()
    stuck = ""
    try:
        await plan.workload.play(scene)
    except StuckError as error:
        stuck = str(error)
    except ApiError as error:
        stuck = f"the API server refused the workload itself: {error}"
    except (aiohttp.ClientError, TimeoutError) as error:
        stuck = f"{UNANSWERED}: {error!r}"
    over = time.monotonic()

    def last() -> float:
        return max((c.at for c in calls if not c.is_lease), default=begun)

    def disturbed() -> float:
        return max(scene.stepped, faulty())

    while (now := time.monotonic()) < max(
        last(), disturbed(), over
    ) + QUIET_SECONDS or not scene.is_idle:
        if now > over + LONGEST_END:
            stuck = stuck or f"operators still start anew {LONGEST_END:g}s after all was over"
            break
        if now > max(over, disturbed()) + LONGEST_UNREST:
            stuck = stuck or f"it still writes {LONGEST_UNREST:g}s after all was over"
            break
        await asyncio.sleep(0.2)
    settled = time.monotonic()
    await asyncio.sleep(WATCHED_SECONDS)
    moments = Moments(begun=begun, disturbed=disturbed(), settled=settled, ended=time.monotonic())
    return moments, stuck


async def _in_use(crew: Crew) -> Footprint | None:
    """Return what the operator has in use between two samples.

    For each gateway that is being asked there is a socket more.
    """
    looks = []
    for _ in range(_LOOKS):
        looks.append(crew.footprint())
        await asyncio.sleep(_BETWEEN_LOOKS)
    return min(filter(None, looks), key=lambda f: f.descriptors, default=None)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


def _tracebacks(log: Path) -> list[str]:
    text = log.read_text(errors="replace") if log.exists() else ""
    return [line for line in text.splitlines() if line.startswith("Traceback")]
