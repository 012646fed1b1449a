"""The scaling stage as decide() shows it: the verdict, the calls and the Events."""

from datetime import timedelta

import pytest
from tests.core.decisions import (
    DOWN,
    HIGH,
    LOW,
    UP,
    decided,
    policy,
    scale,
    scaled,
    scaling,
    told,
)
from tests.core.fleet import (
    SILENT,
    at,
    gateway,
    gateways,
    isolated,
    once,
    pending,
    repair,
    reported,
    resize,
    streak,
    target,
    victim,
    window,
)

from imchat_operator.core.decision import Decision, Outcome, SetAccepting
from imchat_operator.models import Phase

HPA = ("HorizontalPodAutoscaler web",)


def test_a_sustained_load_scales_up_exactly_at_the_sample_that_covers_the_time() -> None:
    running = streak(UP, at(0), at(50))
    early = decided(running, now=59.999, load=750)
    assert scaled(early) == []
    assert scaling(early) == (
        "False",
        "Waiting",
        "above 70% for 59s of 1m (now 75%, connections)",
    )
    why = (
        "above 70% for 1m (now 75%, connections); 3000 connections at 1000 a gateway need 5 for 60%"
    )
    due = decided(running, now=60, load=750)
    assert scaled(due) == [scale(4, 5)]
    assert scaling(due) == ("True", "ScalingUp", f"4 → 5 gateways, {why}")
    assert told(due) == [f"ScalingUp: 4 → 5 gateways: {why}"]
    assert due.status.resize == resize(4, 5, at(60)).model_copy(update={"id": due.id, "cause": why})
    assert due.status.desired_replicas == 5


def test_the_fastest_rule_that_is_sustained_scales_up() -> None:
    fast = streak("above 90% for 10s", at(0), at(0))
    assert scaled(decided(fast, now=10, load=950)) == [scale(4, 7)]


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(),
            ("False", "Steady", ("utilization is not above 70%, nor above 90%, nor below 30%")),
            id="between the thresholds",
        ),
        pytest.param(
            decided(load=300, gateways=gateways("ab")),
            ("False", "AtMinimum", "the fleet has what it needs at least: minReplicas is 2"),
            id="as small as it may be",
        ),
        pytest.param(
            decided(
                streak(UP, at(0), at(50)),
                now=60,
                load=710,
                gateways=gateways("abcd", 710),
                spec=policy(fields={"maxReplicas": 4}),
            ),
            (
                "False",
                "AtMaximum",
                (
                    "above 70% for 1m (now 71%, connections); "
                    "2840 connections at 1000 a gateway need 5 for 60%, maxReplicas is 4"
                ),
            ),
            id="as large as it may be",
        ),
        pytest.param(
            decided(
                streak(UP, at(0), at(50)),
                now=60,
                gateways=(*gateways("abc", 710), pending("d"), pending("e")),
            ),
            (
                "False",
                "SizeIsRight",
                (
                    "above 70% for 1m (now 71%, connections); "
                    "2130 connections at 1000 a gateway need 4 for 60%"
                ),
            ),
            id="gateways that start are not asked for twice",
        ),
        pytest.param(
            decided(gateways=(*gateways("abc"), gateway("d", SILENT))),
            (
                "Unknown",
                "Waiting",
                "the load is not known: 3 of 4 gateways report their connections, 80% are needed",
            ),
            id="too few report",
        ),
        pytest.param(
            decided(
                gateways=gateways("a"),
                target=target(replicas=1),
                autoscalers=("HorizontalPodAutoscaler web",),
            ),
            (
                "False",
                "ScalingConflict",
                (
                    "HorizontalPodAutoscaler web scales Deployment gateway too and is left "
                    "to win; healing goes on; delete it to have this policy scale"
                ),
            ),
            id="another autoscaler has the target, even below minReplicas",
        ),
        pytest.param(
            decided(gateways=(), target=target(replicas=0)),
            (
                "False",
                "ScaledToZero",
                "Deployment gateway is scaled to 0, which is left as it is",
            ),
            id="somebody scaled it to zero",
        ),
    ],
)
def test_a_decision_to_leave_the_size_has_its_reason(
    decision: Decision, expected: tuple[str, str, str]
) -> None:
    assert scaling(decision) == expected
    assert scaled(decision) == []


def test_a_fleet_below_its_minimum_grows_whatever_is_known() -> None:
    fleet = (gateway("a", SILENT),)
    decision = decided(gateways=fleet, windows=(window(once(at(-1), at(60))),))
    assert scaled(decision) == [scale(1, 2)]
    assert scaling(decision) == ("True", "ScalingUp", "1 → 2 gateways, minReplicas is 2")


def test_a_fleet_that_overload_made_unready_as_a_whole_scales_up() -> None:
    unready = tuple(gateway(n, 950, ready=False, containers_ready=False) for n in "abcd")
    found = decided(HIGH, gateways=unready)
    assert scaled(found) == [scale(4, 7)]


def test_a_fleet_above_its_maximum_shrinks_at_once() -> None:
    decision = decided(spec=policy(fields={"maxReplicas": 3}))
    assert scaling(decision)[:2] == ("True", "ScalingDown")
    assert [d.pod for d in decision.status.drains] == ["a"]


def test_a_sustained_low_load_drains_the_least_loaded_and_removes_nothing_yet() -> None:
    loads = {"a": 250, "b": 50, "c": 250, "d": 250}
    fleet = tuple(gateway(name, load) for name, load in loads.items())
    decision = decided(LOW, gateways=fleet)
    why = (
        "below 30% for 2m (now 20%, connections); 800 connections at 1000 a gateway need 2 for 60%"
    )
    assert decision.actions == tuple(
        SetAccepting(pod=name, uid=f"uid-{name}", accepting=False) for name in "ba"
    )
    assert told(decision) == [
        f"ScalingDown: 4 → 2 gateways: {why}; draining b (50 connections), a (250 connections)"
    ]
    assert [(d.pod, d.phase, d.connections, d.cause) for d in decision.status.drains] == [
        ("b", Phase.ISOLATING, 50, why),
        ("a", Phase.ISOLATING, 250, why),
    ]
    assert decision.next_check == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(LOW, load=200, windows=(window(once(at(-1), at(60))),)),
            (
                "HeldByWindow",
                "window night holds it until 2026-11-23 12:01:00 UTC: 4 → 2 gateways wanted",
            ),
            id="a window is open",
        ),
        pytest.param(
            decided(LOW, gateways=(*gateways("abcdefghi", 50), gateway("j", SILENT))),
            ("DisruptionBudgetSpent", "waits until no gateway is ill, repaired or rebalanced"),
            id="a gateway is ill",
        ),
        pytest.param(
            decided(
                LOW,
                gateways=(*gateways("abcd", 200), isolated("e", 200)),
                history={"drains": (repair("e", Phase.DRAINING),)},
            ),
            ("DisruptionBudgetSpent", "waits until no gateway is ill, repaired or rebalanced"),
            id="a gateway is repaired",
        ),
        pytest.param(
            decided(LOW, gateways=(*gateways("abcd", 200), pending("e"))),
            ("Waiting", "waits until all take connections (4 do)"),
            id="a gateway does not take connections yet",
        ),
        pytest.param(
            decided(streak(DOWN, at(-110), at(0)), load=200),
            ("Waiting", "below 30% for 1m50s of 2m (now 20%, connections)"),
            id="not for long enough",
        ),
    ],
)
def test_a_scale_down_waits(decision: Decision, expected: tuple[str, str]) -> None:
    reason, part = expected
    state = scaling(decision)
    assert state[:2] == ("False", reason)
    assert part in state[2]
    assert scaled(decision) == []


def test_one_scale_down_takes_sixteen_victims_at_most() -> None:
    fleet = gateways([f"g{number:02}" for number in range(30)], 10)
    decision = decided(LOW, gateways=fleet, spec=policy(fields={"maxReplicas": 40}))
    assert len(decision.status.drains) == 16
    assert decision.status.desired_replicas == 14


def test_a_change_under_way_is_explained_with_its_drains_and_refusals() -> None:
    refused = Outcome(action=scale(4, 3), refused="the object has been modified")
    empty = isolated("a", reported(0, draining=True), deletion_cost=-1000)
    decision = decided(
        gateways=(empty, *gateways("bcd", 200)),
        history={"resize": resize(4, 3), "drains": (victim(),)},
        outcomes=(refused,),
    )
    assert scaling(decision) == (
        "True",
        "ScalingDown",
        (
            "4 → 3 gateways, the load moved; a Removing (0 of 300 connections left); "
            "refused: the object has been modified"
        ),
    )
    assert scaled(decision) == [scale(4, 3)]


def test_after_growth_only_streaks_for_more_of_it_go_on() -> None:
    running = streak(UP, at(-45), at(0))
    decision = decided(running, now=10, load=750, history={"resize": resize(3, 4)})
    assert scaling(decision)[1] == "Waiting"
    assert decision.status.streaks == (streak(UP, at(-45), at(10)),)
    idle = decided(streak(DOWN, at(-45), at(0)), now=10, load=100, history={"resize": resize(3, 4)})
    assert idle.status.streaks == ()


def test_a_load_that_goes_on_growing_is_not_kept_waiting_by_the_growth_before() -> None:
    running = streak(UP, at(-60), at(0))
    decision = decided(running, now=10, load=750, history={"resize": resize(3, 4)})
    assert scaled(decision) == [scale(4, 5)]


def test_after_a_scale_down_streaks_begin_anew() -> None:
    history = {"resize": resize(5, 4)}
    decision = decided(streak(DOWN, at(-110), at(0)), now=10, load=100, history=history)
    assert scaling(decision) == ("False", "Steady", "4 gateways; streaks begin anew")
    assert decision.status.streaks == ()


def test_growth_that_is_refused_again_and_again_is_told_once() -> None:
    running = streak(UP, at(-60), at(40))
    old = {"resize": resize(4, 5, at(0))}
    assert told(decided(running, now=50, load=750, history=old)) == []
    other = {"resize": resize(4, 6, at(0))}
    assert told(decided(running, now=50, load=750, history=other)) != []


def test_what_a_maximum_allows_is_not_taken_from_a_load_that_needs_it() -> None:
    decision = decided(load=750, spec=policy(fields={"maxReplicas": 2}))
    state = scaling(decision)
    assert state[:2] == ("False", "SurvivorsOverloaded")
    assert state[2].endswith(
        "the fullest of the 3 that stay would be at 100% connections, 65% is the most"
    )
