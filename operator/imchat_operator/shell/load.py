"""Samples of one cluster's load: what each gateway says, and what the metric source says of them.

A sample is taken again only when it is older than asked for, so that a pass caused by something
else costs nobody anything; a gateway that is new in the fleet is asked at once, and alone. Gateways
are asked at the same time, many at once: a slow one delays nobody, and each has all its time from
when it is asked.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from imchat_operator.core.snapshot import (
    Measurement,
    NotAsked,
    Reading,
    Reported,
    Silent,
    Unreadable,
)
from imchat_operator.models import MetricsSource, Zombie
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import ACCEPTED, Gateways, Scrape
from imchat_operator.shell.kube import Api
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.signals import Asked, Rates, Signals, wanted_metrics

# What peers are compared by; over less time, a rate is mostly chance. Errors get rare, since a
# gateway that loses all its sessions has soon few left to lose.
_LEAST_TRAFFIC = timedelta(seconds=5)
_LEAST_ERRORS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the gateways said, by pod uid, when they were asked, and which were ready then.

    Attributes:
        at: when it was begun; those that came later were asked later.
        times: when each was asked.
    """

    at: datetime
    readings: Mapping[str, Reading]
    values: Mapping[str, Mapping[str, float]]
    times: Mapping[str, datetime]
    ready: frozenset[str]

    def reading(self, uid: str) -> Reading:
        """Return a gateway's reading; one that came up since has not been asked."""
        return self.readings.get(uid, NotAsked())

    def covers(self, uid: str, ready: frozenset[str]) -> bool:
        """Return whether a gateway was asked, and one that is ready when it already was."""
        return uid in self.readings and (uid not in ready or uid in self.ready)

    def of(self, uids: frozenset[str]) -> "Sample":
        """Return what these said of it."""
        return replace(
            self,
            readings={u: r for u, r in self.readings.items() if u in uids},
            values={u: v for u, v in self.values.items() if u in uids},
            times={u: t for u, t in self.times.items() if u in uids},
            ready=self.ready & uids,
        )

    def with_later(self, later: "Sample") -> "Sample":
        """Return this sample with what some said later, in the place of what they said before."""
        return replace(
            self,
            readings={**self.readings, **later.readings},
            values={**self.values, **later.values},
            times={**self.times, **later.times},
            ready=self.ready | later.ready,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What the metric source said, and when."""

    at: datetime
    found: tuple[Measurement, ...]


class LoadSource:
    """Samples of one cluster's gateways."""

    def __init__(
        self,
        api: Api,
        gateways: Gateways,
        prometheus: Prometheus,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._gateways = gateways
        self._signals = Signals(api, prometheus)
        self._accepted = Rates()
        self._traffic = Rates()
        self._errors = Rates()
        self._latest: Sample | None = None
        self._measured: tuple[int, Sample, Measurements] | None = None
        self._last_connections: dict[str, int] = {}
        self._last_answers: dict[str, datetime] = {}

    async def sample(
        self,
        asked: Asked,
        addresses: Mapping[str, Address],
        ready: frozenset[str],
        since: datetime,
    ) -> Sample:
        """Return readings of all gateways, taken then or later.

        A gateway that came up, or became ready, after the latest sample is asked (again): what it
        said while it was starting tells nothing about the fleet. The others are not, or a fleet
        that grows or is rolled out would be asked as a whole for each of its new gateways.

        Args:
            asked: what to read, and how long to wait for it.
            addresses: where the gateways answer, by pod uid.
            ready: uids of the gateways that are ready.
            since: from when on a sample need not be taken again.
        """
        now, latest = self._now(), self._latest
        # After a clock was set back, a sample of the future is not reused until then.
        is_recent = latest is not None and since <= latest.at <= now
        if latest is None or not is_recent:
            self._latest = await self._asked(asked, addresses, ready, now)
        elif new := {u: a for u, a in addresses.items() if not latest.covers(u, ready)}:
            later = await self._asked(asked, new, ready & new.keys(), now)
            self._latest = latest.of(frozenset(addresses)).with_later(later)
        else:
            return latest
        self._forget_all_but(frozenset(addresses))
        return self._latest

    async def _asked(
        self,
        asked: Asked,
        addresses: Mapping[str, Address],
        ready: frozenset[str],
        now: datetime,
    ) -> Sample:
        zombie = asked.spec.healing.zombie
        signals = wanted_metrics(asked.spec.scaling.signals, asked.metrics.source)
        more = signals | frozenset(filter(None, (zombie.messages, zombie.errors)))
        scrapes = await asyncio.gather(
            *(self._gateways.scrape(a, asked.metrics, more) for a in addresses.values())
        )
        by_uid = dict(zip(addresses, scrapes, strict=True))
        return Sample(
            at=now,
            readings={
                uid: self._remembered(uid, scrape, zombie, now) for uid, scrape in by_uid.items()
            },
            values={uid: scrape.values for uid, scrape in by_uid.items()},
            times=dict.fromkeys(by_uid, now),
            ready=ready,
        )

    async def measured(self, asked: Asked, generation: int, sample: Sample) -> Measurements:
        """Return the signals that the readings do not tell; asked for once an interval.

        Args:
            asked: which signals.
            generation: of the spec; another one has other signals.
            sample: the latest sample of the gateways.
        """
        is_own = asked.metrics.source is MetricsSource.PODS
        now = sample.at if is_own else self._now()
        if self._measured is not None and self._measured[0] == generation:
            _, source, latest = self._measured
            is_recent = timedelta() <= now - latest.at < asked.metrics.interval * 0.9
            if sample is source if is_own else is_recent:
                return latest
        found = await self._signals.measured(asked, sample.values, sample.times)
        measurements = Measurements(at=now, found=found)
        self._measured = (generation, sample, measurements)
        return measurements

    def _remembered(self, uid: str, scrape: Scrape, zombie: Zombie, at: datetime) -> Reading:
        reading = scrape.reading
        match reading:
            case Silent():
                return replace(
                    reading,
                    last_connections=self._last_connections.get(uid),
                    last_answer=self._last_answers.get(uid),
                )
            case Unreadable():
                self._last_answers[uid] = at
                return reading
            case Reported():
                self._last_answers[uid] = at
                self._last_connections[uid] = reading.connections
                return self._rated(uid, reading, scrape, zombie, at)

    def _rated(
        self, uid: str, reading: Reported, scrape: Scrape, zombie: Zombie, at: datetime
    ) -> Reported:
        def rate(rates: Rates, name: str, least: timedelta) -> float | None:
            value = scrape.values.get(name)
            return None if value is None else rates.rate(uid, name, value, at, least=least)

        return replace(
            reading,
            answer_time=scrape.took,
            accept_rate=rate(self._accepted, ACCEPTED, timedelta()),
            message_rate=rate(self._traffic, zombie.messages, _LEAST_TRAFFIC),
            error_rate=rate(self._errors, zombie.errors, _LEAST_ERRORS),
        )

    def _forget_all_but(self, uids: frozenset[str]) -> None:
        self._last_connections = {u: n for u, n in self._last_connections.items() if u in uids}
        self._last_answers = {u: at for u, at in self._last_answers.items() if u in uids}
        self._accepted.forget_all_but(uids)
        self._traffic.forget_all_but(uids)
        self._errors.forget_all_but(uids)
