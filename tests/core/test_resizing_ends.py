"""How a change of size ends: undone, overtaken, or as decided."""

from typing import Any

import pytest
from tests.core.fleet import (
    at,
    drain,
    gateway,
    gateways,
    pending,
    ranked,
    repair,
    victim,
)
from tests.core.resizes import (
    DOWN,
    DRAINED,
    SHRINK,
    TWO_DOWN,
    UNKNOWN,
    WAIT,
    over,
    progress,
)
from tests.core.signals import load, partly

from imchat_operator.core.decision import Reason
from imchat_operator.core.resizing import Progress
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Phase

RAISED = Floor(
    replicas=4, reason=Reason.SCHEDULED_CAPACITY, why="schedule derby wants 4 until 14:00"
)
HEALING = repair("d", Phase.DRAINING)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), down="scaling down is paused: a match"),
            "scaling down is paused: a match",
            id="it is held since",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), load=load(2001, 3)),
            "the load is back (2001 connections)",
            id="a load that brings the rest above the threshold",
        ),
        pytest.param(
            progress(DOWN, 4, (HEALING,)),
            "a gateway that was to leave was deleted by somebody else",
            id="a victim that is gone",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), floor=RAISED),
            "schedule derby wants 4 until 14:00 now",
            id="a floor that has risen since",
        ),
    ],
)
def test_a_scale_down_is_undone_and_repairs_go_on(found: Progress, why: str) -> None:
    message = f"4 → 3 gateways: undone, {why}"
    assert found == over(Reason.SCALE_DOWN_UNDONE, message, drains=(HEALING,))


LEFT = over(Reason.SCALED_DOWN, "4 → 3 gateways: a drained and removed; the load moved")
OVERTAKEN = "somebody else set {} replicas meanwhile, which is left as it is"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            progress(DOWN, 5, (victim(),)),
            over(Reason.RESIZE_OVERTAKEN, f"4 → 3 gateways: {OVERTAKEN.format(5)}"),
            id="somebody else's number wins",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(phase=Phase.DRAINING),)),
            over(Reason.RESIZE_OVERTAKEN, f"4 → 3 gateways: {OVERTAKEN.format(3)}"),
            id="the number that we aimed at, but before the victim was drained",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), DRAINED),
            WAIT,
            id="the victim is about to leave",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), (ranked(terminating=True), *gateways("bcd"))),
            LEFT,
            id="the victim leaves",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(), HEALING), gateways("bcd")),
            over(
                Reason.SCALED_DOWN,
                "4 → 3 gateways: a drained and removed; the load moved",
                drains=(HEALING,),
            ),
            id="the victim is gone, a repair goes on",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), (ranked(), *gateways("bc"))),
            over(
                Reason.WRONG_VICTIM,
                "4 → 3 gateways: a was drained, but another gateway was removed in its place",
            ),
            id="another one left in its place",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), gateways("bcd"), load=UNKNOWN),
            LEFT,
            id="what has happened is told though the load is unknown",
        ),
    ],
)
def test_the_end_of_shrinking(found: Progress, expected: Progress) -> None:
    assert found == expected


def obstructed(
    second: float, *others: Gateway, phase: Phase = Phase.REMOVING, **fields: Any
) -> Progress:
    """Advance a scale-down whose victim reached its phase at noon; drains last 600 s at most."""
    fleet = (ranked(), *gateways("bc"), *others)
    return progress(DOWN, 4, (victim(phase=phase),), fleet, snapshot={"now": at(second)}, **fields)


UNSURE = over(
    Reason.SCALE_DOWN_UNDONE,
    "4 → 3 gateways: undone, the load is not known well enough for 10m",
)
OBSTACLE = over(
    Reason.SCALE_DOWN_UNDONE,
    "4 → 3 gateways: undone, d is not ready for 10m and would leave instead",
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(obstructed(599, pending("d")), WAIT, id="one second before the deadline"),
        pytest.param(obstructed(600, pending("d")), OBSTACLE, id="at the drain's deadline"),
        pytest.param(
            obstructed(600, gateway("d", ready=False)),
            OBSTACLE,
            id="one that is not ready stands in the way like one that is pending",
        ),
        pytest.param(
            obstructed(600, gateway("d")), SHRINK, id="nobody stands in the way, however late it is"
        ),
        pytest.param(
            obstructed(600, pending("d"), phase=Phase.DRAINING),
            Progress(resize=DOWN, drains=(victim(phase=Phase.DRAINING),)),
            id="while a victim is drained nobody does",
        ),
        pytest.param(
            obstructed(599, gateway("d"), load=UNKNOWN), WAIT, id="a load that is not known"
        ),
        pytest.param(
            obstructed(600, gateway("d"), load=UNKNOWN), UNSURE, id="not known at the deadline"
        ),
        pytest.param(
            obstructed(600, gateway("d"), load=partly([251] * 4, 1)),
            UNSURE,
            id="a missing figure that may be too much, at the deadline",
        ),
        pytest.param(
            obstructed(600, gateway("d"), load=partly([250] * 4, 1)),
            SHRINK,
            id="one that may not",
        ),
    ],
)
def test_what_stands_in_the_way_for_too_long_undoes_a_scale_down(
    found: Progress, expected: Progress
) -> None:
    assert found == expected


def test_the_wait_counts_from_the_last_victim_that_was_drained() -> None:
    both = (victim("a"), drain("b", Phase.REMOVING, at(100)))
    fleet = (ranked("a"), ranked("b"), gateway("c"), pending("d"))
    early = progress(TWO_DOWN, 4, both, fleet, snapshot={"now": at(699)})
    assert early == Progress(resize=TWO_DOWN, drains=both)
    late = progress(TWO_DOWN, 4, both, fleet, snapshot={"now": at(700)})
    assert (late.resize, late.drains, late.finished) == (None, (), True)
