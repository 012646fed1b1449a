"""Whether the rest can do without a gateway, and whether another one is started first."""

from typing import Any

import pytest
from tests.core.ailing import failed, on_node, unready
from tests.core.fleet import (
    NOT_ASKED,
    SILENT,
    at,
    gateway,
    isolated,
    suspect,
)
from tests.core.repairs import decided, repaired

from imchat_operator.core.decision import Release
from imchat_operator.core.snapshot import Gateway, Unreadable
from imchat_operator.models import Phase

# Four gateways at 1000 connections each: three of them carry 1800 at the 60% that is aimed for.
SCALE: dict[str, Any] = {"scaleUp": [{"above": 70, "for": "1m"}]}
FOUR = {"minReplicas": 4}
LEAVING = on_node("a", 300, leaving="a taint")


def of(*fleet: Gateway, **fields: Any) -> dict[str, str]:
    """Return the phase in which each repair begins, and who was released."""
    ages = (
        suspect("a", fields.pop("ailment", "NotReady"), at(-600)),
        suspect("b", "NodeLeaving", at(-600)),
    )
    load = fields.pop("load", 300)
    rest = tuple(gateway(name, load, revision="v1") for name in "bcd")
    found = tuple(g for g in (*fleet, *rest[len(fleet) - 1 :]))
    decision = decided(*found, history={"suspects": ages}, **fields)
    phases = {d.pod: str(d.phase) for d in decision.status.drains}
    released = {a.pod for a in decision.actions if isinstance(a, Release)}
    waited_for = {pod for pod, phase in phases.items() if phase == Phase.SURGING}
    assert released == waited_for - {g.name for g in found if g.released}
    return phases


def leaving(name: str, held: int = 300, **fields: Any) -> Gateway:
    return gateway(name, held, node=LEAVING.node, **{"revision": "v1", **fields})


def ill(reading: Any = 300, **fields: Any) -> Gateway:
    return unready("a", reading, **{"revision": "v1", **fields})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(of(leaving("a")), {"a": "Isolating"}, id="the rest has room"),
        pytest.param(
            of(leaving("a"), policy=FOUR), {"a": "Surging"}, id="the rest would be too few"
        ),
        pytest.param(
            of(leaving("a", 800), load=800, policy={"scaling": SCALE}),
            {"a": "Surging"},
            id="the rest would be too full",
        ),
        pytest.param(of(leaving("a", 0), load=0), {"a": "Surging"}, id="the load is not known"),
        pytest.param(
            of(leaving("a"), policy=FOUR, kind="StatefulSet"),
            {"a": "Isolating"},
            id="a StatefulSet starts no other first, and the node is lost anyway",
        ),
        pytest.param(
            of(leaving("a", revision=""), policy=FOUR),
            {"a": "Isolating"},
            id="its revision is not known, and the node is lost anyway",
        ),
        pytest.param(
            of(leaving("a", released="v1"), policy=FOUR, replicas=3),
            {"a": "Surging"},
            id="it was released before: another was started already, and is waited for",
        ),
        pytest.param(
            of(ill(300), policy=FOUR),
            {"a": "Surging"},
            id="it is not ready, and serves those it holds",
        ),
        pytest.param(
            of(ill(0), policy=FOUR), {"a": "Isolating"}, id="it is not ready and holds nobody"
        ),
        pytest.param(
            of(ill(NOT_ASKED), policy=FOUR), {"a": "Isolating"}, id="it was never even asked"
        ),
        pytest.param(
            of(ill(SILENT), policy=FOUR, ailment="Unresponsive"),
            {"a": "Isolating"},
            id="it is silent and not ready: it is missed already",
        ),
        pytest.param(
            of(gateway("a", SILENT, revision="v1"), policy=FOUR, ailment="Unresponsive"),
            {"a": "Isolating"},
            id="it is silent, though its probe says that it is ready",
        ),
        pytest.param(
            of(ill(Unreadable(why="answered HTTP 404")), policy=FOUR),
            {"a": "Isolating"},
            id="nobody is sent to it, and whom it holds is not known",
        ),
        pytest.param(
            of(gateway("a", 300, quarantine="INC-7", revision="v1")),
            {"a": "Surging"},
            id="quarantine takes it out of the count, so another comes first",
        ),
        pytest.param(
            of(gateway("a", 300, quarantine="INC-7", revision="v1"), kind="StatefulSet"),
            {"a": "Isolating"},
            id="a StatefulSet starts no other for it",
        ),
    ],
)
def test_another_is_started_first_only_where_the_rest_lacks_room(
    found: dict[str, str], expected: dict[str, str]
) -> None:
    assert found == expected


def test_what_is_ill_does_not_count_as_room() -> None:
    healing = {"maxConcurrent": 2, "minHealthy": 1}
    found = of(leaving("a"), ill(0), healing=healing, policy={"minReplicas": 3})
    assert found == {"a": "Surging"}


def test_one_that_takes_connections_and_is_ill_does_not_count_as_room_either() -> None:
    crashing = gateway(
        "b", 300, revision="v1", restarts=3, restarted_at=at(-5), created_at=at(-600)
    )
    rare = {"minHealthy": 1}
    three = {"minReplicas": 3}
    found = of(leaving("a"), crashing, ailment="NodeLeaving", policy=three, healing=rare)
    assert found == {"a": "Surging"}


def test_what_is_not_known_of_the_load_may_be_too_much_for_the_rest() -> None:
    metrics = {"interval": "10s", "coverage": 50}
    mute = gateway("b", Unreadable(why="answered HTTP 404"), revision="v1")
    policy = {"metrics": metrics, "scaling": SCALE}
    assert of(leaving("a", 400), mute, load=400, policy=policy) == {"a": "Surging"}
    known = gateway("b", 400, revision="v1")
    assert of(leaving("a", 400), known, load=400, policy=policy) == {"a": "Isolating"}


def test_of_two_that_leave_in_one_pass_the_second_does_not_count_on_the_first() -> None:
    found = of(
        leaving("a"),
        leaving("b"),
        healing={"maxConcurrent": 2, "minHealthy": 1},
        policy={"minReplicas": 3},
    )
    assert found == {"b": "Isolating", "a": "Surging"}


def test_no_more_records_are_begun_than_a_status_holds() -> None:
    dead = tuple(failed(f"dead-{n:02}") for n in range(90))
    suspects = tuple(suspect(f"dead-{n:02}", "Failed", at(-60)) for n in range(32))
    decision = decided(
        *dead,
        *(gateway(name) for name in "abcd"),
        isolated("x", released="v1"),
        replicas=4,
        healing={"failedFor": "0s"},
        history={"suspects": suspects},
    )
    assert len(repaired(decision)) == 32
    assert len(decision.status.drains) == 32
