"""How a size came about, as a decision records it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.decisions import DOWN, HIGH, LOW, UP, decided, policy
from tests.core.fleet import at, crashed, gateway, gateways, isolated, resize, snapshot, status

from imchat_operator.core.decision import Decision
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Unreadable
from imchat_operator.models import Direction, LastResize, Obstacle, SignalLoad, Sizing, SizingStep

PAUSED = replace(
    snapshot().cluster, annotations=(("imchat.dev/pause-scale-down", "cup final, ask Ana"),)
)

DEAF = tuple(gateway(name, Unreadable(why="HTTP 404")) for name in "abcd")


def sizing(decision: Decision) -> Sizing:
    assert decision.status.sizing is not None
    return decision.status.sizing


def steps(decision: Decision) -> list[tuple[str, int]]:
    return [(s.reason, s.size) for s in sizing(decision).steps]


def obstacles(decision: Decision) -> list[tuple[str, str]]:
    return [(o.direction, o.reason) for o in sizing(decision).obstacles]


@pytest.mark.parametrize(
    ("decision", "by", "expected"),
    [
        pytest.param(
            decided(load=300),
            "",
            [("TargetUtilization", 2), ("HeadroomKept", 3)],
            id="nobody asks: what the load needs all the same",
        ),
        pytest.param(
            decided(HIGH, load=950, spec=policy(maxStep={"scaleUp": 2})),
            UP,
            [("TargetUtilization", 7), ("StepLimited", 6)],
            id="a growth that a step limits",
        ),
        pytest.param(
            decided(HIGH, load=950, spec=policy(fields={"maxReplicas": 5})),
            UP,
            [("TargetUtilization", 7), ("AtMaximum", 5)],
            id="a growth that ends at maxReplicas",
        ),
        pytest.param(
            decided(LOW, load=200, cluster=PAUSED),
            DOWN,
            [("TargetUtilization", 2), ("Paused", 4)],
            id="a scale-down that is paused leaves what there is",
        ),
        pytest.param(
            decided(LOW, load=200, spec=policy(maxStep={"scaleDown": 1})),
            DOWN,
            [("TargetUtilization", 2), ("StepLimited", 3)],
            id="a scale-down that a step limits",
        ),
        pytest.param(
            decided(gateways=gateways("a"), spec=policy(fields={"minReplicas": 4})),
            "AtMinimum",
            [("AtMinimum", 4)],
            id="a floor asks for itself",
        ),
        pytest.param(
            decided(gateways=DEAF),
            "",
            [],
            id="a load that is not known needs nobody knows what",
        ),
    ],
)
def test_the_steps_lead_from_the_wish_to_what_is_asked_for(
    decision: Decision, by: str, expected: list[tuple[str, int]]
) -> None:
    assert (sizing(decision).by, steps(decision)) == (by, expected)
    if by and expected[-1][1] != 4:
        assert decision.status.desired_replicas == expected[-1][1]


def test_every_step_has_its_figures() -> None:
    found = sizing(decided(HIGH, load=950, spec=policy(maxStep={"scaleUp": 2})))
    assert found.steps == (
        SizingStep(
            reason="TargetUtilization",
            size=7,
            why="3800 connections at 1000 a gateway need 7 for 60%",
        ),
        SizingStep(reason="StepLimited", size=6, why="maxStep.scaleUp is 2"),
    )
    assert found.loads == (
        SignalLoad(
            signal="connections",
            percent=95,
            limit=80,
            load="3800",
            unit="connections",
            capacity="1000",
            gateways=4,
        ),
    )


def test_what_led_to_a_change_stays_told_while_it_is_under_way() -> None:
    begun = decided(LOW, load=200)
    assert begun.status.resize is not None
    under_way = decide(
        snapshot(
            now=at(1),
            spec=policy(),
            gateways=(*gateways("cd", 210), isolated("a", 200), isolated("b", 190)),
            history=begun.status.model_copy(update={"streaks": ()}),
        )
    )
    assert under_way.status.resize == begun.status.resize
    assert sizing(under_way).steps == sizing(begun).steps
    assert sizing(under_way).loads[0].percent == 40


def test_a_change_that_an_older_operator_began_tells_what_the_load_needs() -> None:
    found = decided(load=300, history={"resize": resize(4, 6)})
    assert sizing(found).by == ""
    assert steps(found)[0][0] == "TargetUtilization"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="nothing is in the way"),
        pytest.param(
            {"cluster": PAUSED},
            [("ScaleDown", "Paused")],
            id="a pause, though nobody wants to shrink",
        ),
        pytest.param(
            {"history": {"last_resizes": (LastResize(direction=Direction.UP, at=at(-10)),)}},
            [("ScaleDown", "CoolingDown")],
            id="a cool-down",
        ),
        pytest.param(
            {"gateways": (*gateways("abc"), crashed("d"))},
            [("ScaleDown", "DisruptionBudgetSpent")],
            id="a gateway that is ill",
        ),
        pytest.param(
            {
                "cluster": PAUSED,
                "history": {"last_resizes": (LastResize(direction=Direction.UP, at=at(-10)),)},
            },
            [("ScaleDown", "Paused"), ("ScaleDown", "CoolingDown")],
            id="all of them, not only the one that counts",
        ),
    ],
)
def test_what_is_in_the_way_is_told_before_anybody_wants_it(
    fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert obstacles(decided(**fields)) == expected


def test_a_new_obstacle_is_written_at_once_and_new_figures_are_not() -> None:
    before = decided().status
    figures = snapshot(now=at(1), spec=policy(), gateways=gateways("abcd", 320), history=before)
    assert sizing(decide(figures)) == before.sizing
    late = sizing(decide(replace(figures, now=at(20), sampled_at=at(20))))
    assert late.loads[0].percent == 32
    paused = decide(snapshot(now=at(1), spec=policy(), cluster=PAUSED, history=before))
    assert sizing(paused).obstacles == (
        Obstacle(
            direction=Direction.DOWN,
            reason="Paused",
            why="scaling down is paused: cup final, ask Ana",
        ),
    )


def test_a_load_that_is_not_known_says_why() -> None:
    found = sizing(decided(gateways=DEAF))
    assert found.loads[0].percent is None
    assert found.loads[0].unknown.startswith("0 of 4 gateways report their connections")
    assert status().sizing is None
