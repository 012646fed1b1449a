"""Many trials at a time on one stage, each compared with a run of its workload without faults."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterable

from urllib3.exceptions import HTTPError

from faults.gateways import Ailment
from faults.history import Json
from faults.oracles import Violation
from faults.plans import KILLS, Fault
from faults.pulse import MOST
from faults.scene import StuckError
from faults.stage import Stage
from faults.trial import UNANSWERED, Plan, Result, played
from faults.workloads import Workload

_TRIES = 3


class Campaign:
    """Plays plans, so many at a time; `sound` has the runs to compare with, if not this one."""

    def __init__(self, stage: Stage, jobs: int, sound: "Campaign | None" = None) -> None:
        self._stage = stage
        self._free = asyncio.Semaphore(jobs)
        self._sound = sound or self
        self._clean: dict[str, asyncio.Task[Result]] = {}

    def clean(self, workload: Workload) -> asyncio.Task[Result]:
        """Return the run of a workload without faults, which is made once."""
        if workload.name not in self._clean:
            self._clean[workload.name] = asyncio.create_task(self._undisturbed(workload))
        return self._clean[workload.name]

    async def _undisturbed(self, workload: Workload) -> Result:
        """Play a workload until nothing was wrong with it: what others are compared with."""
        for _ in range(_TRIES - 1):
            result = await self._played(Plan(workload=workload))
            if not result.violations:
                return result
        return await self._played(Plan(workload=workload))

    async def judged(self, plan: Plan) -> Result:
        """Play a plan; an end state that differs from the clean run's is a violation too.

        One that went wrong while the machine gave us no turn is played again, so many times.
        """
        clean = await self._sound.clean(plan.workload)
        result, discarded = await self._compared(plan, clean), tuple[Violation, ...]()
        while is_unjudged(result) and len(discarded) < _TRIES - 1:
            discarded = (*discarded, result.violations[0])
            result = await self._compared(plan, clean)
        return dataclasses.replace(result, discarded=discarded)

    async def _compared(self, plan: Plan, clean: Result) -> Result:
        result = await self._played(plan)
        found = tuple(
            Violation(oracle="same end state", what=what)
            for what in differences(
                _lasting(clean.end, plan), _lasting(result.end, plan), _but(plan)
            )
        )
        if clean.violations:
            what = f"the run without faults is wrong too, {_TRIES} times: {clean.violations[0]}"
            found = (Violation(oracle="same end state", what=what),)
        return dataclasses.replace(result, violations=(*result.violations, *found))

    async def results(self, plans: Iterable[Plan]) -> AsyncIterator[Result]:
        """Yield the results of plans as they come."""
        tasks = [asyncio.create_task(self.judged(plan)) for plan in plans]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()

    async def kills(self, workload: Workload) -> list[Plan]:
        """Return one plan for each write of the clean run and each way to be killed at it."""
        clean = await self.clean(workload)
        return [
            Plan(workload=workload, faults=(Fault(kind=kind, at=at),))
            for at in range(1, clean.counts["write"] + 1)
            for kind in KILLS
        ]

    async def _played(self, plan: Plan) -> Result:
        async with self._free:
            for _ in range(_TRIES - 1):
                try:
                    return await played(self._stage, plan)
                except (HTTPError, StuckError):
                    continue  # the machine was too busy to grant an operator its rights, or begin
            return await played(self._stage, plan)


def is_unjudged(result: Result) -> bool:
    """Whether what is wrong may be the machine's: nothing is said of such a trial."""
    is_unasked = any(UNANSWERED in v.what for v in result.violations)
    return is_unasked or (bool(result.violations) and result.lateness > MOST)


def _lasting(end: Json, plan: Plan) -> Json:
    """Return an end state without what the workload leaves open."""
    told = [reason for reason in end["told"] if reason not in plan.workload.optional]
    return {**end, "told": told}


def _but(plan: Plan) -> frozenset[str]:
    """Return what a plan changes in the end: of a gateway that does not drain other is told."""
    return frozenset({"told"}) if plan.gateways is not Ailment.NONE else frozenset()


def differences(clean: Json, found: Json, but: frozenset[str]) -> list[str]:
    """Return where an end state differs from that of the run without faults."""
    return [
        f"{key}: {found[key]} instead of {clean[key]}"
        for key in clean.keys() - but
        if clean[key] != found[key]
    ]
