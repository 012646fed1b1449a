"""The whole way of a repair, in a small world, with an operator that is killed at any point."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.healing_stories import HEALING, UNDONE_LATE, undisturbed
from tests.core.stories import assert_that_cuts_are_told, by_call, ending, told

EVICTED = [("gateway-1", "Evict")]
DRAINED = {"GatewayDraining", "GatewayDrained"}
REPLACED = {"GatewayReplaced", "RemediationVerified"}
REPAIRED = {"GatewayUnhealthy", "GatewayEvicted", *DRAINED, *REPLACED}
MOVED = {"GatewayLeaving", "GatewayEvicted", *DRAINED, *REPLACED}
LOST = {"GatewayUnhealthy", "ConnectionsCut", "GatewayEvicted", *REPLACED}
KEPT = {"GatewayLeaving", "GatewaySurged", "GatewayQuarantined", *DRAINED}
LONGEST = 20
MOST_STEPS = 9


@pytest.mark.parametrize(
    ("name", "removed", "reasons"),
    [
        pytest.param("an unready gateway", EVICTED, REPAIRED, id="it is drained, then evicted"),
        pytest.param(
            "an unready gateway of as few as may be",
            EVICTED,
            REPAIRED | {"GatewaySurged"},
            id="another one comes first where no more may be missing",
        ),
        pytest.param(
            "an eviction that is refused",
            [("gateway-1", "Delete")],
            REPAIRED - {"GatewayEvicted"} | {"EvictionBlocked", "GatewayDeleted"},
            id="what is ill is deleted in the end",
        ),
        pytest.param("a node that is lost", EVICTED, LOST, id="who was on it is replaced"),
        pytest.param(
            "a node that is lost and fenced",
            [*EVICTED, ("gateway-1", "Force")],
            LOST | {"GatewayDeleted"},
            id="what is left of a pod is deleted by force once its node is off",
        ),
        pytest.param(
            "a cordon", EVICTED, MOVED | {"GatewaySurged"}, id="who is well is moved with care"
        ),
        pytest.param(
            "a cordon in passing",
            [],
            {"GatewayLeaving", "GatewayDraining", "RemediationUndone"},
            id="who need not leave any more stays",
        ),
        pytest.param("a drain that is asked for", EVICTED, MOVED, id="a person's wish is done"),
        pytest.param("a quarantine", [], KEPT, id="what is to be examined is kept"),
        pytest.param(
            "a quarantine that ends",
            EVICTED,
            KEPT | {"GatewayGone"},
            id="what was examined is removed, and nobody takes its place",
        ),
    ],
)
def test_a_repair_ends_as_it_should(
    name: str, removed: list[tuple[str, str]], reasons: set[str]
) -> None:
    world, story = undisturbed(name), HEALING[name]
    assert by_call(world) == removed
    readiness = {"FleetReady", "GatewaysNotReady", "MetricsAvailable", "MetricsUnavailable"}
    assert {e.reason for e in world.events.values()} - readiness == reasons
    whole = [p for p in world.pods if p.accepting and not p.released and p.ends is None]
    assert len(whole) == world.replicas == len(story.loads)
    assert world.outline()["clients"] == sum(story.loads)
    assert_that_cuts_are_told(world, story)


@pytest.mark.parametrize("name", [pytest.param(name, id=f"in {name}") for name in sorted(HEALING)])
def test_killed_after_every_single_step_a_repair_ends_the_same(name: str) -> None:
    expected = ending(undisturbed(name))
    for second in range(1, LONGEST):
        for step in range(MOST_STEPS):
            world = told(HEALING[name], {second: step})
            assert ending(world) == expected, f"killed in second {second} after {step} steps"
            assert_that_cuts_are_told(world, HEALING[name])
            if not world.kills:
                break


KILLS = st.dictionaries(st.integers(1, 25), st.integers(0, 8), max_size=6)


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(HEALING)), kills=KILLS)
def test_however_often_the_operator_is_killed_a_repair_ends_the_same(
    name: str, kills: dict[int, int]
) -> None:
    world = told(HEALING[name], kills)
    assert ending(world) == ending(undisturbed(name))
    assert_that_cuts_are_told(world, HEALING[name])


def test_a_repair_whose_cause_goes_after_its_surge_cuts_nobody() -> None:
    assert_that_cuts_are_told(told(UNDONE_LATE, {}), UNDONE_LATE)
