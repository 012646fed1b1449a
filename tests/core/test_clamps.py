"""What clamps a size, each with its own reason."""

import pytest
from tests.core.decisions import (
    HIGH,
    LOW,
    decided,
    leaving,
    policy,
    scale,
    scaled,
    scaling,
    told,
)
from tests.core.fleet import (
    at,
    drain,
    gateway,
    gateways,
    isolated,
    reported,
    streak,
    target,
)

from imchat_operator.models import Phase, Purpose

UP_BY_TWO = policy(maxStep={"scaleUp": 2})
DOWN_BY_ONE = policy(maxStep={"scaleDown": 1})


def test_growth_is_limited_to_a_step() -> None:
    found = decided(HIGH, load=950, spec=UP_BY_TWO)
    assert scaled(found) == [scale(4, 6)]
    assert told(found)[0].endswith("need 7 for 60%, maxStep.scaleUp is 2")
    exact = decided(HIGH, load=850, spec=UP_BY_TWO)
    assert scaled(exact) == [scale(4, 6)]
    assert "maxStep" not in told(exact)[0]


def test_growth_to_a_floor_is_limited_to_a_step() -> None:
    found = decided(
        gateways=gateways("a"), spec=policy(fields={"minReplicas": 4}, maxStep={"scaleUp": 2})
    )
    assert scaled(found) == [scale(1, 3)]


def test_a_scale_down_is_limited_to_a_step() -> None:
    found = decided(LOW, load=200, spec=DOWN_BY_ONE)
    assert leaving(found) == ["a"]
    assert told(found)[0].startswith("ScalingDown: 4 → 3 gateways: ")
    assert "need 2 for 60%, maxStep.scaleDown is 1; draining a (200" in told(found)[0]
    exact = decided(LOW, load=200, spec=policy(maxStep={"scaleDown": 2}))
    assert leaving(exact) == ["a", "b"]
    assert "maxStep" not in told(exact)[0]


RECENT = "within the last 2m"


@pytest.mark.parametrize(
    ("largest", "expected", "words"),
    [
        pytest.param(2, ["a", "b"], "", id="no more than now: nothing is added"),
        pytest.param(3, ["a"], f"3 were needed {RECENT}", id="more than now: fewer leave"),
    ],
)
def test_a_scale_down_goes_no_lower_than_what_was_needed_of_late(
    largest: int, expected: list[str], words: str
) -> None:
    low = streak(LOW.rule, LOW.since, LOW.last, (largest, LOW.since))
    found = decided(low, load=200)
    assert leaving(found) == expected
    assert words in told(found)[0]
    assert (RECENT in told(found)[0]) == bool(words)


def test_a_size_that_was_needed_of_late_stays() -> None:
    found = decided(streak(LOW.rule, LOW.since, LOW.last, (4, LOW.since)), load=200)
    assert leaving(found) == []
    assert scaling(found)[:2] == ("False", "ScaleDownStabilized")
    assert scaling(found)[2].endswith(f"4 were needed {RECENT}")
    assert found.status.sizing is not None
    assert found.status.sizing.steps[-1].reason == "ScaleDownStabilized"


def test_a_scale_down_is_cut_to_what_those_that_stay_can_carry_and_says_so() -> None:
    fleet = tuple(gateway(n, v) for n, v in zip("abcd", (100, 100, 100, 580), strict=True))
    found = decided(LOW, gateways=fleet, spec=policy(failureHeadroom=0))
    assert leaving(found) == ["a"]
    overload = "the fullest of the 2 that stay would be at 68% connections, 65% is the most"
    assert f"need 2 for 60%, {overload}; draining a" in told(found)[0]


@pytest.mark.parametrize(
    ("margin", "size"),
    [
        pytest.param(7, 4, id="one percent too much for the fullest"),
        pytest.param(8, 3, id="exactly target + margin"),
    ],
)
def test_the_margin_is_what_those_that_stay_may_have_above_the_target(
    margin: int, size: int
) -> None:
    fleet = tuple(gateway(n, v) for n, v in zip("abcd", (90, 90, 90, 650), strict=True))
    found = decided(LOW, gateways=fleet, spec=policy(margin=margin))
    assert found.status.desired_replicas == size
    if size == 4:
        state = scaling(found)
        assert state[:2] == ("False", "SurvivorsOverloaded")
        assert state[2].endswith(
            "the fullest of the 3 that stay would be at 68% connections, 67% is the most"
        )


def test_headroom_is_kept_when_the_maximum_would_take_it() -> None:
    fleet = gateways("abcd", 300)
    spec_ = policy(fields={"maxReplicas": 2}, failureHeadroom=1)
    found = decided(gateways=fleet, spec=spec_)
    # At 60% the two that stay are within target + margin, but one alone could not carry 120%.
    assert scaling(found)[:2] == ("False", "HeadroomKept")
    assert scaling(found)[2].endswith("the rest could not carry the load")
    assert leaving(decided(gateways=gateways("abcd", 250), spec=spec_)) == ["a", "b"]


def test_a_low_load_at_its_smallest_size_tells_which_clamp_keeps_it() -> None:
    low = streak("below 30% for 2m", at(-120), at(0))
    found = decided(low, gateways=gateways("abc", 270))
    assert scaling(found)[:2] == ("False", "HeadroomKept")
    assert scaling(found)[2].endswith("need 3 to stay at 80% with 1 lost")


def test_a_rebalance_and_a_scale_down_share_one_budget() -> None:
    shedding = drain("d", Phase.DRAINING, purpose=Purpose.REBALANCE, keep=200)
    fleet = (*gateways("abc", 200), isolated("d", reported(210, draining=True)))
    found = decided(LOW, gateways=fleet, history={"drains": (shedding,)})
    assert scaling(found)[:2] == ("False", "DisruptionBudgetSpent")
    assert leaving(found) == []


def test_of_a_stateful_set_the_victims_that_are_simulated_are_those_that_will_leave() -> None:
    fleet = tuple(gateway(f"gateway-{n}", v) for n, v in enumerate((20, 20, 20, 300)))
    found = decided(LOW, gateways=fleet, target=target(kind="StatefulSet"))
    assert leaving(found) == ["gateway-3", "gateway-2"]
