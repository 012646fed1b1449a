from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import (
    NOT_ASKED,
    SILENT,
    gateway,
    gateways,
    isolated,
    pending,
    reported,
    spec,
)

from imchat_operator.core.scaling import (
    Size,
    Unknown,
    Utilization,
    desired_size,
    is_too_much_for,
    rotation,
    utilization,
    victims,
)
from imchat_operator.core.snapshot import Gateway, Reported


def load(connections: int, rotation: int = 4) -> Utilization:
    return Utilization(connections=connections, capacity=1000, rotation=rotation)


@pytest.mark.parametrize(
    ("fleet", "expected"),
    [
        pytest.param(gateways(connections=300), load(1200), id="the sum over the fleet"),
        pytest.param(
            (gateway("a", 100), gateway("b", 300)), load(400, 2), id="gateways differ in load"
        ),
        pytest.param(
            (*gateways("abcd", 300), gateway("e", SILENT)),
            load(1500, 5),
            id="one of five silent counts as the mean of the others",
        ),
        pytest.param(
            (*gateways("abc", 300), gateway("d", SILENT)),
            Unknown(why="3 of 4 gateways report their connections, 80% are needed"),
            id="one of four silent is one too many",
        ),
        pytest.param(
            (*gateways("abc", 300), gateway("d", NOT_ASKED)),
            Unknown(why="3 of 4 gateways report their connections, 80% are needed"),
            id="one that was not asked is as good as silent",
        ),
        pytest.param(
            (), Unknown(why="no gateway takes connections"), id="no gateway is no load of 0"
        ),
        pytest.param(
            (isolated("a"), pending("b")),
            Unknown(why="no gateway takes connections"),
            id="no gateway in rotation is no load of 0",
        ),
        pytest.param(
            (gateway("a", Reported(connections=0, capacity=0)),),
            Unknown(why="the gateways report a maximum of 0 connections"),
            id="a maximum of 0 is no capacity",
        ),
        pytest.param(
            (*gateways("ab", 300), isolated("c", 200)),
            load(800, 2),
            id="connections out of rotation will come back to the others",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", 200, ready=False, containers_ready=False)),
            load(800, 2),
            id="a gateway unready through overload is still load",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", 200, terminating=True)),
            load(600, 2),
            id="a gateway that ends is neither load nor capacity",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", 300, accepting=None)),
            load(900, 3),
            id="a pod without readiness gate is in rotation while it is ready",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", Reported(connections=0, capacity=400))),
            Utilization(connections=600, capacity=800, rotation=3),
            id="gateways of several sizes have a mean capacity",
        ),
    ],
)
def test_utilization_is_told_from_what_gateways_report(
    fleet: tuple[Gateway, ...], expected: Utilization | Unknown
) -> None:
    assert utilization(fleet, frozenset()) == expected


def test_a_gateway_under_drain_counts_as_load_and_not_as_capacity() -> None:
    fleet = gateways("abc", 300)
    assert utilization(fleet, frozenset({"uid-c"})) == load(900, 2)
    assert rotation(fleet, frozenset({"uid-c"})) == fleet[:2]


def sized(connections: int, **fields: Any) -> Size:
    return desired_size(load(connections), spec(**fields))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            sized(3600),
            Size(
                replicas=6,
                why="3600 connections at 1000 a gateway need 6 for 60%",
            ),
            id="the target fits exactly",
        ),
        pytest.param(
            sized(3601),
            Size(replicas=7, why="3601 connections at 1000 a gateway need 7 for 60%"),
            id="one connection more needs one gateway more",
        ),
        pytest.param(
            sized(1600),
            Size(
                replicas=3,
                why="1600 connections at 1000 a gateway need 3 for 60%",
            ),
            id="a loss that leaves 80% fits exactly",
        ),
        pytest.param(
            sized(1601),
            Size(
                replicas=4,
                why="1601 connections at 1000 a gateway need 4 to stay at 80% with 1 lost",
            ),
            id="one connection more needs headroom for the loss",
        ),
        pytest.param(
            sized(1601, scaling={"failureHeadroom": 0}),
            Size(replicas=3, why="1601 connections at 1000 a gateway need 3 for 60%"),
            id="without headroom the target alone counts",
        ),
        pytest.param(
            sized(0),
            Size(
                replicas=2,
                why="0 connections at 1000 a gateway need 1 to stay at 80% with 1 lost, "
                "minReplicas is 2",
            ),
            id="never below minReplicas, and it says so",
        ),
        pytest.param(
            sized(9000),
            Size(
                replicas=10,
                why="9000 connections at 1000 a gateway need 15 for 60%, maxReplicas is 10",
            ),
            id="never above maxReplicas, and it says so",
        ),
    ],
)
def test_the_size_follows_from_target_headroom_and_bounds(found: Size, expected: Size) -> None:
    assert found == expected


@given(connections=st.integers(0, 30_000), rotation=st.integers(1, 20))
def test_a_size_within_its_bounds_carries_the_load_after_a_loss(
    connections: int, rotation: int
) -> None:
    policy = spec(minReplicas=1, maxReplicas=1000)
    size = desired_size(load(connections, rotation), policy).replicas
    assert connections * 100 <= 60 * 1000 * size
    assert connections * 100 <= 80 * 1000 * (size - 1)
    is_least = size == 1 or (
        connections * 100 > 60 * 1000 * (size - 1) or connections * 100 > 80 * 1000 * (size - 2)
    )
    assert is_least


def least(names: str, kind: str = "Deployment", count: int = 2) -> list[str]:
    loads = {"a": 300, "b": 10, "c": 200, "d": 10}
    fleet = tuple(gateway(name, loads[name]) for name in names)
    return [g.name for g in victims(kind, fleet, count)]


def test_the_least_loaded_leave_whatever_their_order() -> None:
    assert least("abcd") == least("dcba") == ["b", "d"]
    assert least("abcd", count=3) == ["b", "d", "c"]


def test_of_a_stateful_set_the_highest_ordinals_leave() -> None:
    fleet = tuple(gateway(f"gateway-{n}", reported(n)) for n in (9, 10, 1, 2))
    assert [g.name for g in victims("StatefulSet", fleet, 2)] == ["gateway-10", "gateway-9"]


@pytest.mark.parametrize(
    ("connections", "replicas", "expected"),
    [
        pytest.param(2800, 4, False, id="on the threshold"),
        pytest.param(2801, 4, True, id="above it"),
        pytest.param(2801, 5, False, id="with one gateway more"),
        pytest.param(1000, 2, False, id="the rest is just full once one is lost"),
        pytest.param(1001, 2, True, id="the rest overflows once one is lost"),
        pytest.param(0, 1, False, id="no load is never too much"),
    ],
)
def test_a_load_is_too_much_above_the_threshold(
    connections: int,
    replicas: int,
    expected: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert is_too_much_for(load(connections), replicas, spec()) is expected
