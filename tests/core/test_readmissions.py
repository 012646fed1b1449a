"""Who takes connections, and at which pace others are drained: what decide() adds to the stages."""

from typing import Any

import pytest
from tests.core.fleet import (
    TARGET,
    at,
    drain,
    gateway,
    gateways,
    isolated,
    once,
    ranked,
    repair,
    reported,
    resize,
    snapshot,
    status,
    victim,
    window,
)

from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.planner import decide
from imchat_operator.core.readmission import readmissions
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Phase, Purpose


def actions(*fleet: Gateway, **fields: Any) -> tuple[Action, ...]:
    return decide(snapshot(gateways=fleet, history=status(**fields))).actions


CANCEL = CancelDrain(pod="a", uid="uid-a")
ACCEPT = SetAccepting(pod="a", uid="uid-a", accepting=True)
ADOPT = Adopt(pod="a", uid="uid-a", revision="r1")
UNRANK = SetDeletionCost(pod="a", uid="uid-a", cost=None)
BCD = gateways("bcd")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(actions(isolated("a"), *BCD), (ACCEPT,), id="a new one is let in"),
        pytest.param(
            actions(gateway("a", reported(299, draining=True)), *BCD),
            (CANCEL,),
            id="a drain without a record is cancelled",
        ),
        pytest.param(
            actions(gateway("a", deletion_cost=-1000), *BCD), (UNRANK,), id="our rank is removed"
        ),
        pytest.param(
            actions(gateway("a", deletion_cost=-7), *BCD), (), id="a user's rank is not ours"
        ),
        pytest.param(
            actions(ranked("a", reported(9, draining=True)), *BCD),
            (CANCEL, ACCEPT, UNRANK),
            id="a victim without a record is given back in every respect",
        ),
        pytest.param(
            actions(ranked("a", terminating=True), *BCD), (), id="one that ends is left to its end"
        ),
        pytest.param(
            actions(gateway("a", accepting=None), *BCD), (), id="without a gate there is nothing"
        ),
        pytest.param(
            actions(isolated("a", released="r1"), *BCD),
            (ACCEPT,),
            id="one that was released is made ready before its ReplicaSet has one too many",
        ),
        pytest.param(
            actions(gateway("a", released="r1"), *BCD), (ADOPT,), id="and is given back then"
        ),
        pytest.param(
            actions(
                isolated("a", released="r1", quarantine="INC-7"),
                *BCD,
                drains=(drain("a", Phase.QUARANTINED, purpose=Purpose.QUARANTINE),),
            ),
            (),
            id="one in quarantine stays as it is",
        ),
        pytest.param(
            actions(isolated("a", 0), *BCD, drains=(repair("a", Phase.ISOLATING),)),
            (),
            id="one on its way out is not let in",
        ),
    ],
)
def test_who_is_not_on_its_way_out_takes_connections(
    found: tuple[Action, ...], expected: tuple[Action, ...]
) -> None:
    assert found == expected


def test_a_scale_down_that_is_undone_is_given_back_in_the_same_pass() -> None:
    busy = ranked("a", reported(9, draining=True))
    record = drain("a", Phase.DRAINING)
    decision = decide(
        snapshot(
            gateways=(busy, *BCD),
            history=status(drains=(record,), resize=resize(4, 3)),
            windows=(window(once(at(-1), at(60))),),
        )
    )
    assert decision.actions == (CANCEL, ACCEPT, UNRANK)
    assert (decision.status.drains, decision.status.resize) == ((), None)
    assert [e.reason for e in decision.status.pending_events].count("ScaleDownUndone") == 1


def test_of_two_that_were_released_one_takes_the_place_that_is_free() -> None:
    outside = (gateway("a", released="r1"), gateway("x", released="r1"))
    found = readmissions(snapshot(gateways=(*outside, *BCD), target=TARGET), frozenset())
    assert found == (ADOPT,)


def test_quarantine_is_an_end_and_a_drain_is_not() -> None:
    kept = drain("a", Phase.QUARANTINED, purpose=Purpose.QUARANTINE)
    fleet = (isolated("a", 0, released="r1", quarantine="INC-7"), *BCD)
    found = decide(snapshot(gateways=fleet, history=status(drains=(kept,))))
    assert not found.is_under_way
    moving = repair("a", Phase.ISOLATING)
    found = decide(snapshot(gateways=(isolated("a"), *BCD), history=status(drains=(moving,))))
    assert found.is_under_way


def test_gateways_drained_at_a_time_share_the_pace() -> None:
    records = (drain("a", Phase.DRAINING), drain("b", Phase.DRAINING), victim("c"))
    found = actions(
        *(isolated(name, reported(9, draining=True), deletion_cost=-1000) for name in "ab"),
        ranked("c"),
        *gateways("def"),
        drains=records,
        resize=resize(6, 3),
    )
    assert [a.connections_per_second for a in found if isinstance(a, StartDrain)] == [50, 50]
