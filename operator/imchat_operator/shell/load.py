"""Where utilization comes from: the gateways' own metrics, sampled concurrently.

A sample is taken again only when it is older than asked for, so that a pass caused by something
else costs the gateways nothing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from imchat_operator.core.snapshot import NotAsked, Reading, Reported, Silent
from imchat_operator.models import Metrics
from imchat_operator.shell.gateway import Address, Gateways


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the gateways said, by pod uid, and when they were asked."""

    at: datetime
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def reading(self, uid: str) -> Reading:
        """Return a gateway's reading; one that came up since has not been asked."""
        return self.readings.get(uid, NotAsked())


class PodMetricsSource:
    """Samples of one cluster's gateways."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self._latest: Sample | None = None
        self._last_connections: dict[str, int] = {}

    async def sample(
        self,
        addresses: Mapping[str, Address],
        metrics: Metrics,
        now: datetime,
        longest: timedelta,
    ) -> Sample:
        """Return readings by pod uid that are not older than `longest`.

        Args:
            addresses: where the gateways answer, by pod uid.
            metrics: what to read, and how long to wait for it.
            now: the time of the pass, which becomes the sample's.
            longest: the age from which on a sample is taken again.
        """
        latest = self._latest
        if latest is not None and now - latest.at < longest:
            return latest
        uids = list(addresses)
        readings = await asyncio.gather(
            *(self._gateways.read(addresses[uid], metrics) for uid in uids)
        )
        self._latest = Sample(
            at=now,
            readings={uid: self._remembered(uid, r) for uid, r in zip(uids, readings, strict=True)},
        )
        self._last_connections = {
            uid: n for uid, n in self._last_connections.items() if uid in addresses
        }
        return self._latest

    def _remembered(self, uid: str, reading: Reported | Silent) -> Reading:
        if isinstance(reading, Reported):
            self._last_connections[uid] = reading.connections
            return reading
        return replace(reading, last_connections=self._last_connections.get(uid))
