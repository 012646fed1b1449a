"""Where utilization comes from: the gateways' own metrics, sampled concurrently.

A sample is taken again only when it is older than asked for, so that a pass caused by something
else costs the gateways nothing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from imchat_operator.core.snapshot import NotAsked, Reading, Reported, Silent, Unreadable
from imchat_operator.models import Metrics
from imchat_operator.shell.gateway import Address, Gateways


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the gateways said, by pod uid, when they were asked, and which were ready then."""

    at: datetime
    readings: Mapping[str, Reading]
    ready: frozenset[str]

    def reading(self, uid: str) -> Reading:
        """Return a gateway's reading; one that came up since has not been asked."""
        return self.readings.get(uid, NotAsked())

    def covers(self, addresses: Mapping[str, Address], ready: frozenset[str]) -> bool:
        """Return whether all these were asked, those that are ready when they already were."""
        return addresses.keys() <= self.readings.keys() and ready <= self.ready


class PodMetricsSource:
    """Samples of one cluster's gateways."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self._latest: Sample | None = None
        self._last_connections: dict[str, int] = {}

    async def sample(
        self,
        addresses: Mapping[str, Address],
        ready: frozenset[str],
        metrics: Metrics,
        longest: timedelta,
    ) -> Sample:
        """Return readings of all gateways that are not older than `longest`.

        A gateway that came up, or became ready, after the latest sample makes that one too old:
        what it said while it was starting tells nothing about the fleet.

        Args:
            addresses: where the gateways answer, by pod uid.
            ready: uids of the gateways that are ready.
            metrics: what to read, and how long to wait for it.
            longest: the age from which on a sample is taken again.
        """
        now, latest = datetime.now(UTC), self._latest
        if latest is not None and now - latest.at < longest and latest.covers(addresses, ready):
            return latest
        readings = await asyncio.gather(
            *(self._gateways.read(address, metrics) for address in addresses.values())
        )
        self._latest = Sample(
            at=now,
            readings={
                uid: self._remembered(uid, reading)
                for uid, reading in zip(addresses, readings, strict=True)
            },
            ready=ready,
        )
        self._last_connections = {
            uid: n for uid, n in self._last_connections.items() if uid in addresses
        }
        return self._latest

    def _remembered(self, uid: str, reading: Reported | Silent | Unreadable) -> Reading:
        if isinstance(reading, Reported):
            self._last_connections[uid] = reading.connections
            return reading
        if isinstance(reading, Silent):
            return replace(reading, last_connections=self._last_connections.get(uid))
        return reading
