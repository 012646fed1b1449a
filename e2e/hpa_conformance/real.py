"""Plays cases on a real kube-controller-manager, several at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import custom_metrics
from custom_metrics import PodFigures
from hpa_conformance import manifests
from hpa_conformance.cases import LEGACY_WINDOW, PODS, Case, PodState
from loopback_node.api import MERGE_PATCH, Api, ApiError, connected

AT_ONCE = 20
"""How many cases are played at a time."""

_PAUSE = 0.2
CONTROLLER_FLAGS = (
    # The targets are ReplicaSets, and their pods are made by hand. (It adds to the others.)
    "--controllers=-replicaset-controller",
    f"--horizontal-pod-autoscaler-sync-period={_PAUSE}s",
    f"--horizontal-pod-autoscaler-downscale-stabilization={LEGACY_WINDOW}s",
    f"--concurrent-horizontal-pod-autoscaler-syncs={2 * AT_ONCE}",
)
"""What the controller manager has to run with."""

_TICK = timedelta(seconds=2 / 3)
# Windows of 1, 3 and 5 s end 1/3 s from any tick. A sync may come late, and what it remembers is
# dated at its end: together that has to stay below.
_MOST_LATE = timedelta(seconds=0.15)
_MOST_BUSY = timedelta(seconds=_PAUSE + 0.18)
_ATTEMPTS = 10
_CASE_SECONDS = 40.0
_POLL_SECONDS = 0.05

_NAMESPACE = "hpa-conformance"
_PODS = f"/api/v1/namespaces/{_NAMESPACE}/pods"
_TARGETS = f"/apis/apps/v1/namespaces/{_NAMESPACE}/replicasets"
_AUTOSCALERS = f"/apis/autoscaling/v2/namespaces/{_NAMESPACE}/horizontalpodautoscalers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What there was to see after a sync: the target's replicas, and the autoscaler's status."""

    replicas: int
    status: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A case as the controller played it.

    Attributes:
        case: what was played.
        moments: of the syncs that asked for figures.
        observed: after each sync; one more than `moments` if the first one asked for none.
        attempts: how often it was played until its time was kept.
    """

    case: Case
    moments: tuple[datetime, ...]
    observed: tuple[Observed, ...]
    attempts: int


class Performance:
    """One attempt at a case: answers the controller's questions when their time has come."""

    def __init__(self, api: Api, case: Case, name: str, slot: int) -> None:
        self._api = api
        self._case = case
        self._name = name
        self._slot = slot
        self._created = datetime.now(UTC)
        self._over = asyncio.Event()
        self.is_complete = asyncio.Event()
        self.is_late = False
        self.moments: list[datetime] = []
        self.observed: list[Observed] = []

    async def figures(self) -> Sequence[PodFigures]:
        """The answer to the controller's next sync; the previous one has left all its traces."""
        if self.is_complete.is_set():  # the autoscaler is being deleted
            return ()
        asked = datetime.now(UTC)
        if self.moments or not self._case.is_within_bounds:
            await self.observe()
        if len(self.moments) == len(self._case.samples):
            self.is_complete.set()
            await self._over.wait()
            return ()
        if self.moments:
            due = self.moments[0] + len(self.moments) * _TICK
            self.is_late |= asked - self.moments[-1] > _MOST_BUSY
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            self.is_late |= datetime.now(UTC) - due > _MOST_LATE
        elif self._case.is_within_bounds:
            self.is_late |= asked - self._created > _MOST_LATE
        samples = self._case.samples[len(self.moments)]
        self.moments.append(datetime.now(UTC))
        return [
            PodFigures(
                namespace=_NAMESPACE,
                pod=(name := manifests.pod_name(self._slot, pod)),
                labels={"pod": name},
                custom={self._name: value},
            )
            for pod, value in zip(self._case.pods, samples, strict=True)
            if value is not None
        ]

    async def observe(self) -> None:
        """Note what there is to see."""
        target = await self._api.get(f"{_TARGETS}/{self._name}")
        autoscaler = await self._api.get(f"{_AUTOSCALERS}/{self._name}")
        replicas = target["spec"]["replicas"]
        self.observed.append(Observed(replicas=replicas, status=autoscaler["status"]))

    async def play(self) -> None:
        """Have the controller play it to the end."""
        await self._api.create(_TARGETS, manifests.target(self._case, self._name, self._slot))
        self._created = datetime.now(UTC)
        await self._api.create(_AUTOSCALERS, manifests.autoscaler(self._case, self._name))
        try:
            async with asyncio.timeout(_CASE_SECONDS):
                if self._case.samples:
                    await self.is_complete.wait()
                else:
                    await self._watch_without_figures()
        finally:
            await self._api.delete(f"{_AUTOSCALERS}/{self._name}")
            self._over.set()
            await self._api.delete(f"{_TARGETS}/{self._name}")

    async def _watch_without_figures(self) -> None:
        """A target of no replicas: the controller never asks, but says so in its status."""
        path = f"{_AUTOSCALERS}/{self._name}"
        while "conditions" not in (await self._api.get(path)).get("status", {}):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        await self.observe()


@dataclass(slots=True)
class Stage:
    """Where cases are played: a namespace with pods; it is the source of all figures."""

    api: Api
    _performances: dict[str, Performance] = field(default_factory=dict)

    async def figures(self, namespace: str | None, metric: str | None) -> Sequence[PodFigures]:
        """The figures of the case that has the metric's name."""
        performance = self._performances.get(metric or "")
        return await performance.figures() if performance and namespace == _NAMESPACE else ()

    async def play(self, cases: Iterable[Case]) -> tuple[Played, ...]:
        """Play cases, several at a time; the result is in the order in which they ended.

        Raises:
            ExceptionGroup: the machine is too busy for the time of a case, or the control plane
                does not do its part.
        """
        waiting, played = iter(cases), []

        async def play_one_after_the_other(number: int) -> None:
            # Two slots in turn: the controller refuses a second autoscaler of the same pods, and
            # takes a moment to forget the first.
            turns = count(1)
            for case in waiting:
                for attempt in range(1, _ATTEMPTS + 1):
                    slot = 2 * number + next(turns) % 2
                    if result := await self._attempt(case, attempt, slot):
                        played.append(result)
                        break
                else:
                    raise TimeoutError(
                        f"Case {case.number} was late {_ATTEMPTS} times; this machine is too busy "
                        f"to play cases in real time."
                    )

        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(play_one_after_the_other(number))
        return tuple(played)

    async def _attempt(self, case: Case, attempt: int, slot: int) -> Played | None:
        """One attempt; None if it did not keep its time, and has to."""
        name = f"case-{case.number}-{attempt}"
        performance = Performance(self.api, case, name, slot)
        self._performances[name] = performance
        try:
            await performance.play()
        finally:
            del self._performances[name]
        if performance.is_late and case.has_short_windows:
            return None
        return Played(
            case=case,
            moments=tuple(performance.moments),
            observed=tuple(performance.observed),
            attempts=attempt,
        )


@asynccontextmanager
async def stage(kubeconfig: Path) -> AsyncIterator[Stage]:
    """A stage on a control plane of one's own, which runs with `CONTROLLER_FLAGS`."""
    async with connected(kubeconfig) as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
        await _exists(api, f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts/default")
        await asyncio.gather(*(_slot(api, slot) for slot in range(2 * AT_ONCE)))
        made = Stage(api)
        async with custom_metrics.serving(kubeconfig, made):
            yield made


async def _exists(api: Api, path: str) -> None:
    async with asyncio.timeout(_CASE_SECONDS):
        while True:
            try:
                await api.get(path)
            except ApiError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return


async def _slot(api: Api, slot: int) -> None:
    """Make the pods of a slot."""
    for number, state in enumerate(PODS):
        await api.create(_PODS, manifests.pod(slot, number))
        path = f"{_PODS}/{manifests.pod_name(slot, number)}"
        status = {"status": manifests.pod_status(state)}
        await api.patch(f"{path}/status", status, MERGE_PATCH)
        if state is PodState.TERMINATING:
            await api.delete(path)
