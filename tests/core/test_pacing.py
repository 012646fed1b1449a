"""How fast drains close connections: as configured, or as slowly as the others need it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core.decisions import (
    decided,
    messages,
)
from tests.core.fleet import (
    SILENT,
    at,
    drain,
    gateway,
    isolated,
    once,
    reported,
    resize,
    snapshot,
    spec,
    status,
    window,
)

from imchat_operator.core.decision import (
    Decision,
    StartDrain,
)
from imchat_operator.core.pacing import pace, pacing
from imchat_operator.core.snapshot import (
    Gateway,
    Reported,
    Silent,
    Unreadable,
)
from imchat_operator.models import Drain, Pacing, Phase, Purpose

DRAINING = (drain("a", Phase.DRAINING),)
CLOSING = isolated("a", reported(200, draining=True), deletion_cost=-1000)


def slow(name: str, milliseconds: int = 501, rate: float | None = None, **fields: Any) -> Gateway:
    reading = Reported(
        connections=300,
        capacity=1000,
        answer_time=timedelta(milliseconds=milliseconds),
        accept_rate=rate,
    )
    return gateway(name, reading, **fields)


def quick(name: str, rate: float | None = None) -> Gateway:
    return slow(name, 10, rate)


def paced(
    *others: Gateway,
    before: tuple[int, float] | None = None,
    drains: tuple[Drain, ...] = DRAINING,
    **fields: Any,
) -> int | None:
    """Return the pace of drains, which is 100 as configured; None if it is not slowed down.

    Args:
        others: the gateways that stay.
        before: the pace so far, and how many seconds ago that was.
        drains: the records of drains.
        fields: of the snapshot.
    """
    known = None
    if before is not None:
        known = Pacing(connections_per_second=before[0], at=at(-before[1]))
    found = snapshot(
        gateways=(CLOSING, *others), history=status(drains=drains, pacing=known), **fields
    )
    slowed = pacing(found)
    assert slowed is None or slowed.at in {at(0), known.at if known else at(0)}
    return slowed.connections_per_second if slowed else None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(paced(quick("b"), quick("c")), None, id="all answer in time"),
        pytest.param(paced(slow("b", 500)), None, id="half a second is in time"),
        pytest.param(paced(slow("b", 501), quick("c")), 50, id="one answers later: half the pace"),
        pytest.param(
            paced(slow("b", rate=10), quick("c", rate=20)),
            15,
            id="half of what all were seen to accept, if that is less",
        ),
        pytest.param(paced(slow("b", rate=400)), 50, id="what they could accept raises nothing"),
        pytest.param(paced(slow("b", rate=0)), 1, id="they accept none: one a second is left"),
        pytest.param(paced(gateway("b", SILENT), quick("c")), 50, id="one does not answer at all"),
        pytest.param(
            paced(gateway("b", Silent(why="no answer")), quick("c")),
            None,
            id="one that never answered is starting",
        ),
        pytest.param(
            paced(gateway("b", Unreadable(why="HTTP 404")), quick("c")), None, id="no figures"
        ),
        pytest.param(paced(slow("b", accepting=False)), None, id="one that is out of rotation"),
        pytest.param(paced(slow("b", terminating=True)), None, id="one that ends"),
        pytest.param(paced(slow("b", running=False)), None, id="one that does not run"),
        pytest.param(paced(slow("b", accepting=None)), 50, id="one that has no gate"),
        pytest.param(
            paced(slow("b"), drains=(*DRAINING, drain("b", Phase.REMOVING))),
            None,
            id="one that leaves too",
        ),
    ],
)
def test_drains_slow_down_while_those_that_stay_suffer(
    found: int | None, expected: int | None
) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(paced(slow("b"), before=(50, 1)), 25, id="still slow a second later"),
        pytest.param(paced(slow("b"), before=(50, 0.9)), 50, id="but at most a step in a second"),
        pytest.param(paced(quick("b"), before=(50, 0.9)), 50, id="upwards, too"),
        pytest.param(paced(slow("b"), before=(50, -5)), 25, id="a step of the future is no step"),
        pytest.param(paced(slow("b"), before=(1, 1)), 1, id="never to a standstill"),
        pytest.param(paced(quick("b"), before=(40, 1)), 50, id="in time again: a quarter more"),
        pytest.param(paced(quick("b"), before=(1, 1)), 2, id="by one at least"),
        pytest.param(paced(quick("b"), before=(79, 1)), 98, id="until a step is left"),
        pytest.param(paced(quick("b"), before=(80, 1)), 100, id="the pace is as configured again"),
        pytest.param(paced(quick("b"), before=(100, 9)), 100, id="and stays so, on record"),
        pytest.param(paced(slow("b"), before=(100, 9)), 50, id="until one suffers again"),
        pytest.param(paced(slow("b"), before=(300, 1)), 50, id="a configured pace lowered since"),
        pytest.param(
            paced(slow("b"), before=(50, 1), drains=(drain("a", Phase.REMOVING),)),
            None,
            id="nobody closes connections any more",
        ),
        pytest.param(paced(slow("b"), before=(50, 1), drains=()), None, id="no drain is left"),
        pytest.param(
            paced(slow("b"), drains=(drain("a", Phase.ISOLATING),)), 50, id="one is about to close"
        ),
    ],
)
def test_the_pace_falls_and_recovers_step_by_step(found: int | None, expected: int | None) -> None:
    assert found == expected


def test_how_slow_is_slow_is_the_spec_s() -> None:
    patient = spec(draining={"slowAbove": "2s"})
    assert paced(slow("b", 2000), spec=patient) is None
    assert paced(slow("b", 2001), spec=patient) == 50


@pytest.mark.parametrize(
    ("phases", "slowed", "each"),
    [
        pytest.param([Phase.DRAINING], None, 100, id="one alone"),
        pytest.param([Phase.DRAINING] * 3, None, 33, id="three share it"),
        pytest.param([Phase.DRAINING, Phase.ISOLATING], 50, 25, id="two share the lowered one"),
        pytest.param([Phase.DRAINING, Phase.REMOVING], 50, 50, id="who is drained has no share"),
        pytest.param([Phase.DRAINING] * 16, 3, 1, id="each closes one a second at least"),
        pytest.param([Phase.DRAINING], 500, 100, id="never faster than configured"),
    ],
)
def test_gateways_drained_at_a_time_share_the_pace(
    phases: list[Phase], slowed: int | None, each: int
) -> None:
    records = tuple(drain(str(n), phase) for n, phase in enumerate(phases))
    lowered = Pacing(connections_per_second=slowed, at=at(0)) if slowed else None
    assert pace(snapshot(history=status(drains=records)), lowered) == each


def shrinking(*others: Gateway, before: Pacing | None = None, **fields: Any) -> Decision:
    history = {
        "drains": fields.pop("drains", DRAINING),
        "resize": resize(4, 3, at(-30)),
        "pacing": before,
    }
    return decided(gateways=(CLOSING, *others), history=history, **fields)


def closing(decision: Decision) -> list[int]:
    return [a.connections_per_second for a in decision.actions if isinstance(a, StartDrain)]


def test_a_slow_down_is_told_once_while_drains_go_on() -> None:
    begun = shrinking(slow("b"), slow("c"), quick("d"))
    assert closing(begun) == [50]
    assert messages(begun, "DrainSlowed") == [
        (
            "no answer in time from b, c: drains close 50 connections a second instead of 100, "
            "and faster again once all answer"
        )
    ]
    assert begun.status.pacing == Pacing(connections_per_second=50, at=at(0))
    later = shrinking(slow("b"), slow("c"), quick("d"), before=begun.status.pacing, now=1)
    assert closing(later) == [25]
    assert messages(later, "DrainSlowed") == []
    fast = (quick("b"), quick("c"), quick("d"))
    over = shrinking(*fast, before=Pacing(connections_per_second=90, at=at(-1)))
    assert closing(over) == [100]
    again = shrinking(slow("b"), *fast[1:], before=over.status.pacing, now=1)
    assert (closing(again), messages(again, "DrainSlowed")) == ([50], [])


def test_a_slow_down_ends_with_its_drains() -> None:
    empty = replace(CLOSING, reading=reported(0, draining=True))
    found = decided(
        gateways=(empty, quick("b"), quick("c"), quick("d")),
        history={
            "drains": (drain("a", Phase.REMOVING),),
            "resize": resize(4, 3),
            "pacing": Pacing(connections_per_second=9, at=at(-1)),
        },
    )
    assert found.status.pacing is None


def test_a_slow_down_of_drains_that_are_undone_is_not_told() -> None:
    found = shrinking(slow("b"), windows=(window(once(at(-1), at(60))),))
    assert found.status.drains == ()
    assert messages(found, "DrainSlowed") == []


def test_a_rebalance_slows_down_too() -> None:
    shedding = drain("a", Phase.DRAINING, purpose=Purpose.REBALANCE, keep=100)
    full = replace(CLOSING, reading=reported(600, draining=True))
    found = decided(
        gateways=(full, slow("b"), quick("c"), quick("d")), history={"drains": (shedding,)}
    )
    assert closing(found) == [50]
