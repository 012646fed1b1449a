"""Modes and pauses of healing: what is only said, and what a person asks for all the same."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.ailing import failed, on_node, stuck
from tests.core.decisions import messages
from tests.core.fleet import (
    CLUSTER,
    SILENT,
    at,
    crashed,
    gateway,
    gateways,
    isolated,
    once,
    repair,
    suspect,
    window,
)
from tests.core.repairs import CRASH, after, blocked, decided, healing, repaired, seen

from imchat_operator.core.decision import Decision
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Gateway, Node
from imchat_operator.models import Phase

OPEN = window(once(at(-1), at(60)))
ILL = crashed("a")
ASKED = gateway("a", drain_requested=True)
KEPT = gateway("a", quarantine="INC-7")
OBSERVE = {"mode": "Observe"}
RECOMMEND = {"mode": "Recommend"}
PAUSED = {"pauses": [{"reason": "a load test"}, {"reason": "the cup final"}]}


def annotated(value: str) -> dict[str, Any]:
    return {"cluster": replace(CLUSTER, annotations=(("imchat.dev/pause-healing", value),))}


@pytest.mark.parametrize(
    ("decision", "reason", "why"),
    [
        pytest.param(
            decided(ILL, *gateways("bcd"), healing=OBSERVE),
            "Observing",
            "healing.mode is Observe",
            id="it only watches",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), healing=PAUSED),
            "Paused",
            "healing is paused: a load test; the cup final",
            id="the spec pauses it, for two reasons",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), **annotated("INC-7")),
            "Paused",
            "healing is paused: INC-7",
            id="an annotation pauses it",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), **annotated("")),
            "Paused",
            "healing is paused: annotation imchat.dev/pause-healing, which gives no reason",
            id="an annotation pauses it without a reason",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), healing=PAUSED, **annotated("INC-7")),
            "Paused",
            "healing is paused: INC-7",
            id="the annotation is told first",
        ),
    ],
)
def test_a_mode_or_a_pause_holds_repairs_and_is_told(
    decision: Decision, reason: str, why: str
) -> None:
    message = f"{why}; 1 held: a ({CRASH})"
    assert blocked(decision) == ("True", reason, message)
    assert healing(decision) == ("False", reason, message)
    assert (decision.actions, decision.status.drains) == ((), ())


def test_another_annotation_pauses_nothing() -> None:
    other = replace(CLUSTER, annotations=(("imchat.dev/pause-scale-up", "INC-7"),))
    assert repaired(decided(ILL, *gateways("bcd"), cluster=other)) == ["a"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"windows": (OPEN,)}, id="an open window"),
        pytest.param({"healing": PAUSED}, id="a pause in the spec"),
        pytest.param(annotated("INC-7"), id="a pause by annotation"),
        pytest.param({"healing": OBSERVE}, id="mode Observe"),
        pytest.param({"healing": RECOMMEND}, id="mode Recommend"),
    ],
)
@pytest.mark.parametrize(
    "one", [pytest.param(ASKED, id="a drain"), pytest.param(KEPT, id="a quarantine")]
)
def test_what_a_person_asks_for_is_done_in_spite_of(one: Gateway, fields: dict[str, Any]) -> None:
    assert repaired(decided(one, *gateways("bcd"), **fields)) == ["a"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"windows": (OPEN,)}, id="an open window"),
        pytest.param({"healing": PAUSED}, id="a pause"),
        pytest.param({"healing": OBSERVE}, id="mode Observe"),
        pytest.param({"healing": RECOMMEND}, id="mode Recommend"),
    ],
)
@pytest.mark.parametrize(
    "one",
    [
        pytest.param(on_node("a", leaving="a taint"), id="a node that leaves"),
        pytest.param(gateway("a", SILENT, node=Node(name="n", exists=False)), id="a lost node"),
        pytest.param(stuck("a", node=Node(name="n", exists=False)), id="a pod to be forced"),
        pytest.param(failed("a"), id="a dead pod"),
    ],
)
def test_nothing_else_is_done_in_spite_of(one: Gateway, fields: dict[str, Any]) -> None:
    over = {"suspects": (suspect("a", "Failed", at(-60)),)}
    decision = decided(one, *gateways("bcd"), history=over, **fields)
    assert (decision.actions, decision.status.drains) == ((), ())


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"healing": OBSERVE}, id="mode Observe"),
        pytest.param({"healing": RECOMMEND}, id="mode Recommend"),
        pytest.param({"healing": PAUSED}, id="a pause"),
    ],
)
def test_what_was_begun_goes_on_in_spite_of(fields: dict[str, Any]) -> None:
    record = repair("a", Phase.REMOVING)
    decision = decided(isolated("a", 0), *gateways("bcd"), history={"drains": (record,)}, **fields)
    assert [type(action).__name__ for action in decision.actions] == ["Evict"]


WOULD = f"a would be repaired, nothing is done: {CRASH}"


def test_a_repair_is_recommended_once() -> None:
    found = seen(ILL, *gateways("bcd"), healing=RECOMMEND)
    first = decide(found)
    assert (first.actions, first.status.drains) == ((), ())
    assert messages(first, "RemediationRecommended") == [WOULD, WOULD], "on the cluster and the pod"
    assert first.status.suspects == (
        suspect("a", "CrashLooping", at(0), ill_since=at(0), told="RemediationRecommended"),
    )
    assert healing(first) == ("False", "RemediationRecommended", WOULD)
    second = decide(after(found, first, at(1)))
    assert second.status is first.status


def test_a_recommendation_is_held_like_a_repair() -> None:
    decision = decided(ILL, *gateways("bcd"), healing=RECOMMEND, windows=(OPEN,))
    assert messages(decision, "RemediationRecommended") == []
    assert blocked(decision)[1] == "HeldByWindow"


def test_what_was_recommended_is_done_once_the_mode_is_auto() -> None:
    found = seen(ILL, *gateways("bcd"), healing=RECOMMEND)
    decision = decide(after(found, decide(found), at(1), spec=seen().spec))
    assert repaired(decision) == ["a"]
    assert decision.status.suspects == ()
