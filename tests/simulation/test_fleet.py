"""The fleet's model: connections stick, and Kubernetes' rules hold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.simulation.models import (
    START,
    STARTUP,
    STICKY,
    admit,
    drain,
    fleet,
    held,
    isolate,
    pass_,
)

from imchat_operator.core.decision import (
    CancelDrain,
    Evict,
    Outcome,
    Scale,
    SetDeletionCost,
)


def test_a_fleet_begins_in_balance() -> None:
    assert held(fleet(3, 100)) == [34, 33, 33]


def test_a_new_gateway_stays_empty_while_nobody_moves() -> None:
    grown = fleet(2, 120)
    grown.scale(3)
    pass_(grown, 30)
    admit(grown)
    pass_(grown, 3600)
    assert held(grown) == [60, 60, 0]


def test_sessions_that_end_even_a_fleet_out() -> None:
    grown = fleet(2, 120, replace(STICKY, session=timedelta(minutes=10)))
    grown.scale(3)
    pass_(grown, 30)
    admit(grown)
    for _ in range(100):
        pass_(grown, 60)
    assert max(held(grown)) - min(held(grown)) <= 3
    assert grown.moved == 0


def test_a_gateway_takes_connections_once_it_has_started_and_its_gate_is_on() -> None:
    grown = fleet(1, 100)
    grown.want(150)
    grown.scale(2)
    admit(grown)
    assert (held(grown), grown.waiting) == ([100, 0], 50)
    assert grown.next_ready == START + STARTUP
    pass_(grown, 29)
    assert held(grown) == [100, 0]
    isolate(grown, grown.pods[1])
    pass_(grown, 1)
    assert grown.next_ready is None
    assert held(grown) == [100, 0]
    admit(grown)
    assert (held(grown), grown.waiting) == ([100, 50], 0)


def test_without_a_gate_a_started_gateway_takes_connections_by_itself() -> None:
    grown = fleet(1, 100, replace(STICKY, has_gate=False))
    grown.want(150)
    grown.scale(2)
    pass_(grown, 30)
    assert held(grown) == [100, 50]


def test_a_falling_load_leaves_in_proportion_and_moves_nobody() -> None:
    shrunk = fleet(2, 100)
    isolate(shrunk, shrunk.pods[0])
    shrunk.want(150)
    assert held(shrunk) == [50, 100]
    shrunk.want(75)
    assert (held(shrunk), shrunk.moved) == ([25, 50], 0)


def test_those_who_wait_give_up_first() -> None:
    full = fleet(1, 130)
    assert (held(full), full.waiting, full.refused) == ([100], 30, 30)
    full.want(110)
    assert (held(full), full.waiting, full.refused) == ([100], 10, 30)
    full.want(90)
    assert (held(full), full.waiting, full.refused) == ([90], 0, 30)


def test_who_waits_counts_once_however_long() -> None:
    full = fleet(1, 130)
    for _ in range(10):
        pass_(full, 60)
    assert full.refused == 30
    full.want(135)
    assert full.refused == 35


def test_a_drain_closes_at_its_pace_and_the_others_take_over() -> None:
    drained = fleet(2, 100)
    victim = drained.pods[0]
    isolate(drained, victim)
    drained.perform(drain(victim, pace=10))
    for left in (40, 30, 20, 10, 0, 0):
        pass_(drained, 1)
        assert held(drained) == [left, 100 - left]
    assert (drained.moved, drained.cut) == (50, 0)


def test_a_slower_pace_holds_from_then_on() -> None:
    drained = fleet(2, 100)
    drained.perform(drain(drained.pods[0], pace=10))
    pass_(drained, 1)
    drained.perform(drain(drained.pods[0], pace=1))
    pass_(drained, 1)
    assert held(drained) == [39, 61]


def test_what_a_deadline_finds_is_cut() -> None:
    drained = fleet(2, 100)
    drained.perform(drain(drained.pods[0], pace=1, deadline=10))
    for _ in range(10):
        pass_(drained, 1)
    assert (held(drained), drained.moved, drained.cut) == ([0, 100], 50, 40)


def test_a_cancelled_drain_takes_connections_again() -> None:
    drained = fleet(2, 100)
    victim = drained.pods[0]
    drained.perform(drain(victim, pace=10))
    pass_(drained, 1)
    drained.perform(CancelDrain(pod=victim.name, uid=victim.uid))
    drained.want(120)
    assert held(drained) == [50, 70]


def test_a_partial_drain_leaves_what_is_kept_and_takes_nothing() -> None:
    shedding = fleet(2, 100)
    for left in (40, 30, 25, 25):
        shedding.perform(drain(shedding.pods[0], pace=10, keep=25))
        pass_(shedding, 1)
        assert held(shedding) == [left, 100 - left]
    shedding.want(120)
    assert held(shedding) == [25, 95]
    assert (shedding.moved, shedding.cut) == (25, 0)


def test_a_partial_drain_that_is_renewed_goes_on() -> None:
    shedding = fleet(2, 100)
    for _ in range(40):
        shedding.perform(drain(shedding.pods[0], pace=1, keep=5))
        pass_(shedding, 1)
    assert held(shedding) == [10, 90]


def test_a_partial_drain_that_nobody_renews_ends() -> None:
    shedding = fleet(2, 100)
    shedding.perform(drain(shedding.pods[0], pace=1, keep=10))
    for _ in range(30):
        pass_(shedding, 1)
    assert held(shedding) == [20, 80]
    pass_(shedding, 1)
    shedding.want(110)
    assert held(shedding) == [25, 85]


def test_a_removed_gateway_cuts_what_it_holds() -> None:
    shrunk = fleet(2, 100, replace(STICKY, has_gate=False))
    shrunk.scale(1)
    assert (held(shrunk), shrunk.moved, shrunk.cut, shrunk.refused) == ([100], 50, 50, 0)


def test_an_evicted_gateway_is_replaced() -> None:
    evicted = fleet(2, 100)
    first, second = evicted.pods
    evicted.perform(Evict(pod=first.name, uid=first.uid, resource_version="1"))
    assert [pod is second for pod in evicted.pods] == [True, False]
    assert (held(evicted), evicted.cut, evicted.replicas) == ([100, 0], 50, 2)


@pytest.mark.parametrize(
    ("kind", "starting", "isolated", "ranked", "leaves"),
    [
        pytest.param("Deployment", 2, 0, 1, 2, id="a pending gateway leaves first"),
        pytest.param("Deployment", None, 0, 1, 0, id="then one that is not ready"),
        pytest.param("Deployment", None, None, 1, 1, id="then the lowest deletion cost"),
        pytest.param("Deployment", None, None, None, 2, id="then the youngest"),
        pytest.param("StatefulSet", None, 0, 1, 2, id="a StatefulSet's highest ordinal, always"),
    ],
)
def test_who_leaves(
    kind: str, starting: int | None, isolated: int | None, ranked: int | None, leaves: int
) -> None:
    shrunk = fleet(2, 0, replace(STICKY, kind=kind))
    pass_(shrunk, 60)
    shrunk.scale(3)
    if starting is None:
        pass_(shrunk, 30)
    admit(shrunk)
    pods = list(shrunk.pods)
    if isolated is not None:
        isolate(shrunk, pods[isolated])
    if ranked is not None:
        shrunk.perform(SetDeletionCost(pod="", uid=pods[ranked].uid, cost=-1000))
    shrunk.scale(2)
    assert [pod in shrunk.pods for pod in pods] == [n != leaves for n in range(3)]


def test_a_scale_of_another_version_is_refused() -> None:
    scaled = fleet(2, 0)
    action = Scale(from_=2, to=5, resource_version="0")
    refused = "the object has been modified"
    assert scaled.perform(action) == Outcome(action=action, refused=refused)
    assert scaled.replicas == 2


def test_what_names_no_gateway_changes_nothing() -> None:
    action = Evict(pod="gateway-9", uid="uid-9", resource_version="1")
    untouched = fleet(2, 100)
    assert untouched.perform(action) == Outcome(action=action)
    assert held(untouched) == [50, 50]
