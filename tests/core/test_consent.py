"""What looks like a job for a repair and isn't: storms, outages, and budgets that are spent."""

from typing import Any

import pytest
from tests.core.ailing import failed, on_node, stuck
from tests.core.fleet import (
    SILENT,
    at,
    crashed,
    gateway,
    gateways,
    suspect,
)
from tests.core.repairs import CRASH, DOWN, blocked, decided, healing, repaired

from imchat_operator.core.decision import Decision
from imchat_operator.core.snapshot import DependencyState, Gateway, Node
from imchat_operator.models import Storm

ILL = crashed("a")
OFF = Node(name="n", exists=False)
LOST = gateway("a", SILENT, node=OFF)
LEAVING = on_node("a", leaving="a taint")
CORDONED = on_node("a", cordoned=True)
ASKED = gateway("a", drain_requested=True)
PATIENT = {"suspects": (suspect("a", "NodeLeaving", at(-120)),)}
UNKNOWN = DependencyState(name="auth-service", up=None, why="no such Service")
OUTAGE = (
    "auth-service (connection refused) is down, which gateways can't be well without: "
    "another one would be no better"
)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(ILL, *gateways("bcd"), dependencies=(DOWN,)),
            ("True", "DependencyDown", f"{OUTAGE}; 1 held: a ({CRASH})"),
            id="a crash loop while what gateways need is down",
        ),
        pytest.param(
            decided(ILL, crashed("b"), *gateways("cd"), dependencies=(DOWN,)),
            ("True", "DependencyDown", f"{OUTAGE}; 2 held: a ({CRASH}), b ({CRASH})"),
            id="a storm that is explained by it",
        ),
        pytest.param(
            decided(*gateways(), dependencies=(DOWN,)),
            ("False", "NotBlocked", "4 of 4 gateways are healthy"),
            id="nobody minds that it is down",
        ),
        pytest.param(
            decided(
                gateway("a", SILENT),
                *gateways("bcd"),
                dependencies=(DOWN,),
                history={"storm": Storm(reason="DependencyDown", since=at(-10))},
            ),
            ("True", "DependencyDown", "auth-service is down; 0 held"),
            id="one is suspected while it is down",
        ),
        pytest.param(
            decided(
                gateway("a", SILENT),
                gateway("b", SILENT),
                *gateways("cd"),
                history={"storm": Storm(reason="StormGate", since=at(-10))},
            ),
            ("True", "StormGate", "2 of 4 gateways are healthy; 0 held"),
            id="a storm in which nobody is due yet",
        ),
        pytest.param(
            decided(
                gateway("a", SILENT),
                gateway("b", SILENT),
                *gateways("cd"),
                history={"storm": Storm(reason="StormGate", since=at(-9.9))},
            ),
            ("False", "NotBlocked", "2 of 4 gateways are healthy"),
            id="one that holds nobody and may be a passing look of things",
        ),
        pytest.param(
            decided(gateway("a", SILENT), *gateways("bcd")),
            ("False", "NotBlocked", "3 of 4 gateways are healthy"),
            id="one is suspected",
        ),
    ],
)
def test_what_holds_repairs_is_told(decision: Decision, expected: tuple[str, str, str]) -> None:
    assert blocked(decision) == expected
    assert repaired(decision) == []


STORM = (crashed("b"), crashed("c"), gateway("d"))


@pytest.mark.parametrize(
    ("decision", "names"),
    [
        pytest.param(decided(ILL, *gateways("bcd"), dependencies=(UNKNOWN,)), ["a"], id="unknown"),
        pytest.param(
            decided(LOST, *gateways("bcd"), dependencies=(DOWN,)), ["a"], id="a node is lost"
        ),
        pytest.param(
            decided(LEAVING, *gateways("bcd"), dependencies=(DOWN,)), ["a"], id="a node leaves"
        ),
        pytest.param(
            decided(ASKED, *gateways("bcd"), dependencies=(DOWN,)), ["a"], id="a drain is asked for"
        ),
    ],
)
def test_an_outage_holds_only_what_it_may_be_the_cause_of(
    decision: Decision, names: list[str]
) -> None:
    assert repaired(decision) == names


@pytest.mark.parametrize(
    ("decision", "names"),
    [
        pytest.param(decided(LEAVING, *STORM), [], id="a node leaves"),
        pytest.param(decided(ASKED, *STORM), [], id="a drain is asked for"),
        pytest.param(decided(gateway("a", quarantine="x"), *STORM), [], id="so is quarantine"),
        pytest.param(decided(LOST, *STORM), [], id="a node is lost"),
        pytest.param(
            decided(
                failed("a"),
                *STORM,
                history={"suspects": (suspect("a", "Failed", at(-60)),)},
            ),
            ["a"],
            id="a dead pod is removed nevertheless",
        ),
    ],
)
def test_in_a_storm_nothing_is_begun_but_dead_pods_are_removed(
    decision: Decision, names: list[str]
) -> None:
    assert repaired(decision) == names


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(LEAVING, id="a node leaves"),
        pytest.param(ASKED, id="a drain is asked for"),
        pytest.param(gateway("a", quarantine="INC-7"), id="quarantine is asked for"),
    ],
)
def test_it_is_the_storm_that_is_told_of_what_is_well_too(one: Gateway) -> None:
    assert blocked(decided(one, *STORM))[1] == "StormGate"


def test_in_a_storm_a_stuck_pod_of_a_node_that_is_off_is_deleted_by_force() -> None:
    assert [type(a).__name__ for a in decided(stuck("a", node=OFF), *STORM).actions] == ["Delete"]


def settling(over: float, reason: str = "StormGate") -> dict[str, Any]:
    return {"storm": Storm(reason=reason, since=at(-600), over_at=at(over))}


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(ILL, *gateways("bcd"), history=settling(-119.999)),
            (
                "True",
                "StormCooldown",
                (
                    "StormGate is over since 11:58:00 UTC, repairs begin again 2m later; "
                    f"1 held: a ({CRASH})"
                ),
            ),
            id="a moment before the fleet has settled",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), history=settling(-5, "DependencyDown")),
            (
                "True",
                "StormCooldown",
                (
                    "DependencyDown is over since 11:59:55 UTC, repairs begin again 2m later; "
                    f"1 held: a ({CRASH})"
                ),
            ),
            id="after an outage",
        ),
    ],
)
def test_after_a_storm_the_fleet_may_settle(
    decision: Decision, expected: tuple[str, str, str]
) -> None:
    assert blocked(decision) == expected
    assert healing(decision) == ("False", *expected[1:])


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(decided(ILL, *gateways("bcd"), history=settling(-120)), id="it has settled"),
        pytest.param(
            decided(ILL, *gateways("bcd"), history=settling(-5), healing={"stormCooldown": "5s"}),
            id="the time is asked for",
        ),
        pytest.param(decided(LEAVING, *gateways("bcd"), history=settling(-5)), id="a node leaves"),
        pytest.param(decided(ASKED, *gateways("bcd"), history=settling(-5)), id="it is asked for"),
    ],
)
def test_what_does_not_have_to_settle_is_begun(decision: Decision) -> None:
    assert repaired(decision) == ["a"]
