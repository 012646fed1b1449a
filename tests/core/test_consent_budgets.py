"""Budgets of repairs: in an hour, at a time, in the same place, and of gateways that are well."""

from typing import Any

import pytest
from tests.core.ailing import failed, on_node
from tests.core.fleet import (
    SILENT,
    at,
    crashed,
    gateway,
    gateways,
    isolated,
    repair,
    status,
    suspect,
)
from tests.core.repairs import CRASH, blocked, decided, remediation, repaired

from imchat_operator.core.decision import Decision
from imchat_operator.core.snapshot import DependencyState, Node
from imchat_operator.models import Phase, Purpose

ILL = crashed("a")
OFF = Node(name="n", exists=False)
LOST = gateway("a", SILENT, node=OFF)
LEAVING = on_node("a", leaving="a taint")
CORDONED = on_node("a", cordoned=True)
ASKED = gateway("a", drain_requested=True)
PATIENT = {"suspects": (suspect("a", "NodeLeaving", at(-120)),)}
UNKNOWN = DependencyState(name="auth-service", up=None, why="no such Service")


def begun(count: int, *seconds: float) -> dict[str, Any]:
    return {"repairs_begun": (*(at(s) for s in seconds), *(at(-n - 1) for n in range(count)))}


@pytest.mark.parametrize(
    ("decision", "names", "reason"),
    [
        pytest.param(
            decided(ILL, *gateways("bcd"), history=begun(20)), [], "HourlyBudgetSpent", id="spent"
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), history=begun(19)), ["a"], "NotBlocked", id="one is left"
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), history=begun(19, -3600)),
            ["a"],
            "NotBlocked",
            id="an hour ago counts no more",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), history=begun(19, -3599.999)),
            [],
            "HourlyBudgetSpent",
            id="a moment less than an hour ago does",
        ),
        pytest.param(
            decided(ILL, *gateways("bcd"), history=begun(1), healing={"maxPerHour": 1}),
            [],
            "HourlyBudgetSpent",
            id="the budget is asked for",
        ),
        pytest.param(
            decided(ASKED, *gateways("bcd"), history=begun(20)),
            [],
            "HourlyBudgetSpent",
            id="what is asked for counts as well",
        ),
        pytest.param(
            decided(
                failed("a"),
                *gateways("bcd"),
                history={"suspects": (suspect("a", "Failed", at(-60)),), **begun(20)},
            ),
            ["a"],
            "NotBlocked",
            id="dead pods do not count",
        ),
    ],
)
def test_no_more_repairs_are_begun_in_an_hour_than_allowed(
    decision: Decision, names: list[str], reason: str
) -> None:
    assert (repaired(decision), blocked(decision)[1]) == (names, reason)


def test_what_is_begun_is_remembered_for_an_hour_and_dead_pods_are_not() -> None:
    history = {"suspects": (suspect("b", "Failed", at(-60)),), **begun(1, -3600)}
    decision = decided(ILL, failed("b"), *gateways("cd"), history=history)
    assert repaired(decision) == ["b", "a"]
    assert decision.status.repairs_begun == (at(-1), at(0))


@pytest.mark.parametrize(
    ("record", "names"),
    [
        pytest.param(repair("x", Phase.SURGING), ["x"], id="one that waits for its replacement"),
        pytest.param(
            repair("x", Phase.DRAINING, purpose=Purpose.QUARANTINE),
            ["x"],
            id="one on its way into quarantine",
        ),
        pytest.param(
            repair("x", Phase.QUARANTINED, purpose=Purpose.QUARANTINE),
            ["x", "a"],
            id="but not one that is in quarantine",
        ),
        pytest.param(
            repair("x", Phase.DELETING, ailment="Failed"), ["x", "a"], id="nor a dead pod's removal"
        ),
    ],
)
def test_what_is_under_way_counts_against_the_budget(record: Any, names: list[str]) -> None:
    asked = isolated("x", 0, released="v1", quarantine="INC-7")
    decision = decided(ILL, *gateways("bcd"), asked, replicas=4, history={"drains": (record,)})
    assert repaired(decision) == names


ATTEMPT = {"by": "a", "by_uid": "uid-a"}


def failing(since: float, *records: Any, now: float = 0, **healing: Any) -> Decision:
    """Decide at noon about gateway `a`, which crashes since then, after earlier repairs."""
    history = status(suspects=(suspect("a", "CrashLooping", at(since)),), remediations=records)
    fields = {"now": now, "history": history, "healing": healing}
    young = crashed("a", restarted_at=at(now - 5), created_at=at(now - 600))
    return decided(young, *gateways("bcd"), **fields)


@pytest.mark.parametrize(
    ("decision", "until"),
    [
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT)), "once 12:00:10", id="after one repair"
        ),
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT), backoff="2m"),
            "once 12:01:10",
            id="the wait is asked for",
        ),
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT, attempt=2)),
            "2 times in a row 12:01:10",
            id="after two it is twice as long",
        ),
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT, attempt=6)),
            "6 times in a row 12:31:10",
            id="after six it is 32 times as long",
        ),
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT, attempt=7)),
            "7 times in a row 12:59:10",
            id="after seven it is an hour",
        ),
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT, attempt=99)),
            "99 times in a row 12:59:10",
            id="and no longer, however often",
        ),
        pytest.param(
            failing(-50, remediation(-50, pod="a", uid="uid-a", outcome="Failed")),
            "once 12:00:10",
            id="after one of its own that failed",
        ),
        pytest.param(
            failing(
                -50,
                remediation(-109, **ATTEMPT, attempt=3),
                remediation(-50, pod="a", uid="uid-a", outcome="Failed", attempt=4),
            ),
            "4 times in a row 12:07:10",
            id="the latest counts",
        ),
    ],
)
def test_a_repair_in_the_same_place_waits_twice_as_long_each_time(
    decision: Decision, until: str
) -> None:
    times, moment = until.rsplit(" ", 1)
    assert blocked(decision) == (
        "True",
        "BackingOff",
        (
            f"a: repaired {times} and not well for long; again from {moment} UTC on; "
            f"1 held: a ({CRASH})"
        ),
    )
    assert repaired(decision) == []


@pytest.mark.parametrize(
    ("decision", "attempt"),
    [
        pytest.param(
            failing(-50, remediation(-110, **ATTEMPT)), 1, id="well for long enough in between"
        ),
        pytest.param(
            failing(-50, remediation(-109.999, **ATTEMPT)), 2, id="the wait is over, and it counts"
        ),
        pytest.param(
            failing(-50, remediation(-50, **ATTEMPT), now=9.999), 0, id="a moment before its time"
        ),
        pytest.param(failing(-50, remediation(-50, **ATTEMPT), now=10), 2, id="when it is time"),
        pytest.param(
            failing(-50, remediation(-50, by="b", by_uid="uid-b")), 1, id="another's repair"
        ),
        pytest.param(
            failing(-50, remediation(-50, pod="a", uid="uid-old")),
            1,
            id="one of the same name that was replaced by another",
        ),
        pytest.param(
            failing(-50, remediation(-110, **ATTEMPT), recoveredFor="61s", backoff="10s"),
            2,
            id="how long it has to be well is asked for",
        ),
    ],
)
def test_the_attempts_in_a_row_are_counted(decision: Decision, attempt: int) -> None:
    assert [d.attempt for d in decision.status.drains] == ([attempt] if attempt else [])
