"""How a scale-down's drain ends: the gateway waits for the others, and is gone."""

from typing import Any

import pytest
from tests.core.fleet import (
    at,
    drain,
    gateways,
    isolated,
    on_both,
    resize,
    snapshot,
    status,
    target,
)

from imchat_operator.core.decision import Reason
from imchat_operator.core.draining import Step, advance
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase


def step(record: Drain, fleet: tuple[Gateway, ...], second: float, **fields: Any) -> Step:
    """Advance the drain of gateway `a`, by default one of a scale-down from 4 to 3."""
    replicas = fields.pop("replicas", 4)
    drains = (record, *fields.pop("others", ()))
    history = status(drains=drains, resize=fields.pop("resize", resize(4, 3)))
    now = snapshot(now=at(second), gateways=fleet, history=history, **fields)
    found = next((g for g in fleet if g.name == record.pod), None)
    return advance(now, target(replicas=replicas), record, found, 50)


REMOVING = drain("a", Phase.REMOVING)
DRAINING = drain("a", Phase.DRAINING)


def test_a_scale_down_removes_all_at_once_so_each_waits_for_the_others() -> None:
    fleet = (isolated("a", 0), *gateways("bcd"))
    assert step(REMOVING, fleet, 700) == Step(drain=REMOVING)


DELETED = Step(
    drain=None,
    notices=on_both(
        "a",
        Reason.GATEWAY_GONE,
        "a was deleted by somebody else while it was drained",
        warning=True,
    ),
)


@pytest.mark.parametrize("phase", [Phase.ISOLATING, Phase.DRAINING, Phase.REMOVING])
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param((), id="gone"),
        pytest.param((isolated("a", terminating=True),), id="terminating"),
    ],
)
def test_a_victim_that_leaves_before_the_shrink_was_deleted_by_somebody_else(
    phase: Phase, rest: tuple[Gateway, ...]
) -> None:
    assert step(drain("a", phase), (*rest, *gateways("bcd")), 20) == DELETED


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(REMOVING, Step(drain=REMOVING), id="a drained victim leaves as decided"),
        pytest.param(DRAINING, DELETED, id="one that was still being drained does not"),
    ],
)
def test_a_victim_that_leaves_after_the_shrink(record: Drain, expected: Step) -> None:
    assert step(record, gateways("bcd"), 20, replicas=3) == expected
