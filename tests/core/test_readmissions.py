"""Who takes connections, and at which pace others are drained: what decide() adds to the stages."""

from datetime import datetime
from typing import Any

import pytest
from tests.core.fleet import (
    NOON,
    SILENT,
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
    Outcome,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.planner import decide
from imchat_operator.core.readmission import released
from imchat_operator.core.snapshot import Gateway, Reading, Unreadable
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


def test_a_cluster_that_is_deleted_gives_back_what_it_drains() -> None:
    busy = ranked("a", reported(9, draining=True))
    history = status(drains=(drain("a", Phase.DRAINING),), resize=resize(4, 3), replicas=4)
    first = released(snapshot(gateways=(busy, *BCD), history=history))
    assert first.actions == (CANCEL,)
    agreed = (Outcome(action=CANCEL),)
    second = released(snapshot(gateways=(busy, *BCD), history=first.status, outcomes=agreed))
    assert second.actions == (CANCEL, ACCEPT, UNRANK), "its figures are of before"
    assert second.status == status(replicas=4, decision=second.id)


GARBLED = Unreadable(why="answered HTTP 500")
UNANSWERED = Outcome(action=CANCEL, refused="no answer within 5s")


@pytest.mark.parametrize(
    ("reading", "outcomes", "since", "expected"),
    [
        pytest.param(reported(9), (), None, (CANCEL,), id="one whose figures may be of before"),
        pytest.param(SILENT, (), None, (CANCEL,), id="one that is silent is told all the same"),
        pytest.param(GARBLED, (), None, (CANCEL,), id="so is one that can't be read"),
        pytest.param(SILENT, (UNANSWERED,), at(-9), (CANCEL,), id="again, if it did not hear"),
        pytest.param(SILENT, (Outcome(action=CANCEL),), at(-9), (ACCEPT,), id="not if it agreed"),
        pytest.param(
            SILENT,
            (Outcome(action=CANCEL, refused="answered HTTP 404", is_final=True),),
            at(-9),
            (ACCEPT,),
            id="nor if it has no drain",
        ),
        pytest.param(SILENT, (UNANSWERED,), at(-30), (ACCEPT,), id="nor if it hangs"),
    ],
)
def test_a_cluster_that_is_deleted_waits_for_drains_that_it_can_not_see_the_end_of(
    reading: Reading, outcomes: tuple[Outcome, ...], since: datetime | None, expected: object
) -> None:
    record = drain("a", Phase.DRAINING, silent_since=since)
    decision = released(
        snapshot(
            gateways=(isolated("a", reading), *BCD),
            outcomes=outcomes,
            history=status(drains=(record,), resize=resize(4, 3)),
        )
    )
    assert decision.actions == expected
    kept = record.model_copy(update={"silent_since": since or NOON})
    assert decision.status.drains == ((kept,) if expected == (CANCEL,) else ())


def test_a_cluster_that_is_deleted_waits_for_none_that_was_not_told_to_drain() -> None:
    history = status(drains=(repair("a", Phase.ISOLATING),))
    decision = released(snapshot(gateways=(isolated("a"), *BCD), history=history))
    assert (decision.actions, decision.status.drains) == ((ACCEPT,), ())


def test_a_cluster_that_is_deleted_waits_for_no_gateway_that_is_gone_or_ends() -> None:
    history = status(drains=(drain("a", Phase.DRAINING), drain("x", Phase.DRAINING)))
    ends = gateway("a", SILENT, terminating=True)
    decision = released(snapshot(gateways=(ends, *BCD), history=history))
    assert (decision.actions, decision.status.drains) == ((), ())


def test_a_cluster_that_is_deleted_gives_back_at_once_what_it_released() -> None:
    unready = isolated("a", containers_ready=False, released="r1")
    decision = released(snapshot(gateways=(unready, *BCD)))
    assert decision.actions == (ACCEPT, ADOPT)


def test_a_cluster_that_is_deleted_leaves_quarantine_as_it_is() -> None:
    kept = isolated("a", released="r1", quarantine="INC-7")
    history = status(drains=(drain("a", Phase.QUARANTINED, purpose=Purpose.QUARANTINE),))
    assert released(snapshot(gateways=(kept, *BCD), history=history)).actions == ()


def test_quarantine_is_an_end_and_a_drain_is_not() -> None:
    kept = drain("a", Phase.QUARANTINED, purpose=Purpose.QUARANTINE)
    fleet = (isolated("a", 0, released="r1", quarantine="INC-7"), *BCD)
    found = decide(snapshot(gateways=fleet, history=status(drains=(kept,))))
    assert not found.is_under_way
    moving = repair("a", Phase.ISOLATING)
    found = decide(snapshot(gateways=(isolated("a"), *BCD), history=status(drains=(moving,))))
    assert found.is_under_way


def test_a_deletion_is_done_when_there_is_nothing_to_give_back() -> None:
    decision = released(snapshot(history=status(replicas=4)))
    assert (decision.actions, decision.status) == ((), status(replicas=4))


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
