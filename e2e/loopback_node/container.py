"""One container's life: start, probes, restarts with back-off, and the orderly end.

A `ContainerLife` runs its command as a local process for as long as its pod's restart policy says
so, and shows itself as a `ContainerView`. `told` is called after every change of that view.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopback_node.backoff import BackOff
from loopback_node.deadline import Deadline
from loopback_node.manifest import Pause
from loopback_node.moments import now_text
from loopback_node.probes import Streak, verdict
from loopback_node.status import CREATING, ContainerView, Running, Terminated, Waiting, has_restart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from loopback_node.manifest import Container, Probe
    from loopback_node.probes import Place
    from loopback_node.processes import Process
    from loopback_node.status import Past, State

log = logging.getLogger(__name__)

# A kubelet leaves at least this between SIGTERM and SIGKILL, whatever preStop took.
_LEAST_GRACE = 2.0
# A kubelet's probes are out of step with the container's start by part of a period.
_LONGEST_PHASE = 0.5
# A kubelet shows how a container ended until it next looks at the pod: within the first back-off.
_SHOWN_ENDED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the pod and the node lay down for each container."""

    pod: str
    image: str
    restart_policy: str
    grace_period: float
    backoff_base: float
    told: Callable[[], None]
    note: Callable[[str, str, str], None]
    """Posts an Event on the pod: type, reason, message."""


class ContainerLife:
    """A container of a pod on this node."""

    def __init__(self, wanted: Container, place: Place, terms: Terms, past: Past | None) -> None:
        self._wanted = wanted
        self._place = place
        self._terms = terms
        self._past = past
        self._backoff = BackOff(base=terms.backoff_base)
        self._state: State = CREATING
        self._last: Terminated | None = past.last if past else None
        self._restarts = past.restarts if past else 0
        self._ready = False
        self._started = False
        self._process: Process | None = None
        self._end_wanted = asyncio.Event()
        self._deadline: Deadline | None = None

    @property
    def view(self) -> ContainerView:
        """The container as it is now."""
        return ContainerView(
            name=self._wanted.name,
            image=self._terms.image,
            state=self._state,
            last=self._last,
            restarts=self._restarts,
            ready=self._ready,
            started=self._started,
        )

    async def run(self) -> None:
        """Live until told to stop or until the restart policy lets it rest."""
        if self._past and not self._deadline:
            if not has_restart(self._terms.restart_policy, self._past.last.exit_code):
                self._state, self._last = self._past.last, None
                self._terms.told()
                return
            self._restarts += 1
        while not self._deadline:
            end = await self._run_once()
            if self._deadline or not has_restart(self._terms.restart_policy, end.exit_code):
                return
            await self._wait_out(end)

    def stop(self, deadline: Deadline) -> None:
        """End it in order within the pod's deadline, and do not start it again."""
        self._deadline = deadline
        self._end_wanted.set()

    def kill(self) -> None:
        """End its processes at once; whoever runs `run()` cancels that."""
        if self._process:
            self._process.discard()

    async def _run_once(self) -> Terminated:
        number = self._restarts
        name = self._wanted.name
        process = self._process = await self._place.runtime.start(
            self._wanted.command,
            self._place.env,
            folder=self._place.folder,
            log=self._place.folder / f"{name}-{number}.log",
        )
        (self._place.folder / f"{name}-{number - 2}.log").unlink(missing_ok=True)
        running = Running(
            started_at=now_text(), container_id=f"loopback://{process.pid}-{secrets.token_hex(4)}"
        )
        self._state = running
        log.info("started pod=%s container=%s pid=%d", self._terms.pod, name, process.pid)
        self._terms.note("Normal", "Started", f"Started container {name}")
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._probe()), group.create_task(self._end(process))]
            self._terms.told()
            code = await process.exit_code()
            for task in beside:
                task.cancel()
        self._process = None
        self._ready = self._started = False
        self._state = ended = Terminated(
            exit_code=code,
            reason="Completed" if code == 0 else "Error",
            message=process.last_lines() if code else "",
            started_at=running.started_at,
            finished_at=now_text(),
            container_id=running.container_id,
        )
        log.info("ended pod=%s container=%s exit=%d", self._terms.pod, name, code)
        self._terms.told()
        return ended

    async def _wait_out(self, end: Terminated) -> None:
        """Wait as long as the back-off says, or until told to stop."""
        delay = self._backoff.delay(asyncio.get_running_loop().time())
        name = self._wanted.name
        self._last = end
        if not self._deadline:
            self._end_wanted.clear()  # a failed probe has been dealt with
        if delay:
            shown = min(delay, self._terms.backoff_base) * _SHOWN_ENDED
            await self._rest(shown)
            self._state = Waiting(
                reason="CrashLoopBackOff",
                message=f"back-off {delay:g}s restarting failed container={name} "
                f"pod={self._terms.pod}",
            )
            self._terms.note(
                "Warning", "BackOff", f"Back-off restarting failed container {name} in pod"
            )
            self._terms.told()
            await self._rest(delay - shown)
        if not self._deadline:
            self._restarts += 1

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end_wanted.wait()

    async def _end(self, process: Process) -> None:
        """Once it is wanted: preStop, SIGTERM, and SIGKILL at the end of the grace period."""
        await self._end_wanted.wait()
        deadline = self._deadline or Deadline(self._terms.grace_period)
        with suppress(TimeoutError):
            async with deadline.limit():
                await self._pre_stop()
        process.terminate()
        with suppress(TimeoutError):
            async with deadline.limit(least=_LEAST_GRACE):
                await asyncio.Event().wait()
        log.info("killed pod=%s container=%s", self._terms.pod, self._wanted.name)
        process.kill()

    async def _pre_stop(self) -> None:
        hook = self._wanted.pre_stop
        match hook:
            case None:
                return
            case Pause(seconds=seconds):
                await asyncio.sleep(seconds)
            case _:
                complaint = await verdict(hook, self._place, limit=None)
                if complaint:
                    self._terms.note("Warning", "FailedPreStopHook", complaint)

    async def _probe(self) -> None:
        if self._wanted.startup:
            async for passing in self._verdicts("Startup", self._wanted.startup):
                if passing is False:
                    self._want_end("startup")
                    return
                if passing:
                    break
        self._started = True
        self._ready = self._wanted.readiness is None
        self._terms.told()
        async with asyncio.TaskGroup() as group:
            if self._wanted.readiness:
                group.create_task(self._watch_readiness(self._wanted.readiness))
            if self._wanted.liveness:
                group.create_task(self._watch_liveness(self._wanted.liveness))

    async def _watch_readiness(self, probe: Probe) -> None:
        async for passing in self._verdicts("Readiness", probe):
            if self._ready != bool(passing):
                self._ready = bool(passing)
                log.info("ready=%s pod=%s", self._ready, self._terms.pod)
                self._terms.told()

    async def _watch_liveness(self, probe: Probe) -> None:
        async for passing in self._verdicts("Liveness", probe):
            if passing is False:
                self._want_end("liveness")
                return

    def _want_end(self, kind: str) -> None:
        if not self._end_wanted.is_set():
            self._terms.note(
                "Normal",
                "Killing",
                f"Container {self._wanted.name} failed {kind} probe, will be restarted",
            )
            self._end_wanted.set()

    async def _verdicts(self, kind: str, probe: Probe) -> AsyncIterator[bool | None]:
        """What the thresholds say after each check."""
        clock = asyncio.get_running_loop().time
        streak = Streak(probe=probe)
        await asyncio.sleep(probe.initial_delay + min(probe.period / 2, _LONGEST_PHASE))
        while True:
            begun = clock()
            complaint = await verdict(probe.check, self._place, probe.timeout)
            if complaint:
                self._terms.note("Warning", "Unhealthy", f"{kind} probe failed: {complaint}")
            streak.add(good=complaint is None)
            yield streak.passing
            await asyncio.sleep(begun + probe.period - clock())
