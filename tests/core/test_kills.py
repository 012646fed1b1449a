"""The whole way of a change, in a small world, with an operator that is killed at any point."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.stories import (
    LONGEST,
    POLICY,
    STORIES,
    Operator,
    assert_that_cuts_are_told,
    by_call,
    ending,
    is_draining,
    told,
    undisturbed,
)
from tests.core.world import (
    World,
)


@pytest.mark.parametrize(
    ("name", "replicas", "removed", "reasons"),
    [
        pytest.param("a quiet fleet", 3, [], set(), id="a quiet fleet is left alone"),
        pytest.param("a scale-up", 4, [], {"ScalingUp"}, id="a sustained load scales up"),
        pytest.param(
            "a scale-down",
            2,
            [("gateway-1", "Scale"), ("gateway-2", "Scale")],
            {"ScalingDown", "GatewayDraining", "GatewayDrained", "ScaledDown"},
            id="the least loaded leave when they are empty",
        ),
        pytest.param(
            "a hang",
            4,
            [("gateway-1", "Evict")],
            {"GatewayUnhealthy", "ConnectionsCut", "GatewayEvicted", "GatewayReplaced"},
            id="a hung gateway is evicted and replaced",
        ),
        pytest.param(
            "a scale-down whose load returns",
            5,
            [],
            {
                "ScalingDown",
                "GatewayDraining",
                "ScaleDownUndone",
                "ScalingUp",
                "CapacityPressure",
                "CapacitySufficient",
            },
            id="a scale-down is undone when its load returns",
        ),
        pytest.param(
            "a scale-down into a window",
            4,
            [],
            {"ScalingDown", "GatewayDraining", "ScaleDownUndone", "WindowOpen", "HeldByWindow"},
            id="a scale-down is undone when a window opens",
        ),
        pytest.param(
            "a scale-down that waits for a window",
            2,
            [("gateway-1", "Scale"), ("gateway-2", "Scale")],
            {
                "HeldByWindow",
                "WindowOpen",
                "ScalingDown",
                "GatewayDraining",
                "GatewayDrained",
                "ScaledDown",
            },
            id="a scale-down waits for a window that permits it",
        ),
        pytest.param(
            "a scale-down past its deadline",
            2,
            [("gateway-1", "Scale"), ("gateway-2", "Scale")],
            {"ScalingDown", "GatewayDraining", "ConnectionsCut", "ScaledDown"},
            id="what is left at the deadline is cut",
        ),
        pytest.param(
            "a rebalance", 3, [], {"Rebalancing", "Rebalanced"}, id="who holds too much sheds it"
        ),
        pytest.param(
            "a scale-up and its rebalance",
            4,
            [],
            {"ScalingUp", "Rebalancing", "Rebalanced"},
            id="a new gateway is filled from the others",
        ),
        pytest.param(
            "a rebalance into a window",
            3,
            [],
            {"Rebalancing", "RebalanceStopped", "WindowOpen"},
            id="a rebalance is stopped when a window opens",
        ),
        pytest.param(
            "a rebalance whose donor hangs",
            4,
            [("gateway-0", "Evict")],
            {
                "Rebalancing",
                "RebalanceStopped",
                "GatewayUnhealthy",
                "ConnectionsCut",
                "GatewayEvicted",
                "GatewayReplaced",
            },
            id="a donor that hangs is repaired",
        ),
        pytest.param(
            "a scale-down of an uneven fleet",
            3,
            [("gateway-1", "Scale")],
            {
                "Rebalancing",
                "Rebalanced",
                "ScalingDown",
                "GatewayDraining",
                "GatewayDrained",
                "ScaledDown",
            },
            id="a scale-down waits for a rebalance",
        ),
        pytest.param(
            "a scale-down whose victim hangs",
            2,
            [("gateway-1", "Scale"), ("gateway-2", "Scale")],
            {"ScalingDown", "GatewayDraining", "GatewayDrained", "ConnectionsCut", "ScaledDown"},
            id="what a victim holds that hangs is cut",
        ),
    ],
)
def test_a_story_ends_as_it_should(
    name: str, replicas: int, removed: list[tuple[str, str]], reasons: set[str]
) -> None:
    world = undisturbed(name)
    assert (world.replicas, by_call(world)) == (replicas, removed)
    readiness = {"FleetReady", "GatewaysNotReady", "MetricsAvailable", "MetricsUnavailable"}
    assert {e.reason for e in world.events.values()} - readiness == reasons
    assert all(p.accepting and not p.draining and p.cost == 0 for p in world.pods)
    assert_that_cuts_are_told(world, STORIES[name])


# Whom a rebalance leaves least loaded does too, and so who is a scale-down's victim.
UNEVEN = "a scale-down of an uneven fleet"
KILLS = st.dictionaries(st.integers(1, 40), st.integers(0, 8), max_size=6)


@settings(max_examples=400)
@given(name=st.sampled_from(sorted(set(STORIES) - {UNEVEN})), kills=KILLS)
def test_whenever_the_operator_is_killed_the_story_ends_the_same(
    name: str, kills: dict[int, int]
) -> None:
    world = told(STORIES[name], kills)
    assert ending(world) == ending(undisturbed(name))
    assert_that_cuts_are_told(world, STORIES[name])


@pytest.mark.parametrize("second", range(5, 30))
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a scale-up and its rebalance", id="in a scale-up and its rebalance"),
        pytest.param("a scale-down", id="in a scale-down"),
    ],
)
def test_killed_after_every_single_write_the_story_ends_the_same(name: str, second: int) -> None:
    expected = ending(undisturbed(name))
    for step in range(9):
        assert ending(told(STORIES[name], {second: step})) == expected, f"after {step} steps"


def test_clients_are_kept_by_every_change_that_is_not_told_to_cut_them() -> None:
    for name, story in STORIES.items():
        held = sum(story.loads) + (2200 if name == "a scale-down whose load returns" else 0)
        assert undisturbed(name).outline()["clients"] == held, name


def test_drains_slow_down_while_the_others_suffer_and_go_on_afterwards() -> None:
    world = World.of(POLICY, [250, 160, 200, 210])
    world.most_taken = 30
    paces = []
    operator = Operator()
    while world.replicas == 4:
        world.step()
        operator.make_pass(world, None)
        closing = [p.pace for p in world.pods if p.draining and p.connections]
        paces += [sum(closing)] if closing else []
        assert world.second < LONGEST
    assert paces[0] == 100
    assert min(paces) < 60
    assert any(later > earlier for earlier, later in pairwise(paces))
    assert "DrainSlowed" in {e.reason for e in world.events.values()}
    assert sum(r.connections for r in world.removals) == 0


def test_a_person_who_scales_in_mid_drain_wins_and_is_told() -> None:
    world = World.of(POLICY, list(STORIES["a scale-down"].loads))
    operator = Operator()
    while not is_draining(world):
        world.step()
        operator.make_pass(world, None)
    world.scaled_by("kubectl", 5)
    for _ in range(LONGEST):
        world.step()
        operator.make_pass(world, None)
        if world.replicas != 5:
            break
    reasons = [e.reason for e in world.events.values()]
    assert reasons.count("ReplicasChanged") == 1
    assert reasons.count("ResizeOvertaken") == 1
    # The base is new: the low load has to last anew, and then it is acted upon.
    assert reasons.count("ScalingDown") == 2
    assert world.replicas == 2
