"""What size a load needs, who leaves, and what those that stay would carry."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import SILENT, gateway, reported, spec
from tests.core.signals import figure, load, partly

from imchat_operator.core.decision import Reason
from imchat_operator.core.load import Utilization
from imchat_operator.core.scaling import (
    Floor,
    Size,
    desired_size,
    is_too_much_for,
    overload_after,
    victims,
)
from imchat_operator.core.snapshot import Silent, Unreadable

MINIMUM = Floor(replicas=2, reason=Reason.AT_MINIMUM, why="minReplicas is 2")


def sized(connections: int, floor: Floor = MINIMUM, **fields: Any) -> Size | None:
    return desired_size(connections, load(connections), spec(**fields), floor)


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
                clamp=Reason.HEADROOM_KEPT,
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
                clamp=Reason.AT_MINIMUM,
            ),
            id="never below minReplicas, and it says so",
        ),
        pytest.param(
            sized(9000),
            Size(
                replicas=10,
                why="9000 connections at 1000 a gateway need 15 for 60%, maxReplicas is 10",
                clamp=Reason.AT_MAXIMUM,
            ),
            id="never above maxReplicas, and it says so",
        ),
        pytest.param(
            sized(1600, Floor(replicas=3, reason=Reason.SEASONAL_FLOOR, why="it was so before")),
            Size(replicas=3, why="1600 connections at 1000 a gateway need 3 for 60%"),
            id="a floor that is reached anyway has no say",
        ),
        pytest.param(
            sized(1600, Floor(replicas=4, reason=Reason.SEASONAL_FLOOR, why="it was so before")),
            Size(
                replicas=4,
                why="1600 connections at 1000 a gateway need 3 for 60%, it was so before",
                clamp=Reason.SEASONAL_FLOOR,
            ),
            id="a floor above it has, and it says whose it is",
        ),
        pytest.param(
            desired_size(1.5, load(1.5, capacity=2, unit="cores", limit=70), spec(), MINIMUM),
            Size(
                replicas=3,
                why="1.5 cores at 2 a gateway need 3 to stay at 70% with 1 lost",
                clamp=Reason.HEADROOM_KEPT,
            ),
            id="headroom is measured by the signal's own capacity target",
        ),
        pytest.param(
            sized(3919, scaling={"failureHeadroom": 0}),
            Size(replicas=7, why="3919 connections at 1000 a gateway need 7 for 60%"),
            id="gateways that are nearly full tell what they need",
        ),
        pytest.param(
            sized(3920, scaling={"failureHeadroom": 0}),
            Size(
                replicas=8,
                why="3920 connections at 1000 a gateway need 7 for 60%, "
                "those 4 are full and refuse nobody knows how many: their double",
                clamp=Reason.SATURATED,
            ),
            id="full ones, at 98%, do not, and are doubled",
        ),
    ],
)
def test_the_size_follows_from_target_headroom_and_bounds(
    found: Size | None, expected: Size
) -> None:
    assert found is not None
    assert replace(found, steps=()) == expected


@given(connections=st.integers(0, 30_000), rotation=st.integers(1, 20))
def test_a_size_within_its_bounds_carries_the_load_after_a_loss(
    connections: int, rotation: int
) -> None:
    policy = spec(minReplicas=1, maxReplicas=1000)
    floor = Floor(replicas=1, reason=Reason.AT_MINIMUM, why="minReplicas is 1")
    found = desired_size(connections, load(connections, rotation), policy, floor)
    assert found is not None
    size = found.replicas
    assert connections * 100 <= 60 * 1000 * size
    assert connections * 100 <= 80 * 1000 * (size - 1)
    is_least = size in {1, 2 * rotation} or (
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


def test_one_that_does_not_tell_what_it_holds_leaves_last() -> None:
    fleet = (
        gateway("a", Unreadable(why="answered HTTP 404")),
        gateway("b", Silent(why="no answer", last_connections=5)),
        gateway("c", 999),
        gateway("d", Silent(why="no answer")),
    )
    assert [g.name for g in victims("Deployment", fleet, 4)] == ["b", "c", "a", "d"]


def test_a_silent_one_counts_with_what_it_held() -> None:
    fleet = (gateway("a", SILENT), gateway("b", 299), gateway("c", 301))
    assert [g.name for g in victims("CloneSet", fleet, 3)] == ["b", "a", "c"]


EVEN = load(1200)
HALF = load(400, figures=(figure("a", 100), figure("b", 300)), rotation=2)


@pytest.mark.parametrize(
    ("found", "leaving", "most", "expected"),
    [
        pytest.param(EVEN, "a", 40, "", id="exactly on the limit is allowed"),
        pytest.param(
            EVEN,
            "a",
            39,
            "the fullest of the 3 that stay would be at 40% connections, 39% is the most",
            id="above it is not",
        ),
        pytest.param(
            HALF,
            "a",
            39,
            "the fullest of the 1 that stay would be at 40% connections, 39% is the most",
            id="all go to the one that stays",
        ),
        pytest.param(
            load(1000, 3, figures=(figure("a", 0), figure("b", 800), figure("c", 200))),
            "a",
            79,
            "the fullest of the 2 that stay would be at 80% connections, 79% is the most",
            id="the fullest counts, not the average",
        ),
        pytest.param(
            load(600, 3, figures=(figure("a", 300), figure("b", 100), figure("c", 200, 400))),
            "a",
            87,
            "the fullest of the 2 that stay would be at 88% connections, 87% is the most",
            id="each by its own capacity",
        ),
        pytest.param(
            load(1400, figures=EVEN.figures),
            "a",
            46,
            "the fullest of the 3 that stay would be at 47% connections, 46% is the most",
            id="what gateways out of rotation hold comes to those that stay too",
        ),
        pytest.param(
            partly([300, 300, 300], 1),
            "a",
            100,
            "what 1 of the remaining gateways carry is not known",
            id="one that stays does not tell",
        ),
        pytest.param(
            partly([300, 300, 300], 1),
            "d",
            63,
            "the fullest of the 3 that stay would be at 63% connections, 63% is the most",
            id="the one that leaves does not tell, and may be full",
        ),
        pytest.param(partly([300, 300, 300], 1), "d", 64, "", id="even then there is room"),
        pytest.param(
            EVEN,
            "abcd",
            100,
            "what 0 of the remaining gateways carry is not known",
            id="somebody has to stay",
        ),
    ],
)
def test_who_stays_must_not_be_overloaded(
    found: Utilization, leaving: str, most: int, expected: str
) -> None:
    assert overload_after(found, frozenset(f"uid-{n}" for n in leaving), most) == expected


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
    assert is_too_much_for(connections, load(connections), replicas, spec()) is expected


def test_what_is_not_known_has_no_size_and_is_always_too_much() -> None:
    doubtful = load(100, doubts=("cpu: nobody tells",))
    assert desired_size(doubtful.most, doubtful, spec(), MINIMUM) is None
    assert is_too_much_for(doubtful.most, doubtful, 1000, spec())
    assert not is_too_much_for(doubtful.load, doubtful, 2, spec())
