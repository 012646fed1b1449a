"""The healing stage as decide() shows it: which repairs begin, and why others do not."""

from typing import Any

import pytest
from tests.core.fleet import (
    SILENT,
    at,
    crashed,
    drain,
    evict,
    gateway,
    gateways,
    isolated,
    on_both,
    once,
    pending,
    repair,
    reported,
    resize,
    snapshot,
    spec,
    status,
    suspect,
    victim,
    window,
)

from imchat_operator.core.decision import Decision, Outcome, Reason, SetAccepting
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Gateway, Silent
from imchat_operator.models import Phase

OPEN = window(once(at(-1), at(60)))
HELD = "window night holds it until 2026-11-23 12:01:00 UTC"


def decided(*fleet: Gateway, **fields: Any) -> Decision:
    healing = fields.pop("healing", {})
    history = status(**fields.pop("history", {}))
    return decide(snapshot(gateways=fleet, spec=spec(healing=healing), history=history, **fields))


def healing(decision: Decision) -> tuple[str, str, str]:
    (found,) = (c for c in decision.status.conditions if c.type == "Healing")
    return found.status, found.reason, found.message


def repaired(decision: Decision) -> list[str]:
    return [d.pod for d in decision.status.drains]


CRASH = "CrashLooping: restarted 3 times within 20m and is in back-off"


def test_a_crash_loop_is_repaired_at_once_and_told_with_its_evidence() -> None:
    decision = decided(crashed("a"), *gateways("bcd"))
    assert decision.actions == (SetAccepting(pod="a", uid="uid-a", accepting=False),)
    assert decision.status.drains == (
        repair(
            "a",
            Phase.ISOLATING,
            id=decision.id,
            cause=CRASH,
            ailment="CrashLooping",
            suspected_at=at(-5),
            youngest_at=at(-600),
            connections=None,
            silent_since=at(0),
            restarts=3,
        ),
    )
    message = f"a is taken out of rotation with an unknown number of connections: {CRASH}"
    expected = on_both("a", Reason.GATEWAY_UNHEALTHY, message, warning=True)
    assert told(decision, Reason.GATEWAY_UNHEALTHY) == tuple(
        (n.subject.kind, n.subject.name, n.message, n.type) for n in expected
    )
    assert healing(decision) == ("True", "Remediating", "a Isolating (0 of ? connections left)")


def test_a_gateway_that_fell_silent_is_told_with_what_it_held_when_it_last_answered() -> None:
    before = {"suspects": (suspect("a", "Unresponsive", at(-30)),)}
    silent = gateway("a", Silent(why="no answer within 2s", last_connections=123))
    decision = decided(silent, *gateways("bcd"), history=before)
    assert [d.connections for d in decision.status.drains] == [123]
    messages = [
        e.message for e in decision.status.pending_events if e.reason == Reason.GATEWAY_UNHEALTHY
    ]
    assert len(messages) == 2, "one on the cluster, one on the pod"
    for message in messages:
        assert message.startswith("a is taken out of rotation with 123 connections: Unresponsive")


def told(decision: Decision, reason: Reason) -> tuple[tuple[str, str, str, str], ...]:
    events = (e for e in decision.status.pending_events if e.reason == reason)
    return tuple((e.kind, e.object, e.message, e.type) for e in events)


def test_a_repair_remembers_when_the_first_sign_of_trouble_was() -> None:
    before = {"suspects": (suspect("a", "Unresponsive", at(-30)),)}
    (record,) = decided(gateway("a", SILENT), *gateways("bcd"), history=before).status.drains
    assert (record.suspected_at, record.silent_since, record.started_at) == (
        at(-30),
        at(-30),
        at(0),
    )


def test_a_repair_of_a_gateway_that_answers_is_not_held_for_silent() -> None:
    unready = gateway("a", containers_ready=False, ready=False)
    before = {"suspects": (suspect("a", "NotReady", at(-120)),)}
    (record,) = decided(unready, *gateways("bcd"), history=before).status.drains
    assert (record.suspected_at, record.silent_since, record.connections) == (at(-120), None, 300)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(*gateways()),
            ("False", "AllHealthy", "no gateway shows a sign of trouble"),
            id="nobody is ill",
        ),
        pytest.param(
            decided(gateway("a", SILENT), *gateways("bcd")),
            (
                "False",
                "Watching",
                "a Unresponsive: runs but does not answer (no answer within 2s), for 0s of 30s",
            ),
            id="a first sign is watched",
        ),
        pytest.param(
            decided(crashed("a"), *gateways("bcd"), windows=(OPEN,)),
            ("False", "HeldByWindow", f"{HELD}; 1 held: a ({CRASH})"),
            id="a window holds repairs",
        ),
        pytest.param(
            decided(crashed("a"), crashed("b"), *gateways("cd")),
            (
                "False",
                "StormGate",
                (
                    "2 of 4 gateways are healthy, less than 51%: the cause is likely elsewhere, "
                    f"no repair is begun; 2 held: a ({CRASH}), b ({CRASH})"
                ),
            ),
            id="a storm holds repairs",
        ),
        pytest.param(
            decided(crashed("a"), crashed("b"), *gateways("cd"), windows=(OPEN,)),
            ("False", "HeldByWindow", f"{HELD}; 2 held: a ({CRASH}), b ({CRASH})"),
            id="a window comes before the storm",
        ),
        pytest.param(
            decided(gateway("a", SILENT), *gateways("bcd"), windows=(OPEN,)),
            (
                "False",
                "Watching",
                "a Unresponsive: runs but does not answer (no answer within 2s), for 0s of 30s",
            ),
            id="a window holds nothing that is not due",
        ),
    ],
)
def test_a_decision_not_to_repair_has_its_reason(
    decision: Decision, expected: tuple[str, str, str]
) -> None:
    assert healing(decision) == expected
    assert repaired(decision) == []
    assert decision.actions == ()


def test_a_repair_under_way_goes_on_while_a_window_is_open() -> None:
    record = repair("a", Phase.REMOVING)
    decision = decided(
        isolated("a", 0), *gateways("bcd"), windows=(OPEN,), history={"drains": (record,)}
    )
    assert decision.actions == (evict("a"),)
    assert healing(decision)[:2] == ("True", "Remediating")


def test_a_repair_under_way_goes_on_in_a_storm() -> None:
    record = repair("a", Phase.REMOVING)
    decision = decided(
        isolated("a", 0), crashed("b"), crashed("c"), gateway("d"), history={"drains": (record,)}
    )
    assert decision.actions == (evict("a"),)
    status_, reason, message = healing(decision)
    assert (status_, reason) == ("True", "Remediating")
    assert "1 of 4 gateways are healthy" in message, "the storm that holds the others is told too"
    assert repaired(decision) == ["a"]


def busy(phase: Phase, limit: int, count: int) -> list[str]:
    """Return who is under repair after a pass that found one repair, and so many more ill."""
    names = [f"g{number}" for number in range(count)]
    decision = decided(
        *(crashed(name) for name in names),
        *gateways("abcdefgh"),
        isolated("x", reported(5, draining=True)),
        healing={"maxConcurrent": limit},
        history={"drains": (repair("x", phase),)},
    )
    return repaired(decision)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(busy(Phase.DRAINING, 1, 1), ["x"], id="one at a time"),
        pytest.param(busy(Phase.REPLACING, 1, 1), ["x"], id="also until the first is replaced"),
        pytest.param(busy(Phase.DRAINING, 2, 1), ["x", "g0"], id="two at a time"),
        pytest.param(busy(Phase.DRAINING, 3, 4), ["x", "g0", "g1"], id="no more than allowed"),
    ],
)
def test_no_more_repairs_than_allowed_are_under_way(found: list[str], expected: list[str]) -> None:
    assert found == expected


def test_a_scale_down_under_way_does_not_count_as_a_repair() -> None:
    empty = isolated("x", reported(0, draining=True), deletion_cost=-1000)
    decision = decided(
        crashed("a"),
        *gateways("bcd"),
        empty,
        history={"drains": (victim("x"),), "resize": resize(5, 4)},
    )
    assert repaired(decision) == ["x", "a"]


def test_a_victim_that_falls_ill_is_not_repaired_on_top() -> None:
    record = drain("a", Phase.DRAINING)
    decision = decided(
        crashed("a", accepting=False),
        *gateways("bcd"),
        history={"drains": (record,), "resize": resize(4, 3)},
    )
    assert [(d.pod, d.purpose, d.phase) for d in decision.status.drains] == [
        ("a", record.purpose, Phase.REMOVING)
    ]


def test_a_large_storm_is_counted_in_full_though_few_suspects_are_kept() -> None:
    fleet = [crashed(f"ill-{n:03}") for n in range(60)] + [gateway(f"ok-{n}") for n in range(40)]
    decision = decided(*fleet)
    assert healing(decision)[1] == "StormGate"
    assert healing(decision)[2].startswith("40 of 100 gateways are healthy")
    assert [s.pod for s in decision.status.suspects] == [f"ill-{n:03}" for n in range(32)]


def test_a_refusal_shows_with_the_drain_that_it_holds_up() -> None:
    record = repair("a", Phase.REMOVING)
    refusal = Outcome(action=evict("a"), refused="it would violate the budget")
    decision = decided(
        isolated("a", 0), *gateways("bcd"), history={"drains": (record,)}, outcomes=(refusal,)
    )
    assert healing(decision)[2] == (
        "a Removing (0 of 300 connections left), blocked: it would violate the budget"
    )


def test_a_gateway_that_no_node_takes_is_not_repaired() -> None:
    assert repaired(decided(*gateways("abc"), pending("d"))) == []


def test_very_many_that_only_a_person_can_help_leave_room_for_one_that_hangs() -> None:
    waiting = tuple(pending(f"p{n:02}", unschedulable="no node fits") for n in range(40))
    before = tuple(suspect(f"p{n:02}", "Unschedulable", at(-600)) for n in range(32))
    fleet = (*waiting, gateway("z", SILENT), *(gateway(f"ok-{n}") for n in range(60)))
    first = decided(*fleet, history={"suspects": before})
    assert len(first.status.suspects) == 32
    later = {"now": at(30), "history": dict(first.status)}
    assert repaired(decided(*fleet, **later)) == ["z"]
