"""Who sheds connections to whom, and how far."""

from datetime import timedelta
from typing import Any

import pytest
from tests.core.decisions import (
    decided,
    messages,
    policy,
)
from tests.core.fleet import (
    SILENT,
    at,
    gateway,
    gateways,
    isolated,
    once,
    pending,
    target,
    window,
)

from imchat_operator.core.decision import (
    Decision,
    SetAccepting,
)
from imchat_operator.core.snapshot import (
    Gateway,
    Unreadable,
)
from imchat_operator.models import LastRebalance, Phase, Purpose


def fleet(*loads: int, **fields: Any) -> tuple[Gateway, ...]:
    """Return gateways `a`, `b` and so on that hold so many of 1000 connections."""
    return tuple(gateway(chr(ord("a") + n), load, **fields) for n, load in enumerate(loads))


def shedding(decision: Decision) -> dict[str, int]:
    """Return what donors keep."""
    drains = decision.status.drains
    return {d.pod: d.keep for d in drains if d.purpose is Purpose.REBALANCE}


@pytest.mark.parametrize(
    ("loads", "fields", "expected"),
    [
        pytest.param((500, 500, 500, 500), {}, {}, id="an even fleet"),
        pytest.param((800, 300, 300, 300), {}, {"a": 425}, id="one far above the average"),
        pytest.param((800, 800, 100, 100), {}, {"a": 450, "b": 450}, id="two of them"),
        pytest.param(
            (800, 801, 800, 0), {}, {"b": 601, "a": 601, "c": 601}, id="all but the new one"
        ),
        pytest.param(
            (900, 700, 700, 100),
            {},
            {"a": 600, "b": 600, "c": 600},
            id="those a little above the average with them, or they would be filled up",
        ),
        pytest.param(
            (900, 630, 630, 160),
            {},
            {"a": 580, "b": 580, "c": 580},
            id="from five percent above it on",
        ),
        pytest.param(
            (900, 600, 600, 250),
            {},
            {"a": 588},
            id="not those that are hardly above it",
        ),
        pytest.param((650, 200, 200, 200), {}, {}, id="on target and margin, nobody is too full"),
        pytest.param((651, 200, 200, 200), {}, {"a": 313}, id="one connection above"),
        pytest.param((720, 560, 560, 560), {}, {}, id="exactly 20% above the average"),
        pytest.param((724, 560, 560, 560), {}, {"a": 601}, id="more than that"),
        pytest.param(
            (724, 560, 560, 560),
            {"spec": policy(rebalance={"above": 25})},
            {},
            id="a larger distance is allowed",
        ),
        pytest.param(
            (700, 650, 650, 650),
            {"spec": policy(rebalance={"above": 5})},
            {},
            id="37 connections are not worth it",
        ),
        pytest.param(
            (720, 650, 650, 650),
            {"spec": policy(rebalance={"above": 5})},
            {"a": 668},
            id="52 of 1000, more than 5%, are",
        ),
        pytest.param(
            (800, 300, 300, 300), {"spec": policy(rebalance={"mode": "Off"})}, {}, id="the switch"
        ),
        pytest.param((800, 300, 300, 300), {"spec": policy(mode="Observe")}, {}, id="Observe"),
        pytest.param((800, 300, 300, 300), {"spec": policy(mode="Recommend")}, {}, id="Recommend"),
        pytest.param(
            (800, 300, 300, 300),
            {"windows": (window(once(at(-1), at(60))),)},
            {},
            id="a window is open",
        ),
        pytest.param(
            (800, 300, 300, 300), {"target": target(replicas=5)}, {}, id="one is still to come"
        ),
        pytest.param(
            (800, 300, 300, 300), {"target": target(replicas=3)}, {}, id="one has still to go"
        ),
    ],
)
def test_who_holds_far_more_than_the_average_sheds_the_excess(
    loads: tuple[int, ...], fields: dict[str, Any], expected: dict[str, int]
) -> None:
    found = decided(gateways=fleet(*loads), **fields)
    assert list(shedding(found).items()) == list(expected.items())
    gates = [a for a in found.actions if isinstance(a, SetAccepting)]
    assert gates == [SetAccepting(pod=n, uid=f"uid-{n}", accepting=False) for n in expected]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((*gateways("bc"), gateway("d", 300, accepting=None)), id="one has no gate"),
        pytest.param((*gateways("bc"), isolated("d")), id="one is out of rotation"),
        pytest.param((*gateways("bc"), gateway("d", terminating=True)), id="one ends"),
        pytest.param((*gateways("bcef"), gateway("d", Unreadable(why="404"))), id="one is unread"),
        pytest.param((*gateways("bcef"), gateway("d", SILENT)), id="one is ill"),
        pytest.param((*gateways("bcef"), pending("d")), id="one is pending"),
    ],
)
def test_nobody_sheds_while_the_fleet_is_not_whole(others: tuple[Gateway, ...]) -> None:
    found = decided(gateways=(gateway("a", 900), *others))
    assert shedding(found) == {}


def test_a_rebalance_that_begins_is_told_with_its_figures() -> None:
    found = decided(gateways=fleet(800, 300, 300, 300))
    assert messages(found, "Rebalancing") == [
        (
            "4 gateways hold 300 to 800 connections; a (800) move 375 of them to the others, "
            "100 a second"
        )
    ]
    (record,) = found.status.drains
    assert (record.phase, record.cause) == (
        Phase.ISOLATING,
        "above the average of 425 connections",
    )
    assert found.status.last_rebalance == LastRebalance(at=at(0), least=300)
    assert found.next_check == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("last", "fields", "sheds"),
    [
        pytest.param(LastRebalance(at=at(-599), least=390), {}, False, id="nine minutes 59 ago"),
        pytest.param(LastRebalance(at=at(-600), least=390), {}, True, id="ten minutes ago"),
        pytest.param(LastRebalance(at=at(1), least=390), {}, True, id="in the future"),
        pytest.param(LastRebalance(at=at(-599), least=341), {}, False, id="and it hardly helped"),
        pytest.param(
            LastRebalance(at=at(-599), least=340),
            {},
            True,
            id="but it helped by 10% of the average, 500",
        ),
        pytest.param(
            LastRebalance(at=at(-599), least=390),
            {"created_at": at(-600)},
            False,
            id="and all gateways were there",
        ),
        pytest.param(
            LastRebalance(at=at(-599), least=390),
            {"created_at": at(-599)},
            True,
            id="but a gateway is new",
        ),
        pytest.param(
            LastRebalance(at=at(-59), least=390, stopped=True),
            {},
            False,
            id="it was stopped just now",
        ),
        pytest.param(
            LastRebalance(at=at(-60), least=390, stopped=True),
            {},
            True,
            id="it was stopped a minute ago",
        ),
    ],
)
def test_a_rebalance_that_did_not_help_is_not_tried_again_soon(
    last: LastRebalance,
    fields: dict[str, Any],
    sheds: bool,  # noqa: FBT001 -- a table's
) -> None:
    members = (*fleet(830, 390, 390), gateway("d", 390, **fields))
    found = decided(gateways=members, history={"last_rebalance": last})
    assert bool(shedding(found)) is sheds
    if not sheds:
        assert found.status.last_rebalance == last
