"""Connections that drains moved and cut: each once, wherever their closing ends."""

from itertools import pairwise

import pytest
from tests.core.fleet import SILENT, at, drain, entered, gateway, repair, status

from imchat_operator.core.snapshot import Gateway
from imchat_operator.core.tally import Tally, tallies
from imchat_operator.models import Drain, Phase, Purpose

ISOLATING = drain("a", Phase.ISOLATING)
DRAINING = drain("a", Phase.DRAINING)
REMOVING = entered(DRAINING, Phase.REMOVING, at(9))
LATE = entered(DRAINING, Phase.REMOVING, at(9), cut=20)
DONOR = drain("a", Phase.DRAINING, purpose=Purpose.REBALANCE, keep=200)
BACK = entered(DONOR, Phase.RETURNING, at(9))
ILL = repair("a", Phase.DRAINING)


def shrunk(moved: int, cut: int = 0) -> tuple[Tally, ...]:
    return (Tally(purpose=Purpose.SCALE_DOWN, moved=moved, cut=cut),)


@pytest.mark.parametrize(
    ("before", "after", "there", "expected"),
    [
        pytest.param([], [ISOLATING], gateway("a", 300), (), id="one that begins moves nothing"),
        pytest.param([ISOLATING], [DRAINING], gateway("a", 200), (), id="nor does one on its way"),
        pytest.param(
            [DRAINING], [REMOVING], gateway("a", 0), shrunk(300), id="one that is empty moved all"
        ),
        pytest.param(
            [ISOLATING], [REMOVING], gateway("a", 0), shrunk(300), id="be a phase missed or not"
        ),
        pytest.param(
            [DRAINING], [LATE], gateway("a", 20), shrunk(280, 20), id="what was left is cut"
        ),
        pytest.param(
            [DRAINING],
            [drain("a", Phase.REMOVING, left=250)],
            gateway("a", 250),
            shrunk(50),
            id="what is left to its preStop hook is neither",
        ),
        pytest.param([REMOVING], [REMOVING], gateway("a", 0), (), id="it is counted once"),
        pytest.param([LATE], [LATE], gateway("a", 20), (), id="so is what was cut"),
        pytest.param([LATE], [], None, (), id="its end counts no more"),
        pytest.param(
            [drain("a", Phase.DRAINING, connections=None)],
            [drain("a", Phase.REMOVING, connections=None)],
            gateway("a", 0),
            (),
            id="what it held was never known",
        ),
        pytest.param(
            [DRAINING],
            [drain("a", Phase.REMOVING, cut=310)],
            gateway("a", 310),
            shrunk(0, 310),
            id="more came than left",
        ),
        pytest.param(
            [DRAINING], [], gateway("a", 120), shrunk(180), id="one that is undone moved a part"
        ),
        pytest.param(
            [ISOLATING], [], gateway("a", 120), (), id="undone before it closed a connection"
        ),
        pytest.param([DRAINING], [], None, (), id="somebody deleted it: nobody knows"),
        pytest.param(
            [DRAINING],
            [],
            gateway("a", 120, terminating=True),
            (),
            id="somebody deletes it: nobody knows",
        ),
        pytest.param(
            [DRAINING], [], gateway("a", SILENT), (), id="undone and silent: 300 were last seen"
        ),
        pytest.param(
            [DONOR],
            [BACK],
            gateway("a", 210),
            (Tally(purpose=Purpose.REBALANCE, moved=90, cut=0),),
            id="a donor moved its excess",
        ),
        pytest.param([BACK], [], gateway("a", 230), (), id="a donor that is back"),
        pytest.param(
            [ILL],
            [entered(ILL, Phase.QUARANTINED, at(9))],
            gateway("a", 0),
            (Tally(purpose=Purpose.HEALING, moved=300, cut=0),),
            id="quarantine comes after a drain, too",
        ),
        pytest.param(
            [ILL], [entered(ILL, Phase.REPLACING, at(9))], None, (), id="an ill one that just went"
        ),
        pytest.param(
            [LATE],
            [drain("a", Phase.ISOLATING, connections=50)],
            gateway("a", 50),
            (),
            id="one that restarted begins anew",
        ),
        pytest.param(
            [drain("a", Phase.DRAINING, connections=50)],
            [drain("a", Phase.REMOVING, connections=50, cut=5)],
            gateway("a", 5),
            shrunk(45, 5),
            id="and is counted anew",
        ),
        pytest.param(
            [DRAINING, drain("b", Phase.DRAINING)],
            [REMOVING, drain("b", Phase.REMOVING, cut=1)],
            gateway("a", 0),
            shrunk(599, 1),
            id="two of a purpose",
        ),
        pytest.param(
            [DRAINING],
            [drain("a", Phase.REMOVING, id="d2")],
            gateway("a", 100),
            shrunk(200),
            id="another drain of the same gateway is another",
        ),
    ],
)
def test_connections_are_counted_where_a_drains_closing_ends(
    before: list[Drain], after: list[Drain], there: Gateway | None, expected: tuple[Tally, ...]
) -> None:
    gateways = [there] if there else []
    found = tallies(status(drains=tuple(before)), status(drains=tuple(after)), gateways)
    assert found == expected


def test_a_story_adds_up_whatever_passes_are_missed() -> None:
    """A drain that leaves 20 of 300 counts the same in every way to look at it."""
    story = [(), (ISOLATING,), (DRAINING,), (LATE,), (LATE,), ()]
    there = {0: 300, 1: 300, 2: 140, 3: 20, 4: 20}
    for missed in range(2 ** len(story)):
        # One has to see it before its closing ends, and after.
        seen = [n for n in range(len(story)) if n in {1, 4} or missed & 1 << n]
        moved = cut = 0
        for earlier, later in pairwise(seen):
            now = [gateway("a", there[later])] if later in there else []
            before, after = (status(drains=story[n]) for n in (earlier, later))
            for found in tallies(before, after, now):
                moved, cut = moved + found.moved, cut + found.cut
        assert (moved, cut) == (280, 20), seen
