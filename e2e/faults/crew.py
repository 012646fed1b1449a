"""The operators of one trial: one at all times, as a kubelet has it; or two of them.

Two replicas elect their leader by a Lease. Twins have none, and each believes that it leads.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from faults.footprint import Footprint, footprint
from faults.proxy import Proxy
from faults.stage import Stage
from harness.rights import LEASE

if TYPE_CHECKING:
    from faults.operators import Operator

_LONGEST_ELECTION = 40.0
_TICK = 0.05


class Crew:
    """All operators of a namespace; each has a seat, and so a way to the API server.

    Attributes:
        crashes: what none of them should have done.
    """

    def __init__(self, stage: Stage, namespace: str, log: Path, *, is_elected: bool) -> None:
        self._stage = stage
        self._namespace = namespace
        self._log = log
        self._is_elected = is_elected
        self._members: dict[int, Operator] = {}
        self._expected: set[int] = set()
        self._twin = asyncio.Event()
        self._deposed = 0
        self.crashes: list[str] = []

    async def run(self, proxy: Proxy) -> None:
        """Have operators until cancelled."""
        ways = await self._stage.kubeconfigs(self._namespace, proxy.ports)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kept(0, ways[0], proxy))
            if not self._is_elected:
                await self._twin.wait()
            group.create_task(self._kept(1, ways[1], proxy))

    async def kill(self, seat: int) -> None:
        """End one by `kill -9`."""
        self._expected.add(seat)
        await self._members[seat].kill()

    def twin(self) -> None:
        """Start another one, which believes that it leads too."""
        self._twin.set()

    @asynccontextmanager
    async def frozen(self, seat: int, is_taken_over: Callable[[], bool]) -> AsyncIterator[None]:
        """Stop one for as long as the block lasts, which begins once another has taken over."""
        operator, deadline = self._members[seat], time.monotonic() + _LONGEST_ELECTION
        self._expected.add(seat)  # it may end once it sees that it was deposed
        operator.send(signal.SIGSTOP)
        try:
            while not is_taken_over():
                if time.monotonic() > deadline:
                    self.crashes.append("nobody took over from a frozen leader")
                    break
                await asyncio.sleep(_TICK)
            yield
        finally:
            operator.send(signal.SIGCONT)

    def footprint(self) -> Footprint | None:
        """Return what the one operator there is has in use; nothing if there are two, or none."""
        alone = next(iter(self._members.values()), None) if len(self._members) == 1 else None
        return footprint(alone.pid) if alone is not None else None

    def _was_deposed(self) -> bool:
        """Whether one more has told that another leads: it ends then, as it should."""
        found = self._log.read_text(errors="replace").count("leads no more")
        is_more, self._deposed = found > self._deposed, found
        return is_more

    async def _kept(self, seat: int, kubeconfig: Path, proxy: Proxy) -> None:
        environment = {
            "KUBECONFIG": str(kubeconfig),
            "IMCHAT_NAMESPACES": self._namespace,
            "IMCHAT_GATEWAY_NETWORKS": "127.0.0.0/8",
            "IMCHAT_ADDRESS": "127.0.0.1",
            "IMCHAT_METRICS_PORT": "0",
            "IMCHAT_HEALTH_PORT": "0",
            "IMCHAT_IDENTITY": f"seat-{seat}",
            **({"IMCHAT_LEASE": f"{self._namespace}/{LEASE}"} if self._is_elected else {}),
        }
        while True:
            operator = await self._stage.forkserver.start(environment, self._log)
            self._members[seat] = operator
            try:
                await operator.ended.wait()
            finally:
                await operator.kill()
            if seat not in self._expected and not self._was_deposed():
                self.crashes.append("an operator ended by itself")
                await asyncio.sleep(1)
            self._expected.discard(seat)
            proxy.restarted(seat)
