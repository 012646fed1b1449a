"""Samples of a fleet whose gateways, and whose Prometheus, answer on loopback as told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.shell.pods import asked, pod
from tests.shell.serving import served, vector

from imchat_operator.core.snapshot import Measured, NotAsked, Reported, Silent, Unreadable
from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.kube import Api
from imchat_operator.shell.load import LoadSource, Sample
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.signals import Asked

_EVER = datetime.min.replace(tzinfo=UTC)
_NEXT = datetime.max.replace(tzinfo=UTC)
CPU = {"type": "CPU", "query": "max by (pod) (busy)"}
DISK = {"type": "Disk", "query": "disk_bytes", "capacity": "10"}
CONNECTIONS = {"type": "Connections"}
PODS = asked("Pods", CONNECTIONS)
AB = frozenset({"uid-a", "uid-b"})


async def _at_once(_: str) -> None:
    """Wait for nothing."""


@dataclass(slots=True)
class Fleet:
    """Gateways on one port each, told apart by it; and a Prometheus.

    Attributes:
        before: what a gateway waits for before it answers, by its uid.
        figures: what all say.
        asked: uids of those that were asked, and `query` for each question to Prometheus.
    """

    before: Callable[[str], Awaitable[None]] = _at_once
    figures: str = "imchat_gateway_connections 300\nimchat_gateway_connections_max 1000\n"
    asked: list[str] = field(default_factory=list)
    ports: dict[int, str] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as the gateway, or as the Prometheus, that was asked."""
        if request.path != "/metrics":
            self.asked.append("query")
            return web.json_response(vector(("a", "1")))
        assert request.transport is not None
        uid = self.ports[request.transport.get_extra_info("sockname")[1]]
        self.asked.append(uid)
        await self.before(uid)
        return web.Response(text=self.figures)


@asynccontextmanager
async def sampled(fleet: Fleet, *uids: str) -> AsyncIterator[tuple[LoadSource, dict[str, Address]]]:
    """Serve gateways of these uids; yield who samples them, and where they answer."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fleet.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    for _ in uids:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    ports = [address[1] for address in runner.addresses]
    fleet.ports.update(zip(ports, uids, strict=True))
    configuration = client.Configuration(host="http://127.0.0.1:9")
    async with served(fleet.handle) as port:
        named = {"main": PrometheusServer(name="main", url=f"http://127.0.0.1:{port}")}
        async with (
            Api.session(configuration) as api,
            Gateways() as gateways,
            Prometheus(named) as prometheus,
        ):
            where = {uid: Address(host="127.0.0.1", port=p) for p, uid in fleet.ports.items()}
            yield LoadSource(api, gateways, prometheus), where
    await runner.cleanup()


def plain(sample: Sample) -> dict[str, tuple[int, int] | str]:
    """Return connections and capacities by uid, or why there are none."""
    return {
        uid: (r.connections, r.capacity)
        if isinstance(r, Reported)
        else r.why
        if isinstance(r, Silent | Unreadable)
        else ""
        for uid, r in sample.readings.items()
    }


async def test_a_sample_has_what_every_gateway_says() -> None:
    async with sampled(Fleet(), "uid-a", "uid-b") as (source, where):
        sample = await source.sample(PODS, where, AB, _EVER)
        assert plain(sample) == {"uid-a": (300, 1000), "uid-b": (300, 1000)}
        assert sample.ready == AB
        assert sample.reading("uid-new") == NotAsked()


@pytest.mark.parametrize(
    ("since", "first", "then", "asked_again"),
    [
        pytest.param(_EVER, AB, AB, set(), id="a young sample is used again"),
        pytest.param(_NEXT, AB, AB, {"uid-a", "uid-b"}, id="an old one is not"),
        pytest.param(_EVER, AB - {"uid-b"}, AB, {"uid-b"}, id="nor of one that was not ready yet"),
        pytest.param(_EVER, AB, AB - {"uid-b"}, set(), id="one that is no longer ready is covered"),
    ],
)
async def test_gateways_are_asked_again_only_when_that_tells_more(
    since: datetime, first: frozenset[str], then: frozenset[str], asked_again: set[str]
) -> None:
    fleet = Fleet()
    async with sampled(fleet, "uid-a", "uid-b") as (source, where):
        before = await source.sample(PODS, where, first, _EVER)
        fleet.asked.clear()
        after = await source.sample(PODS, where, then, since)
        assert set(fleet.asked) == asked_again
        assert (after is before) == (not asked_again)


async def test_a_new_gateway_is_asked_alone_and_a_gone_one_changes_nothing() -> None:
    fleet = Fleet()
    async with sampled(fleet, "uid-a", "uid-b") as (source, where):
        only_a = {"uid-a": where["uid-a"]}
        first = await source.sample(PODS, only_a, frozenset(), _EVER)
        fleet.figures = fleet.figures.replace("300", "700")
        grown = await source.sample(PODS, where, frozenset(), _EVER)
        assert fleet.asked == ["uid-a", "uid-b"]
        assert plain(grown) == {"uid-a": (300, 1000), "uid-b": (700, 1000)}
        assert first.at == grown.at == grown.times["uid-a"] < grown.times["uid-b"]
        assert await source.sample(PODS, only_a, frozenset(), _EVER) is grown


async def test_what_is_gone_by_the_time_that_another_comes_is_no_part_of_the_sample() -> None:
    async with sampled(Fleet(), "uid-a", "uid-b") as (source, where):
        only_a, only_b = ({uid: where[uid]} for uid in ("uid-a", "uid-b"))
        await source.sample(PODS, only_a, frozenset({"uid-a"}), _EVER)
        later = await source.sample(PODS, only_b, frozenset({"uid-b"}), _EVER)
        assert (*later.readings, *later.values, *later.times, *later.ready) == ("uid-b",) * 4


async def test_all_gateways_are_asked_before_any_has_answered() -> None:
    uids = [f"uid-{n}" for n in range(100)]
    all_asked = asyncio.Event()

    async def for_all(_: str) -> None:
        if len(fleet.asked) == len(uids):
            all_asked.set()
        await all_asked.wait()

    fleet = Fleet(before=for_all)
    async with sampled(fleet, *uids) as (source, where):
        question = asked("Pods", CONNECTIONS, timeout="60s")
        sample = await source.sample(question, where, frozenset(), _EVER)
        all_asked.set()
    assert plain(sample) == dict.fromkeys(uids, (300, 1000))


async def test_more_hung_gateways_than_are_asked_at_once_do_not_make_the_others_look_hung() -> None:
    hung = [f"uid-{n}" for n in range(140)]
    released = asyncio.Event()

    async def unless_hung(uid: str) -> None:
        if uid in hung:
            await released.wait()

    fleet = Fleet(before=unless_hung)
    async with sampled(fleet, *hung, "uid-a", "uid-b") as (source, where):
        sample = await source.sample(
            asked("Pods", CONNECTIONS, timeout="1s"), where, frozenset(), _EVER
        )
        released.set()
    silent = dict.fromkeys(hung, "no answer within 1s")
    assert plain(sample) == {**silent, "uid-a": (300, 1000), "uid-b": (300, 1000)}


async def test_accept_rate_and_answer_time_are_those_of_a_gateway() -> None:
    fleet = Fleet()
    figures = fleet.figures
    async with sampled(fleet, "uid-a") as (source, where):
        readings, times = [], []
        for accepted in ("100", "150", "20", "30", "+Inf", "NaN"):
            fleet.figures = f"{figures}imchat_gateway_connections_accepted_total {accepted}\n"
            sample = await source.sample(PODS, where, frozenset(), _NEXT)
            readings.append(sample.reading("uid-a"))
            times.append(sample.at)
    rates = [r.accept_rate if isinstance(r, Reported) else -1 for r in readings]
    assert rates == [
        None,
        50 / (times[1] - times[0]).total_seconds(),
        None,  # it began anew
        10 / (times[3] - times[2]).total_seconds(),
        None,
        None,
    ]
    took = [r.answer_time for r in readings if isinstance(r, Reported)]
    assert all(t is not None and timedelta() < t < timedelta(seconds=30) for t in took)


async def test_a_gateway_without_that_counter_has_no_accept_rate() -> None:
    async with sampled(Fleet(), "uid-a") as (source, where):
        for _ in range(2):
            reading = (await source.sample(PODS, where, frozenset(), _NEXT)).reading("uid-a")
    assert isinstance(reading, Reported)
    assert reading.accept_rate is None


async def test_what_a_silent_gateway_held_is_remembered_until_it_is_gone() -> None:
    nobody = {"uid-a": Address(host="127.0.0.1", port=9)}
    seen: list[Any] = []
    async with sampled(Fleet(), "uid-a") as (source, where):
        for addresses in (nobody, where, nobody, nobody, {}, nobody):
            sample = await source.sample(PODS, addresses, frozenset(), _NEXT)
            reading = sample.reading("uid-a")
            seen.append(reading.last_connections if isinstance(reading, Silent) else reading)
    assert seen[0] is None
    assert isinstance(seen[1], Reported)
    assert seen[2:] == [300, 300, NotAsked(), None]


def query(interval: str) -> Asked:
    return asked("Prometheus", CPU, gateways=(pod("a"),), interval=interval)


async def test_prometheus_is_asked_once_an_interval_however_often_the_gateways_are() -> None:
    fleet = Fleet()
    async with sampled(fleet, "uid-a") as (source, where):
        first = await source.sample(query("1h"), where, frozenset(), _NEXT)
        measured = await source.measured(query("1h"), 1, first)
        second = await source.sample(query("1h"), where, frozenset(), _NEXT)
        assert await source.measured(query("1h"), 1, second) is measured
        assert fleet.asked.count("query") == 1
        assert await source.measured(query("1h"), 2, second) is not measured
        assert fleet.asked.count("query") == 2, "another generation has other signals"


async def test_prometheus_is_asked_again_after_the_interval() -> None:
    fleet = Fleet()
    async with sampled(fleet, "uid-a") as (source, where), asyncio.timeout(30):
        sample = await source.sample(query("1ms"), where, frozenset(), _NEXT)
        first = await source.measured(query("1ms"), 1, sample)
        while (again := await source.measured(query("1ms"), 1, sample)) is first:
            pass  # for a millisecond
        assert again.at > first.at
        assert fleet.asked.count("query") == 2


async def test_own_metrics_are_measured_once_for_each_sample() -> None:
    question = asked("Pods", DISK, gateways=(pod("a"),), interval="1h")
    fleet = Fleet()
    fleet.figures += "disk_bytes 7\n"
    async with sampled(fleet, "uid-a") as (source, where):
        first = await source.sample(question, where, frozenset(), _NEXT)
        measured = await source.measured(question, 1, first)
        assert await source.measured(question, 1, first) is measured
        second = await source.sample(question, where, frozenset(), _NEXT)
        assert (await source.measured(question, 1, second)).at == second.at != measured.at
    (disk,) = measured.found
    assert isinstance(disk, Measured)
    assert [(f.uid, f.value, f.at) for f in disk.figures] == [("uid-a", 7, first.at)]
    assert measured.at == first.at


async def test_own_metrics_of_a_gateway_that_came_later_count_at_once() -> None:
    gateways = (pod("a"), pod("b"))
    question = asked("Pods", DISK, gateways=gateways, interval="1h")
    fleet = Fleet()
    fleet.figures += "disk_bytes 7\n"
    async with sampled(fleet, "uid-a", "uid-b") as (source, where):
        first = await source.sample(question, {"uid-a": where["uid-a"]}, frozenset(), _EVER)
        await source.measured(question, 1, first)
        grown = await source.sample(question, where, frozenset(), _EVER)
        (disk,) = (await source.measured(question, 1, grown)).found
    assert isinstance(disk, Measured)
    assert [(f.uid, f.at) for f in disk.figures] == [*grown.times.items()]
