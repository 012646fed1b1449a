"""Signals of the gateways' own metrics: gauges as they are, counters as rates."""

from collections.abc import Mapping
from datetime import timedelta
from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio import client
from tests.core.fleet import NOON, at
from tests.shell.pods import asked

from imchat_operator.core.snapshot import Figure, Measured, Measurement, Unmeasured
from imchat_operator.models import MetricsSource
from imchat_operator.shell.kube import Api
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.signals import Asked, Rates, Signals, wanted_metrics

CONNECTIONS = {"type": "Connections"}
CPU = {"type": "CPU"}
MEMORY = {"type": "Memory"}
DISK = {"type": "Disk", "query": "disk_bytes", "capacity": "10G"}
SENT = {"type": "Query", "name": "sent", "query": "sent_total", "capacity": "100"}
_SECONDS = "process_cpu_seconds_total"
_LEAST = timedelta(seconds=5)

Scrapes = tuple[tuple[float, Mapping[str, Mapping[str, float]]], ...]


async def measured(question: Asked, scrapes: Scrapes) -> tuple[Measurement, ...]:
    """Return what the last of these scrapes, each so many seconds after noon, comes to."""
    found: tuple[Measurement, ...] = ()
    async with (
        Api.session(client.Configuration(host="http://127.0.0.1:9")) as api,
        Prometheus({}) as prometheus,
    ):
        signals = Signals(api, prometheus)
        for seconds, scraped in scrapes:
            found = await signals.measured(question, scraped, dict.fromkeys(scraped, at(seconds)))
    return found


def one(name: str, value: float) -> Mapping[str, Mapping[str, float]]:
    return {"uid-a": {name: value}}


def unmeasured(signal: str, why: str) -> Unmeasured:
    return Unmeasured(signal=signal, why=why)


def told(signal: str, unit: str, value: float, capacity: float, base: str = "") -> Measured:
    """Return what gateway `a` tells 10 seconds after noon."""
    figure = Figure(uid="uid-a", value=value, capacity=capacity, at=at(10))
    return Measured(signal=signal, unit=unit, figures=(figure,), base=base)


@pytest.mark.parametrize(
    ("signal", "scrapes", "expected"),
    [
        pytest.param(
            MEMORY,
            ((10, one("process_resident_memory_bytes", 512 << 20)),),
            told("memory", "MiB", 512, 1024, "requests"),
            id="a gauge of its type",
        ),
        pytest.param(
            DISK,
            ((10, one("disk_bytes", 2e9)),),
            told("disk", "bytes", 2e9, 1e10),
            id="a gauge by name",
        ),
        pytest.param(
            CPU,
            ((0, one(_SECONDS, 100)), (10, one(_SECONDS, 115))),
            told("cpu", "cores", 1.5, 2, "requests"),
            id="a counter's rate",
        ),
        pytest.param(
            SENT,
            ((0, one("sent_total", 5)), (10, one("sent_total", 5))),
            told("sent", "sent", 0, 100),
            id="a counter that stands still has the rate 0",
        ),
        pytest.param(
            CPU,
            ((10, one(_SECONDS, 100)),),
            unmeasured("cpu", f"no gateway tells a rate of {_SECONDS} yet"),
            id="the first sample has no rate",
        ),
        pytest.param(
            CPU,
            ((0, one(_SECONDS, 100)), (10, one(_SECONDS, 1))),
            unmeasured("cpu", f"no gateway tells a rate of {_SECONDS} yet"),
            id="a counter that was reset has no rate",
        ),
        pytest.param(
            CPU,
            ((0, one(_SECONDS, 100)), (5, {}), (10, one(_SECONDS, 115))),
            unmeasured("cpu", f"no gateway tells a rate of {_SECONDS} yet"),
            id="a gateway that was gone has no rate",
        ),
        pytest.param(
            CPU,
            ((0, one(_SECONDS, 100)), (5, {"uid-a": {}}), (10, one(_SECONDS, 115))),
            told("cpu", "cores", 1.5, 2, "requests"),
            id="a gateway that was silent has its rate over the gap",
        ),
        pytest.param(
            DISK,
            ((10, {"uid-a": {"memory": 1.0}}),),
            unmeasured("disk", "no gateway tells disk_bytes"),
            id="no gateway has such a metric",
        ),
        *(
            pytest.param(
                DISK,
                ((10, one("disk_bytes", value)),),
                unmeasured("disk", "no gateway tells disk_bytes"),
                id=f"{value} is no figure",
            )
            for value in (nan, inf, -1.0)
        ),
    ],
)
async def test_an_own_metric_is_a_signal(
    signal: dict[str, Any], scrapes: Scrapes, expected: Measurement
) -> None:
    assert await measured(asked("Pods", signal), scrapes) == (expected,)


async def test_a_gateway_that_tells_nothing_is_missing_and_strangers_do_not_count() -> None:
    scraped = {"uid-a": {"disk_bytes": 1.0}, "uid-b": {}, "uid-stranger": {"disk_bytes": 9.0}}
    found = await measured(asked("Pods", DISK), ((10, scraped),))
    assert found == (told("disk", "bytes", 1, 1e10),)


async def test_connections_are_left_to_the_readings() -> None:
    found = await measured(asked("Pods", CONNECTIONS, DISK), ((10, one("disk_bytes", 1)),))
    assert [m.signal for m in found] == ["disk"]


async def test_one_counter_may_feed_two_signals() -> None:
    other = {**SENT, "name": "again", "capacity": "200"}
    scrapes = ((0.0, one("sent_total", 0)), (10.0, one("sent_total", 50)))
    first, second = await measured(asked("Pods", SENT, other), scrapes)
    assert first == told("sent", "sent", 5, 100)
    assert second == told("again", "again", 5, 200)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(0, 1)], None, id="seen once"),
        pytest.param([(0, 1), (10, 21)], 2.0, id="seen twice"),
        pytest.param([(0, 1), (10, 21), (12, 99)], 2.0, id="too soon for another rate"),
        pytest.param([(0, 1), (10, 21), (14.999, 99)], 2.0, id="still too soon"),
        pytest.param([(0, 1), (10, 21), (15, 31)], 2.0, id="just long enough"),
        pytest.param([(0, 1), (10, 21), (12, 99), (20, 51)], 3.0, id="since the one before"),
        pytest.param([(0, 9), (10, 3)], None, id="reset"),
        pytest.param([(0, 9), (10, 3), (20, 13)], 1.0, id="a rate again after a reset"),
        pytest.param([(10, 1), (0, 11)], None, id="the clock was set back"),
        pytest.param([(10, 1), (0, 11), (10, 21)], 1.0, id="after the clock was set back"),
        pytest.param([(0, 1), (10, inf)], None, id="infinity is no count"),
        pytest.param([(0, 1), (10, nan), (20, 41)], 2.0, id="nor is NaN, which is passed over"),
        pytest.param([(0, inf), (10, 1), (20, 11)], 1.0, id="nor to begin with"),
    ],
)
def test_a_counter_has_a_rate_over_long_enough_a_time(
    samples: list[tuple[float, float]], expected: float | None
) -> None:
    rates = Rates()
    found = [rates.rate("uid-a", "n", value, at(s), least=_LEAST) for s, value in samples]
    assert found[-1] == expected


@given(
    samples=st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e12, 1e12) | st.just(inf))),
    least=st.timedeltas(timedelta(), timedelta(minutes=1)),
)
def test_no_rate_is_negative_or_infinite(
    samples: list[tuple[float, float]], least: timedelta
) -> None:
    rates = Rates()
    for seconds, value in samples:
        rate = rates.rate("uid-a", "n", value, at(seconds), least=least)
        assert rate is None or (isfinite(rate) and rate >= 0)


def test_counters_of_gateways_that_are_gone_are_forgotten() -> None:
    rates = Rates()
    for uid in ("uid-a", "uid-b"):
        rates.rate(uid, "n", 1, NOON, least=_LEAST)
    rates.forget_all_but(frozenset({"uid-b"}))
    found = {uid: rates.rate(uid, "n", 11, at(10), least=_LEAST) for uid in ("uid-a", "uid-b")}
    assert found == {"uid-a": None, "uid-b": 1.0}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(MetricsSource.PODS, {_SECONDS, "disk_bytes"}, id="of its own metrics"),
        pytest.param(MetricsSource.PROMETHEUS, set(), id="nothing where Prometheus tells"),
        pytest.param(MetricsSource.RESOURCE, set(), id="nothing where metrics.k8s.io tells"),
    ],
)
def test_a_gateway_is_read_for_what_its_signals_need(
    source: MetricsSource, expected: set[str]
) -> None:
    signals = asked("Pods", CONNECTIONS, CPU, DISK).spec.scaling.signals
    assert wanted_metrics(signals, source) == expected
