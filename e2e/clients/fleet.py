"""A fleet of clients whose size can change while it runs.

async with ClientFleet(FixedEndpoints(endpoints=...)) as fleet:
    fleet.target = 2000
    ...
    fleet.report()
"""

import asyncio
import random
import resource
import sys
from collections import Counter
from typing import Self

from clients.balancer import Balancer, EndpointSource
from clients.client import Client, Manners
from clients.report import Report, Tally

ARRIVALS_PER_SECOND = 500
"""Clients arrive at most this fast, so that one process can serve their handshakes in time."""
DEPARTURES_PER_SECOND = 1000
"""They leave at most this fast, so that the gateways can answer each goodbye in time."""
TICK_SECONDS = 0.02
FILES_KEPT = 100
"""Open files that the process needs beside its clients' sockets."""
_RETURNS_SECONDS = 60


class ClientFleet:
    """Clients on the ready gateways of `endpoints`, as many as `target` says.

    Leaving the block lets all clients leave, each with a close frame. A client that fails by
    a bug of its own fails `report()` and the block: a broken counter must not look like a result.
    """

    def __init__(
        self,
        endpoints: EndpointSource,
        *,
        manners: Manners | None = None,
        seed: int | None = None,
    ) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - jitter and choices, no secrets
        self._balancer = Balancer(endpoints, self._dice)
        self._manners = manners or Manners()
        self._tally = Tally()
        self._target = 0
        self._target_changed = asyncio.Event()
        self._arrived = 0
        self._staying: list[Client] = []
        self._living: dict[asyncio.Task[None], Client] = {}
        self._gone_seconds, self._gone_max_seconds = 0.0, 0.0
        self._failure: BaseException | None = None
        self._steering: asyncio.Task[None] | None = None

    @property
    def target(self) -> int:
        """How many clients there should be."""
        return self._target

    @target.setter
    def target(self, clients: int) -> None:
        """Let clients arrive (at most 500 a second) or leave (at most 1000, with close frames).

        Raises:
            ValueError: below 0, or more than this process may open sockets.
        """
        check_size(clients)
        self._target = clients
        self._target_changed.set()

    def report(self) -> Report:
        """What the users have felt so far."""
        if self._failure is not None:
            raise self._failure
        tally = self._tally
        first = asyncio.get_running_loop().time() - _RETURNS_SECONDS
        tally.returns = Counter({s: n for s, n in tally.returns.items() if s >= first})
        lacked = [client.seconds_without_service() for client in self._living.values()]
        by_gateway = {name: count for name, count in tally.by_gateway.items() if count}
        return Report(
            target=self._target,
            connected=sum(by_gateway.values()),
            opened=tally.opened,
            returned=tally.returned,
            returns=dict(tally.returns),
            left=tally.left,
            closed=dict(tally.closed),
            dropped=tally.dropped,
            refused=tally.refused,
            sent=tally.sent,
            echoed=tally.echoed,
            lost=tally.lost,
            without_service_seconds=self._gone_seconds + sum(lacked),
            without_service_max_seconds=max((self._gone_max_seconds, *lacked)),
            by_gateway=by_gateway,
        )

    async def __aenter__(self) -> Self:
        self._steering = asyncio.create_task(self._steer(), name="client fleet")
        self._steering.add_done_callback(self._note_failure)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.target = 0
        if self._steering is not None:
            self._steering.cancel()
        await self._approach_target()
        if self._living:
            await asyncio.wait(self._living)
        if self._failure is not None:
            raise self._failure

    async def _steer(self) -> None:
        """Bring the clients that stay to the target, whenever it changes."""
        while True:
            await self._target_changed.wait()
            self._target_changed.clear()
            await self._approach_target()

    async def _approach_target(self) -> None:
        """Let some arrive or leave each tick until as many stay as should."""
        while missing := self._target - len(self._staying):
            if missing > 0:
                self._let_arrive(min(missing, round(ARRIVALS_PER_SECOND * TICK_SECONDS)))
            else:
                self._let_leave(min(-missing, round(DEPARTURES_PER_SECOND * TICK_SECONDS)))
            await asyncio.sleep(TICK_SECONDS)

    def _let_arrive(self, count: int) -> None:
        for _ in range(count):
            self._arrived += 1
            client = Client(
                f"client-{self._arrived}",
                balancer=self._balancer,
                tally=self._tally,
                manners=self._manners,
                dice=self._dice,
            )
            self._staying.append(client)
            task = asyncio.create_task(client.live())
            self._living[task] = client
            task.add_done_callback(self._note_gone)

    def _let_leave(self, count: int) -> None:
        for _ in range(count):
            chosen = self._dice.randrange(len(self._staying))
            self._staying[chosen], self._staying[-1] = self._staying[-1], self._staying[chosen]
            self._staying.pop().leave()

    def _note_gone(self, task: asyncio.Task[None]) -> None:
        client = self._living.pop(task)
        lacked = client.seconds_without_service()
        self._gone_seconds += lacked
        self._gone_max_seconds = max(self._gone_max_seconds, lacked)
        self._note_failure(task)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        failure = None if task.cancelled() else task.exception()
        self._failure = self._failure or failure


def check_size(clients: int) -> None:
    """Raise the soft limit of open files to the hard one, and see whether that is enough.

    Raises:
        ValueError: below 0, or more than this process may open sockets.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = sys.maxsize if hard == resource.RLIM_INFINITY else hard - FILES_KEPT
    if not 0 <= clients <= most:
        raise ValueError(
            f"{clients} clients are not between 0 and {most}; "
            "raise the limit of open files (ulimit -Hn) for more"
        )
