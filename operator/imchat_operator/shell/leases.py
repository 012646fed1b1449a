"""Whether nodes still renew their leases: the earliest sign that one is lost.

A kubelet renews its node's Lease every quarter of the time that it lasts; the API server calls the
node not ready some time after it has lapsed. Clocks of nodes may be wrong, so what counts is how
long a lease was seen unchanged; half of that is enough where it is also old by its own time. A
time in which we could not look is no evidence: the kubelet may have had no API server either.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imchat_operator.shell.kube import FAILED, LEASES, Api

_NAMESPACE = "kube-node-lease"
_USUAL_SECONDS = 40.0  # the kubelet's default of nodeLeaseDurationSeconds
_SHORTEST_PAUSE = 1.0
_USUAL_GAP = 5.0  # a pass waits for silent gateways
_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    """What a Lease says: when it was renewed, by its holder's clock, and for how many seconds."""

    renewed: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """A lease as it was seen without a change, from one moment to another on our own clock."""

    lease: _Lease
    first: float
    last: float

    def has_lapsed(self, now: datetime) -> bool:
        """Whether it was seen unchanged for too long a time."""
        seen, lasts = self.last - self.first, self.lease.seconds
        age = (now - self.lease.renewed).total_seconds()
        return seen >= lasts or (seen >= lasts / 2 and age > lasts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """The latest look at a node's lease; without a sight it could not be read."""

    at: float
    sight: _Sight | None


class Leases:
    """The leases of the nodes that one cluster doubts; remembers how it saw them."""

    def __init__(
        self,
        api: Api,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._clock = clock
        self._now = now
        self._looks: dict[str, _Look] = {}

    async def lapsed(self, nodes: Collection[str]) -> frozenset[str]:
        """Return which of these nodes have stopped renewing their leases; forget all others.

        Each lease is read at most once a second; one that can't be read has not lapsed.
        """
        self._looks = {name: look for name, look in self._looks.items() if name in nodes}
        await asyncio.gather(*(self._look(name) for name in nodes))
        now = self._now()
        return frozenset(
            name
            for name, look in self._looks.items()
            if look.sight is not None and look.sight.has_lapsed(now)
        )

    async def _look(self, name: str) -> None:
        at, before = self._clock(), self._looks.get(name)
        if before is not None and at - before.at < _SHORTEST_PAUSE:
            return
        lease = await self._read(name)
        sight = None
        if lease is not None:
            sight = _Sight(lease=lease, first=self._clock(), last=at)
            old = before.sight if before else None
            longest = max(_USUAL_GAP, lease.seconds / 2)
            if old is not None and old.lease == lease and at - old.last <= longest:
                sight = replace(old, last=at)
        self._looks[name] = _Look(at=at, sight=sight)

    async def _read(self, name: str) -> _Lease | None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                found = await self._api.request("GET", LEASES.path(_NAMESPACE, name))
            spec = found["spec"]
            return _Lease(
                renewed=datetime.fromisoformat(spec["renewTime"]),
                seconds=float(spec.get("leaseDurationSeconds") or _USUAL_SECONDS),
            )
        except FAILED:
            return None
        except (LookupError, TypeError, ValueError):  # never renewed
            return None
