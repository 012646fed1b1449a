"""Gateways that fail while a scale-down drains another: the budget is one."""

from typing import Any

import pytest
from tests.core.ailing import on_node, unready
from tests.core.decisions import leaving, messages
from tests.core.fleet import (
    SILENT,
    at,
    crashed,
    drain,
    gateway,
    gateways,
    isolated,
    ranked,
    reported,
    resize,
    suspect,
)
from tests.core.repairs import decided, repaired

from imchat_operator.core.decision import Decision, Scale
from imchat_operator.models import Phase

POLICY: dict[str, Any] = {
    "minReplicas": 2,
    "scaling": {
        "scaleUp": [{"above": 70, "for": "1m"}],
        "scaleDown": [{"below": 30, "for": "2m"}],
    },
}
CLOSING = isolated("x", reported(50, draining=True))
DRAINING = drain("x", Phase.DRAINING, at(-5))


CRASHED = (crashed("a"), crashed("b"))


def shrinking(
    *fleet: Any, due: str = "", victim: Any = CLOSING, record: Any = DRAINING, **fields: Any
) -> Decision:
    history = {
        "drains": (record,),
        "resize": resize(len(fleet) + 1, len(fleet), at(-20)),
        "suspects": tuple(suspect(name, "Unresponsive", at(-30)) for name in due),
    }
    return decided(*fleet, victim, policy={**POLICY, **fields}, history=history)


UNDONE = "is ill, and what was to leave is needed in its place"


def test_two_that_fail_where_the_rest_is_enough_do_not_stop_it_and_one_is_repaired() -> None:
    decision = shrinking(*CRASHED, *gateways("cdef", 100))
    assert (leaving(decision), repaired(decision)) == (["x"], ["a"])


def test_two_that_fail_where_the_rest_is_too_few_undo_it_and_are_repaired() -> None:
    decision = shrinking(*CRASHED, *gateways("cdef", 100), minReplicas=5)
    assert (leaving(decision), repaired(decision)) == ([], ["a"])
    assert messages(decision, "ScaleDownUndone") == [f"7 → 6 gateways: undone, a, b {UNDONE}"]


def test_two_that_are_silent_leave_the_load_unknown_and_that_undoes_it() -> None:
    hung = (gateway("a", SILENT), gateway("b", SILENT))
    decision = shrinking(*hung, *gateways("cdef", 100), due="ab")
    assert (leaving(decision), repaired(decision)) == ([], ["a"])


def test_the_victim_takes_connections_again_at_once() -> None:
    decision = shrinking(*CRASHED, *gateways("cdef", 100), minReplicas=5)
    names = [type(a).__name__ for a in decision.actions if getattr(a, "pod", "") == "x"]
    assert names == ["CancelDrain", "SetAccepting"]


def test_what_is_only_suspected_does_not_undo_it_yet_nor_let_the_victims_go() -> None:
    empty, record = ranked("x", reported(0, draining=True)), drain("x", Phase.REMOVING, at(-5))
    waits = shrinking(
        unready("a", 100), *gateways("cd", 100), victim=empty, record=record, minReplicas=3
    )
    assert leaving(waits) == ["x"]
    assert [a for a in waits.actions if isinstance(a, Scale)] == []
    goes = shrinking(unready("a", 100), *gateways("cd", 100), victim=empty, record=record)
    assert [a for a in goes.actions if isinstance(a, Scale)] == [
        Scale(from_=4, to=3, resource_version="7")
    ]


def test_a_storm_in_mid_drain_begins_nothing_and_brings_the_victim_back() -> None:
    decision = shrinking(*CRASHED, crashed("c"), gateway("d", 100))
    assert (leaving(decision), repaired(decision)) == ([], [])
    assert messages(decision, "StormGate") != []


@pytest.mark.parametrize(
    ("decision", "names"),
    [
        pytest.param(
            shrinking(on_node("a", 100, leaving="a taint"), *gateways("bcd", 100)),
            ["a"],
            id="three of five are left",
        ),
        pytest.param(
            shrinking(on_node("a", 100, leaving="a taint"), *gateways("bc", 100)),
            [],
            id="two of four would be",
        ),
    ],
)
def test_a_victim_is_taken_already_when_it_is_asked_who_can_be_spared(
    decision: Decision, names: list[str]
) -> None:
    assert (leaving(decision), repaired(decision)) == (["x"], names)


def test_a_victim_that_fails_is_nobody_s_patient() -> None:
    record = drain("x", Phase.DRAINING, at(-5), silent_since=at(-30))
    decision = shrinking(*gateways("abcd", 100), victim=isolated("x", SILENT), record=record)
    assert repaired(decision) == []
    assert [(d.pod, d.phase) for d in decision.status.drains] == [("x", Phase.REMOVING)]
