"""Pauses, modes and cool-downs: what may change, and what is said where it may not."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.decisions import (
    HIGH,
    LOW,
    decided,
    leaving,
    messages,
    policy,
    scale,
    scaled,
    scaling,
)
from tests.core.fleet import (
    CLUSTER,
    at,
    crashed,
    gateways,
    isolated,
    resize,
    snapshot,
    target,
    victim,
)

from imchat_operator.core.decision import (
    SetAccepting,
)
from imchat_operator.core.planner import decide
from imchat_operator.models import Direction, LastResize, Phase, Recommendation

UP_PAUSED = {"direction": "ScaleUp", "reason": "a load test"}
DOWN_PAUSED = {"direction": "ScaleDown", "reason": "the cup final"}
SIX = "3000 connections at 1000 a gateway need 5 for 60%"
GROW = f"above 70% for 1m (now 75%, connections); {SIX}"
SHRINK = "below 30% for 2m (now 20%, connections); 800 connections at 1000 a gateway need 2 for 60%"


def annotated(key: str, value: str) -> Any:
    return replace(CLUSTER, annotations=((f"imchat.dev/{key}", value),))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param(
            {"spec": policy(pauses=[UP_PAUSED])},
            "scaling up is paused: a load test",
            id="by the spec",
        ),
        pytest.param(
            {"cluster": annotated("pause-scale-up", "INC-7")},
            "scaling up is paused: INC-7",
            id="by an annotation",
        ),
        pytest.param(
            {"cluster": annotated("pause-scale-up", "")},
            "scaling up is paused: annotation imchat.dev/pause-scale-up, which gives no reason",
            id="by an annotation without a reason",
        ),
        pytest.param(
            {
                "spec": policy(pauses=[UP_PAUSED]),
                "cluster": annotated("pause-scale-up", "INC-7"),
            },
            "scaling up is paused: INC-7",
            id="by both: the annotation is the newer",
        ),
    ],
)
def test_growth_is_paused_with_a_reason_that_is_shown(fields: dict[str, Any], why: str) -> None:
    found = decided(HIGH, load=750, **fields)
    assert scaled(found) == []
    assert scaling(found) == ("False", "Paused", f"{why}; 4 → 5 gateways wanted, {GROW}")
    assert messages(found, "Paused") == [f"Scaling: {scaling(found)[2]}"]
    assert decided(LOW, load=200, **fields).status.resize is not None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param(
            {"spec": policy(pauses=[UP_PAUSED, DOWN_PAUSED])}, "the cup final", id="by the spec"
        ),
        pytest.param(
            {"cluster": annotated("pause-scale-down", "INC-7")}, "INC-7", id="by an annotation"
        ),
    ],
)
def test_a_scale_down_is_paused_with_a_reason_that_is_shown(
    fields: dict[str, Any], why: str
) -> None:
    found = decided(LOW, load=200, **fields)
    assert (leaving(found), found.actions) == ([], ())
    message = f"scaling down is paused: {why}: 4 → 2 gateways wanted, {SHRINK}"
    assert scaling(found) == ("False", "Paused", message)


def test_a_pause_of_one_direction_leaves_the_other() -> None:
    assert scaled(decided(HIGH, load=750, spec=policy(pauses=[DOWN_PAUSED]))) == [scale(4, 5)]
    assert leaving(decided(LOW, load=200, spec=policy(pauses=[UP_PAUSED]))) == ["a", "b"]


def test_a_pause_holds_even_below_min_replicas() -> None:
    found = decided(gateways=gateways("a"), spec=policy(pauses=[UP_PAUSED]))
    assert scaled(found) == []
    assert scaling(found)[1] == "Paused"


def test_a_pause_in_mid_drain_undoes_the_scale_down() -> None:
    found = decided(
        gateways=(isolated("a"), *gateways("bcd")),
        spec=policy(pauses=[DOWN_PAUSED]),
        history={"resize": resize(4, 3), "drains": (victim(phase=Phase.DRAINING),)},
    )
    assert messages(found, "ScaleDownUndone") == [
        "4 → 3 gateways: undone, scaling down is paused: the cup final"
    ]
    assert SetAccepting(pod="a", uid="uid-a", accepting=True) in found.actions


def test_a_pause_of_growth_drops_growth_under_way_and_no_scale_down() -> None:
    up = decided(spec=policy(pauses=[UP_PAUSED]), history={"resize": resize(4, 6)})
    assert (scaled(up), up.status.resize) == ([], None)
    down = decided(
        gateways=(isolated("a"), *gateways("bcd")),
        spec=policy(pauses=[UP_PAUSED]),
        history={"resize": resize(4, 3), "drains": (victim(phase=Phase.DRAINING),)},
    )
    assert down.status.resize == resize(4, 3)


def rested(direction: Direction, seconds: float) -> dict[str, Any]:
    return {"last_resizes": (LastResize(direction=direction, at=at(-seconds)),)}


REST = policy(cooldown={"scaleUp": "3m", "scaleDown": "5m"})


@pytest.mark.parametrize(
    ("direction", "seconds", "rests"),
    [
        pytest.param(Direction.UP, 179, True, id="a scale-up, one second before three minutes"),
        pytest.param(Direction.UP, 180, False, id="a scale-up, three minutes ago"),
        pytest.param(Direction.DOWN, 1, False, id="after a scale-down growth need not rest"),
        pytest.param(Direction.UP, -1, False, id="one of the future, from a clock since set back"),
    ],
)
def test_growth_rests_after_growth(direction: Direction, seconds: int, rests: bool) -> None:  # noqa: FBT001 -- a table's
    found = decided(HIGH, load=750, spec=REST, history=rested(direction, seconds))
    assert scaled(found) == ([] if rests else [scale(4, 5)])
    if rests:
        why = "cooling down for 3m since 11:57:01 UTC"
        assert scaling(found) == ("False", "CoolingDown", f"{why}; 4 → 5 gateways wanted, {GROW}")


@pytest.mark.parametrize(
    ("direction", "seconds", "rests"),
    [
        pytest.param(Direction.UP, 299, True, id="a scale-up, one second before five minutes"),
        pytest.param(Direction.UP, 300, False, id="a scale-up, five minutes ago"),
        pytest.param(Direction.DOWN, 299, True, id="a scale-down, one second before five minutes"),
        pytest.param(Direction.DOWN, 300, False, id="a scale-down, five minutes ago"),
    ],
)
def test_a_scale_down_rests_after_any_change(
    direction: Direction,
    seconds: int,
    rests: bool,  # noqa: FBT001 -- a table's
) -> None:
    found = decided(LOW, load=200, spec=REST, history=rested(direction, seconds))
    assert leaving(found) == ([] if rests else ["a", "b"])
    if rests:
        why = "cooling down for 5m since 11:55:01 UTC"
        assert scaling(found) == ("False", "CoolingDown", f"{why}: 4 → 2 gateways wanted, {SHRINK}")


def test_by_default_growth_does_not_rest_and_a_scale_down_rests_for_five_minutes() -> None:
    just_now = rested(Direction.UP, 0)
    assert scaled(decided(HIGH, load=750, history=just_now)) == [scale(4, 5)]
    assert scaling(decided(LOW, load=200, history=rested(Direction.UP, 299)))[1] == "CoolingDown"


def test_a_floor_does_not_wait_for_a_rest() -> None:
    found = decided(gateways=gateways("a"), spec=REST, history=rested(Direction.UP, 1))
    assert scaled(found) == [scale(1, 2)]


def test_the_rest_begins_when_a_change_is_over_and_each_direction_is_kept() -> None:
    before = LastResize(direction=Direction.DOWN, at=at(-9))
    up = decided(history={"resize": resize(3, 4), "last_resizes": (before,)})
    latest = LastResize(direction=Direction.UP, at=at(0))
    assert up.status.last_resizes == (before, latest)
    down = decided(
        gateways=gateways("bcd"),
        target=target(replicas=3),
        history={
            "resize": resize(4, 3),
            "drains": (victim(),),
            "last_resizes": (before, latest),
        },
    )
    assert down.status.last_resizes == (latest, LastResize(direction=Direction.DOWN, at=at(0)))


RECOMMEND = policy(mode="Recommend")
OBSERVE = policy(mode="Observe")
GROWTH = f"4 → 5 gateways recommended, nothing is done: {GROW}"


def test_recommend_writes_the_whole_decision_and_touches_nothing() -> None:
    found = decided(HIGH, load=750, spec=RECOMMEND)
    assert found.actions == ()
    assert scaling(found) == ("False", "ScaleRecommended", GROWTH)
    assert messages(found, "ScaleRecommended") == [GROWTH]
    assert found.status.recommendation == Recommendation(from_=4, to=5, cause=GROW, at=at(0))
    assert (found.status.desired_replicas, found.status.replicas) == (5, 4)
    assert found.status.resize is None


def test_a_recommendation_that_stands_is_told_once() -> None:
    first = decided(HIGH, load=750, spec=RECOMMEND)
    later = decide(
        snapshot(now=at(10), gateways=gateways("abcd", 745), spec=RECOMMEND, history=first.status)
    )
    assert messages(later, "ScaleRecommended") == [GROWTH]  # the first one, not yet posted
    assert later.status.recommendation == first.status.recommendation
    more = decide(
        snapshot(now=at(10), gateways=gateways("abcd", 800), spec=RECOMMEND, history=first.status)
    )
    events = more.status.pending_events
    assert [e.count for e in events if e.reason == "ScaleRecommended"] == [2]
    assert more.status.recommendation is not None
    assert (more.status.recommendation.to, more.status.recommendation.at) == (6, at(10))


def test_recommend_tells_a_scale_down_and_isolates_nobody() -> None:
    found = decided(LOW, load=200, spec=RECOMMEND)
    assert (found.actions, found.status.drains) == ((), ())
    message = f"4 → 2 gateways recommended, nothing is done: {SHRINK}"
    assert scaling(found) == ("False", "ScaleRecommended", message)
    assert found.status.desired_replicas == 2


def test_recommend_tells_the_size_that_auto_would_choose_with_every_clamp() -> None:
    held = policy(mode="Recommend", pauses=[UP_PAUSED])
    assert scaling(decided(HIGH, load=750, spec=held))[1] == "Paused"
    step = policy(mode="Recommend", maxStep={"scaleDown": 1})
    assert decided(LOW, load=200, spec=step).status.desired_replicas == 3


@pytest.mark.parametrize("mode", [RECOMMEND, OBSERVE])
def test_a_new_gateway_is_let_in_in_every_mode(mode: Any) -> None:
    found = decided(gateways=(isolated("a"), *gateways("bcd")), spec=mode)
    assert found.actions == (SetAccepting(pod="a", uid="uid-a", accepting=True),)


@pytest.mark.parametrize(
    ("mode", "name"), [pytest.param(RECOMMEND, "Recommend"), pytest.param(OBSERVE, "Observe")]
)
def test_a_mode_that_is_turned_down_in_mid_drain_undoes_the_scale_down(
    mode: Any, name: str
) -> None:
    found = decided(
        gateways=(isolated("a"), *gateways("bcd")),
        spec=mode,
        history={"resize": resize(4, 3), "drains": (victim(phase=Phase.DRAINING),)},
    )
    assert messages(found, "ScaleDownUndone") == [f"4 → 3 gateways: undone, scaling.mode is {name}"]
    up = decided(spec=mode, history={"resize": resize(4, 6)})
    assert (scaled(up), up.status.resize) == ([], None)


def test_observe_measures_and_decides_nothing() -> None:
    found = decided(HIGH, load=750, spec=OBSERVE)
    assert (found.actions, found.status.recommendation) == ((), None)
    text = "scaling.mode is Observe; above 70% for 1m0s of 1m (now 75%, connections)"
    assert scaling(found) == ("False", "Observing", text.replace("1m0s", "1m"))
    assert found.status.streaks == (HIGH,)
    below = decided(gateways=gateways("a"), spec=OBSERVE)
    assert (below.actions, below.status.desired_replicas) == ((), 1)


def test_healing_goes_on_in_every_mode() -> None:
    for mode in (RECOMMEND, OBSERVE):
        found = decided(gateways=(crashed("a"), *gateways("bcd")), spec=mode)
        assert [d.pod for d in found.status.drains] == ["a"]
