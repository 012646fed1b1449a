"""Sizes by several signals, and the pressure that they tell of."""

from typing import Any

import pytest
from tests.core.decisions import (
    HIGH,
    LOW,
    condition,
    decided,
    leaving,
    messages,
    policy,
    scale,
    scaled,
    scaling,
    told,
)
from tests.core.fleet import (
    gateway,
    gateways,
)
from tests.core.signals import (
    figure,
    figures,
    measured,
)

from imchat_operator.core.decision import (
    Decision,
)
from imchat_operator.core.snapshot import (
    Measured,
    Unmeasured,
)

PROMETHEUS = {"source": "Prometheus", "interval": "10s", "prometheus": {"name": "main"}}
SIGNALS = [
    {"type": "CPU"},
    {"type": "Network", "query": "bytes", "capacity": "1k"},
]
TWO = policy(fields={"metrics": PROMETHEUS}, signals=SIGNALS)


def by(cpu: Any, network: Any, *streaks: Any, **fields: Any) -> Decision:
    """Decide about four gateways by CPU and network, or by what is not measured of them."""
    given = tuple(
        measured(name, values) if isinstance(values, list) else Unmeasured(signal=name, why=values)
        for name, values in (("cpu", cpu), ("network", network))
    )
    return decided(*streaks, **{"spec": TWO, "measurements": given, **fields})


def test_the_highest_signal_decides_and_is_named() -> None:
    found = by([400] * 4, [750] * 4, HIGH)
    assert scaled(found) == [scale(4, 6)]
    assert "(now 75%, network)" in told(found)[0]


def test_each_signal_has_its_own_need_and_the_largest_counts() -> None:
    # By CPU six gateways are enough; the network, though lower, may be at 40% with one lost.
    strict = [{"type": "CPU"}, {**SIGNALS[1], "pressureAbove": 40}]
    found = by(
        [710] * 4, [700] * 4, HIGH, spec=policy(fields={"metrics": PROMETHEUS}, signals=strict)
    )
    assert scaled(found) == [scale(4, 8)]
    assert "(now 71%, cpu); 2800 units" in told(found)[0]
    assert "need 8 to stay at 40% with 1 lost" in told(found)[0]


def test_a_scale_down_keeps_what_each_signal_needs() -> None:
    # By CPU, the higher, three are enough; the network may be at 20% only, with one lost.
    strict = [{"type": "CPU"}, {**SIGNALS[1], "pressureAbove": 20}]
    found = by(
        [200] * 4, [150] * 4, LOW, spec=policy(fields={"metrics": PROMETHEUS}, signals=strict)
    )
    assert leaving(found) == []
    assert scaling(found)[:2] == ("False", "HeadroomKept")
    assert scaling(found)[2].endswith("need 4 to stay at 20% with 1 lost")


def test_a_scale_down_needs_every_signal_to_be_low() -> None:
    assert leaving(by([100] * 4, [290] * 4, LOW)) == ["a"]
    assert leaving(by([100] * 4, [300] * 4, LOW)) == []


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        pytest.param("Prometheus main is down", [], id="a signal that is unknown"),
        pytest.param([100, 100, 100], [], id="one that too few tell"),
        pytest.param([100] * 4, ["a"], id="once it is known"),
    ],
)
def test_without_one_of_its_signals_a_fleet_never_shrinks(cpu: Any, expected: list[str]) -> None:
    found = by(cpu, [290] * 4, LOW)
    assert leaving(found) == expected
    # neither fed nor ended, or fed at the same moment
    assert [(s.rule, s.since, s.last) for s in found.status.streaks] == [
        (LOW.rule, LOW.since, LOW.last)
    ]


def test_without_one_of_its_signals_a_fleet_grows_on_the_other() -> None:
    found = by("Prometheus main is down", [750] * 4, HIGH)
    assert scaled(found) == [scale(4, 6)]
    assert condition(found, "MetricsAvailable") == (
        "False",
        "MetricsUnavailable",
        "cpu: Prometheus main is down",
    )


def test_without_one_of_its_signals_a_fleet_above_its_maximum_stays() -> None:
    most = policy(fields={"metrics": PROMETHEUS, "maxReplicas": 3}, signals=SIGNALS)
    found = by("it is down", [100] * 4, spec=most)
    assert scaling(found) == (
        "False",
        "MetricsUnavailable",
        "cpu: it is down: 4 → 3 gateways wanted, maxReplicas is 3",
    )
    assert leaving(by([100] * 4, [100] * 4, spec=most)) == ["a"]


FIVE = gateways("abcde")
ABOVE_MAX = policy(fields={"metrics": PROMETHEUS, "maxReplicas": 4}, signals=[{"type": "CPU"}])


def test_a_victim_that_tells_nothing_counts_as_full() -> None:
    def leavers(values: list[float]) -> list[str]:
        given = (Measured(signal="cpu", unit="cores", figures=figures(values)[::-1]),)
        return leaving(decided(gateways=FIVE, spec=ABOVE_MAX, measurements=given))

    # Four report, and `a` leaves: each that stays takes over a quarter of what it may carry.
    def without_a(value: float) -> list[str]:
        given = (
            Measured(
                signal="cpu",
                unit="cores",
                figures=tuple(figure(name, value) for name in "bcde"),
            ),
        )
        return leaving(decided(gateways=FIVE, spec=ABOVE_MAX, measurements=given))

    assert leavers([1000, 400, 400, 400, 400]) == ["a"]
    assert leavers([1000, 401, 401, 401, 401]) == []
    assert without_a(400) == ["a"]
    assert without_a(401) == []


@pytest.mark.parametrize(
    ("values", "was_on", "expected"),
    [
        pytest.param([800] * 4, False, "False", id="on the capacity target"),
        pytest.param([801] * 4, False, "True", id="above it"),
        pytest.param([751] * 4, True, "True", id="pressure ends five percent lower"),
        pytest.param([750] * 4, True, "False", id="which is here"),
        pytest.param([751] * 4, False, "False", id="and does not begin there"),
    ],
)
def test_capacity_pressure_begins_above_its_target_and_ends_below_it(
    values: list[int],
    was_on: bool,  # noqa: FBT001 -- a table's
    expected: str,
) -> None:
    before = decided(load=900).status.conditions if was_on else ()
    fleet = tuple(gateway(n, v) for n, v in zip("abcd", values, strict=True))
    found = decided(gateways=fleet, history={"conditions": before})
    state = condition(found, "CapacityPressure")
    assert state[0] == expected
    assert state[2] == f"{sum(values) / 40:.0f}%, connections (capacity target 80%)"
    assert bool(messages(found, "CapacityPressure")) is (expected == "True" and not was_on)
    assert bool(messages(found, "CapacitySufficient")) is (expected == "False" and was_on)


@pytest.mark.parametrize(
    ("signal", "target_"),
    [
        pytest.param({"type": "Connections"}, 80, id="connections"),
        pytest.param({"type": "CPU"}, 70, id="CPU"),
        pytest.param({"type": "Memory"}, 80, id="memory"),
        pytest.param({"type": "Disk", "query": "q", "capacity": "1k"}, 75, id="disk"),
        pytest.param({"type": "Network", "capacity": "1k"}, 60, id="network"),
        pytest.param(
            {"type": "Query", "name": "rooms", "query": "q", "capacity": "1k"}, 75, id="a query"
        ),
        pytest.param({"type": "CPU", "pressureAbove": 42}, 42, id="one's own"),
    ],
)
def test_each_signal_has_its_capacity_target(signal: dict[str, Any], target_: int) -> None:
    name = signal.get("name", signal["type"].lower())
    spec_ = policy(fields={"metrics": PROMETHEUS}, signals=[signal])
    calm = decided(spec=spec_, measurements=(measured(name, [target_ * 10] * 4),))
    pressed = decided(spec=spec_, measurements=(measured(name, [target_ * 10 + 1] * 4),))
    assert condition(calm, "CapacityPressure")[0] == "False"
    assert condition(pressed, "CapacityPressure")[0] == "True"
    assert f"(capacity target {target_}%)" in condition(pressed, "CapacityPressure")[2]


def test_pressure_by_any_signal_is_pressure_and_that_signal_is_named() -> None:
    state = condition(by([600] * 4, [610] * 4), "CapacityPressure")
    assert state == ("True", "CapacityPressure", "61%, network (capacity target 60%)")


def test_without_any_signal_pressure_is_unknown() -> None:
    state = condition(by("it is down", "it is down"), "CapacityPressure")
    assert state == ("Unknown", "Waiting", "the load is not known")


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        pytest.param({}, "the gateways report their load", id="Pods"),
        pytest.param(PROMETHEUS, "Prometheus main reports the gateways' load", id="Prometheus"),
        pytest.param(
            {"source": "Resource"}, "metrics.k8s.io reports the gateways' load", id="Resource"
        ),
    ],
)
def test_who_tells_the_load_is_said(metrics: dict[str, Any], message: str) -> None:
    spec_ = policy(
        fields={"metrics": {"interval": "10s", **metrics}},
        signals=[{"type": "CPU"}],
    )
    found = decided(spec=spec_, measurements=(measured("cpu", [500] * 4),))
    assert condition(found, "MetricsAvailable") == ("True", "MetricsAvailable", message)
