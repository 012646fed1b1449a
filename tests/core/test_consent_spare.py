"""What is well leaves only where enough of it, and room for all, is left."""

from typing import Any

import pytest
from tests.core.ailing import on_node, unready
from tests.core.fleet import (
    SILENT,
    at,
    crashed,
    gateway,
    gateways,
    isolated,
    repair,
    suspect,
)
from tests.core.repairs import blocked, decided, repaired

from imchat_operator.core.decision import Decision
from imchat_operator.core.snapshot import DependencyState, Gateway, Keeper, Node
from imchat_operator.models import Phase

ILL = crashed("a")
OFF = Node(name="n", exists=False)
LOST = gateway("a", SILENT, node=OFF)
LEAVING = on_node("a", leaving="a taint")
CORDONED = on_node("a", cordoned=True)
ASKED = gateway("a", drain_requested=True)
PATIENT = {"suspects": (suspect("a", "NodeLeaving", at(-120)),)}
UNKNOWN = DependencyState(name="auth-service", up=None, why="no such Service")


def test_a_gateway_that_is_well_is_not_taken_where_too_few_would_be_left() -> None:
    decision = decided(CORDONED, gateway("b"), history=PATIENT, policy={"minReplicas": 1})
    assert (repaired(decision), blocked(decision)) == (
        [],
        (
            "True",
            "DisruptionBudgetSpent",
            (
                "2 of 2 gateways are healthy: with one less it would be less than 51%; 1 held: "
                "a (NodeLeaving: node n goes away: it is cordoned)"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("decision", "names"),
    [
        pytest.param(
            decided(CORDONED, *gateways("bc"), history=PATIENT, policy={"minReplicas": 1}),
            ["a"],
            id="two of three are enough",
        ),
        pytest.param(
            decided(
                LEAVING,
                *(on_node(name, leaving="a taint") for name in "bc"),
                gateway("d"),
                healing={"maxConcurrent": 3},
            ),
            ["a"],
            id="of three on a node that goes away one at first",
        ),
        pytest.param(
            decided(unready("a", drain_requested=True), *gateways("bc"), policy={"minReplicas": 1}),
            ["a"],
            id="one that is not ready is missed already",
        ),
        pytest.param(
            decided(ASKED, gateway("b"), policy={"minReplicas": 1}),
            [],
            id="also one that is asked for is held where too few would be left",
        ),
        pytest.param(
            decided(CORDONED, *gateways("bcd"), history=PATIENT, policy={"minReplicas": 4}),
            [],
            id="there is no room, and its revision, by which to start another, is not known",
        ),
        pytest.param(
            decided(
                on_node("a", leaving="a taint"),
                *gateways("bcd"),
                policy={"minReplicas": 4},
                kind="StatefulSet",
            ),
            ["a"],
            id="there is no room, and it is lost anyway",
        ),
        pytest.param(
            decided(
                unready("a"),
                gateway("b"),
                history={"suspects": (suspect("a", "NotReady", at(-120)),)},
            ),
            ["a"],
            id="one that is ill is taken, however few are left",
        ),
        pytest.param(
            decided(gateway("a", released="1"), *gateways("bc"), replicas=2),
            ["a"],
            id="one whose place another has is one too many",
        ),
    ],
)
def test_what_is_well_leaves_only_where_it_can_be_spared(
    decision: Decision, names: list[str]
) -> None:
    assert repaired(decision) == names


def test_what_may_not_be_removed_holds_up_no_other_repair_once_another_has_its_place() -> None:
    kept = repair("a", Phase.REMOVING, ailment="DrainRequested", blocked="two budgets select it")
    fleet = (isolated("a", 0, released="1"), crashed("b"), *gateways("cde"))
    replaced = kept.model_copy(update={"by": "e", "by_uid": "uid-e"})
    assert repaired(decided(*fleet, history={"drains": (kept,)})) == ["a"]
    assert repaired(decided(*fleet, history={"drains": (replaced,)})) == ["a", "b"]


def test_a_target_that_starts_no_replacement_first_is_told() -> None:
    decision = decided(
        CORDONED, *gateways("bcd"), history=PATIENT, policy={"minReplicas": 4}, kind="StatefulSet"
    )
    assert blocked(decision)[1:] == (
        "DisruptionBudgetSpent",
        (
            "the others can't carry what a does, and a StatefulSet starts no replacement first; "
            "1 held: a (NodeLeaving: node n goes away: it is cordoned)"
        ),
    )


STRICT = Keeper(why="PodDisruptionBudget b allows none", yields=True)
TWO = Keeper(why="2 PodDisruptionBudgets select it", yields=False)


def asked(keeper: Keeper | None, **fields: Any) -> Gateway:
    return gateway("a", **{"drain_requested": True, "revision": "v1", "keeper": keeper, **fields})


@pytest.mark.parametrize(
    ("decision", "phases"),
    [
        pytest.param(
            decided(asked(None), *gateways("bcd")), ["Isolating"], id="nothing would refuse it"
        ),
        pytest.param(
            decided(asked(STRICT), *gateways("bcd")),
            ["Surging"],
            id="its budget lets it go once another is there",
        ),
        pytest.param(
            decided(asked(STRICT), *gateways("bcd"), kind="StatefulSet"),
            [],
            id="where none comes first it serves on",
        ),
        pytest.param(decided(asked(TWO), *gateways("bcd")), [], id="nothing would let it go"),
        pytest.param(
            decided(asked(TWO, drain_requested=False, node=LEAVING.node), *gateways("bcd")),
            ["Isolating"],
            id="its clients are lost anyway where they are",
        ),
        pytest.param(
            decided(asked(TWO, quarantine="INC-7"), *gateways("bcd")),
            ["Surging"],
            id="what is kept is not evicted",
        ),
        pytest.param(
            decided(crashed("a", keeper=TWO), *gateways("bcd")),
            ["Isolating"],
            id="one that is ill does not serve on",
        ),
    ],
)
def test_what_would_not_be_evicted_is_not_moved(decision: Decision, phases: list[str]) -> None:
    assert [d.phase for d in decision.status.drains] == phases


def test_what_keeps_a_gateway_is_told() -> None:
    assert blocked(decided(asked(TWO), *gateways("bcd"))) == (
        "True",
        "EvictionBlocked",
        (
            "a could not be evicted, and serves on until it can: 2 PodDisruptionBudgets select "
            "it; 1 held: a (DrainRequested: annotation imchat.dev/drain is true)"
        ),
    )
