"""The end of an ImChatCluster: what is undone, and what can only be finished."""

from datetime import datetime

import pytest
from tests.core.fleet import (
    NOON,
    SILENT,
    TARGET,
    at,
    drain,
    gateway,
    gateways,
    isolated,
    ranked,
    repair,
    reported,
    resize,
    snapshot,
    status,
)

from imchat_operator.core.decision import (
    Adopt,
    CancelDrain,
    Decision,
    Outcome,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.ending import released
from imchat_operator.core.snapshot import Gateway, Reading, Unreadable
from imchat_operator.models import Drain, Phase, Purpose

CANCEL = CancelDrain(pod="a", uid="uid-a")
ACCEPT = SetAccepting(pod="a", uid="uid-a", accepting=True)
CLOSE = SetAccepting(pod="a", uid="uid-a", accepting=False)
ADOPT = Adopt(pod="a", uid="uid-a", revision="r1")
RANK = SetDeletionCost(pod="a", uid="uid-a", cost=-1000)
UNRANK = SetDeletionCost(pod="a", uid="uid-a", cost=None)
BCD = gateways("bcd")


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


def test_a_deletion_is_done_when_there_is_nothing_to_give_back() -> None:
    decision = released(snapshot(history=status(replicas=4)))
    assert (decision.actions, decision.status) == ((), status(replicas=4))


def ended(*fleet: Gateway, drains: tuple[Drain, ...] = ()) -> Decision:
    return released(snapshot(gateways=fleet, history=status(drains=drains), target=TARGET))


BCDE = gateways("bcde")
FINISHED = repair(
    "a",
    Phase.ISOLATING,
    cause="the ImChatCluster is deleted, and another has its place",
    ailment="Superseded",
)


def finished(phase: Phase, since: datetime = NOON) -> Drain:
    return FINISHED.model_copy(update={"phase": phase, "phase_since": since})


@pytest.mark.parametrize(
    ("record", "phase"),
    [
        pytest.param(None, Phase.ISOLATING, id="one that nobody drained"),
        pytest.param(repair("a", Phase.SURGING), Phase.ISOLATING, id="one that waited for another"),
        pytest.param(repair("a", Phase.DRAINING), Phase.ISOLATING, id="one that drains"),
        pytest.param(repair("a", Phase.DELETING), Phase.REMOVING, id="one that has drained"),
    ],
)
def test_one_whose_place_another_has_is_drained_before_it_is_given_back(
    record: Drain | None, phase: Phase
) -> None:
    drains = (record,) if record else ()
    decision = ended(gateway("a", released="r1"), *BCDE, drains=drains)
    assert decision.actions == (CLOSE,)
    assert [d.phase for d in decision.status.drains] == [phase]
    told = [e for e in decision.status.pending_events if e.kind == "ImChatCluster"]
    assert [e.reason for e in told] == ["GatewayLeaving"]
    assert "a closes its 300 connections before the ImChatCluster is gone" in told[0].message


def test_it_closes_its_connections_at_the_pace_asked_for() -> None:
    decision = ended(
        isolated("a", released="r1"), *BCDE, drains=(finished(Phase.ISOLATING, at(-60)),)
    )
    assert [a.connections_per_second for a in decision.actions if isinstance(a, StartDrain)] == [
        100
    ]
    assert decision.is_under_way


def test_it_is_given_back_empty_and_out_of_rotation() -> None:
    empty = isolated("a", reported(0, draining=True), released="r1")
    first = ended(empty, *BCDE, drains=(finished(Phase.DRAINING, at(-3)),))
    assert first.actions == (RANK,), "it is the first to go, gate or not"
    assert [d.phase for d in first.status.drains] == [Phase.RETURNING]
    seen = ranked("a", reported(0, draining=True), released="r1")
    second = ended(seen, *BCDE, drains=first.status.drains)
    assert (second.actions, second.status.drains) == ((ADOPT,), first.status.drains)


def test_the_end_waits_until_one_too_many_is_removed() -> None:
    back = isolated("a", reported(0, draining=True))
    drains = (finished(Phase.RETURNING),)
    decision = ended(back, *BCDE, drains=drains)
    assert (decision.actions, decision.status.drains) == ((), drains)
    gone = ended(*BCDE, drains=drains)
    assert (gone.actions, gone.status.drains) == ((), ())


@pytest.mark.parametrize(
    ("others", "since"),
    [
        pytest.param("bcd", 0, id="another is gone"),
        pytest.param("bcde", -600, id="there are too many for long, as in a rollout"),
    ],
)
def test_one_that_is_not_removed_serves_again(others: str, since: float) -> None:
    back = ranked("a", reported(0, draining=True))
    drains = (finished(Phase.RETURNING, at(since)),)
    first = ended(back, *gateways(others), drains=drains)
    assert first.actions == (CANCEL,)
    agreed = (Outcome(action=CANCEL),)
    idle = ranked("a", reported(0))
    fleet = (idle, *gateways(others))
    found = released(snapshot(gateways=fleet, history=first.status, outcomes=agreed, target=TARGET))
    assert (found.actions, found.status.drains) == ((ACCEPT, UNRANK), ())


def test_the_place_that_is_free_is_for_the_one_with_the_most_clients() -> None:
    fleet = (isolated("a", 9, released="r1"), isolated("x", 200, released="r1"), *BCD)
    decision = ended(*fleet)
    assert decision.actions == (
        SetAccepting(pod="x", uid="uid-x", accepting=True),
        Adopt(pod="x", uid="uid-x", revision="r1"),
    )
    assert [d.pod for d in decision.status.drains] == ["a"]


def test_one_that_gets_its_place_again_meanwhile_goes_back_with_its_clients() -> None:
    fleet = (isolated("a", released="r1"), *BCD)
    decision = ended(*fleet, drains=(finished(Phase.ISOLATING),))
    assert (decision.actions, decision.status.drains) == ((ACCEPT, ADOPT), ())


def test_one_that_can_not_be_asked_is_given_back_for_lost() -> None:
    hangs = isolated("a", SILENT, released="r1")
    record = finished(Phase.DRAINING).model_copy(update={"silent_since": at(-60)})
    decision = ended(hangs, *BCDE, drains=(record,))
    assert decision.actions == (RANK,)
    assert {e.reason for e in decision.status.pending_events} == {"ConnectionsCut"}
