"""What holds of every repair, whatever the fleet looks like."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.core.drains import NAMES
from tests.core.healing_snapshots import ailing
from tests.core.strategies import shuffled

from imchat_operator.core.ailments import REQUESTED, Ailment, Treatment, treatment
from imchat_operator.core.consent import is_repair
from imchat_operator.core.decision import Decision, Delete, Evict, Release
from imchat_operator.core.healing import Health, Patient, health, origin, patients, restarts
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Gateway, Reported, Snapshot, Target
from imchat_operator.core.windows import maintenance
from imchat_operator.models import (
    Drain,
    ImChatClusterStatus,
    Mode,
    Phase,
    Purpose,
    WindowAction,
)

Property = Callable[[Snapshot, Decision], None]
OURS = {Purpose.HEALING, Purpose.QUARANTINE}
MOVING = {Phase.SURGING, Phase.ISOLATING, Phase.DRAINING}


def target_of(found: Snapshot) -> Target:
    assert isinstance(found.target, Target)
    return found.target


def ill(found: Snapshot) -> tuple[Patient, ...]:
    drained = frozenset(d.uid for d in found.history.drains)
    return patients(found, drained, restarts(found))


def how_healthy(found: Snapshot) -> Health:
    return health(found, target_of(found), ill(found))


def begun(found: Snapshot, decision: Decision) -> tuple[Drain, ...]:
    """Return the repairs that begin now, dead pods' removals aside."""
    before = {d.uid for d in found.history.drains}
    ours = (d for d in decision.status.drains if d.purpose in OURS and d.uid not in before)
    return tuple(d for d in ours if d.ailment != Ailment.FAILED)


def by_uid(found: Snapshot) -> dict[str, Gateway]:
    return {g.uid: g for g in found.gateways}


def origins(found: Snapshot, drains: Iterable[Drain]) -> set[str]:
    """Return what is under repair: gateways, and nodes that were lost with theirs."""
    return {origin(found, d.uid, d.ailment) for d in drains if is_repair(d)}


def no_more_are_under_repair_than_allowed(found: Snapshot, decision: Decision) -> None:
    if begun(found, decision):
        event("a repair begins")
    fresh = {d.uid for d in begun(found, decision)}
    after = origins(found, decision.status.drains)
    if after - origins(found, (d for d in decision.status.drains if d.uid not in fresh)):
        assert len(after) <= found.spec.healing.max_concurrent


def no_more_are_begun_in_an_hour_than_allowed(found: Snapshot, decision: Decision) -> None:
    if begun(found, decision):
        assert len(decision.status.repairs_begun) <= found.spec.healing.max_per_hour
    lately = [t for t in found.history.repairs_begun if (found.now - t).total_seconds() < 3600]
    now = len(begun(found, decision))
    assert len(decision.status.repairs_begun) == len(lately) + now


def what_is_well_is_taken_only_where_enough_are_left(found: Snapshot, decision: Decision) -> None:
    state = how_healthy(found)
    well = [d for d in begun(found, decision) if treatment(d.ailment) is not Treatment.REPLACE]
    taken = [d for d in well if by_uid(found)[d.uid].ready]
    assert not taken or state.spares(len(taken))


def in_a_storm_nothing_is_begun(found: Snapshot, decision: Decision) -> None:
    if how_healthy(found).is_storm:
        event("a storm")
        assert begun(found, decision) == ()


def in_a_window_a_pause_or_another_mode_only_wishes_are_begun(
    found: Snapshot, decision: Decision
) -> None:
    healing = found.spec.healing
    windows = maintenance(found.windows, found.cluster.labels, found.now, found.history.deferrals)
    is_held = bool(windows.held(WindowAction.HEALING))
    if is_held or healing.pauses or healing.mode is not Mode.AUTO:
        event("held")
        assert {d.ailment for d in begun(found, decision)} <= REQUESTED


def what_removes_a_gateway_was_recorded_before(found: Snapshot, decision: Decision) -> None:
    records = {d.uid: d for d in found.history.drains if d.purpose in OURS}
    for action in decision.actions:
        if not isinstance(action, Evict | Delete):
            continue
        seen = by_uid(found)[action.uid]
        event(type(action).__name__)
        assert (action.pod, action.resource_version) == (seen.name, seen.resource_version)
        if isinstance(action, Delete) and action.force:
            assert seen.terminating
            assert seen.node is not None
            assert seen.node.is_off
            assert not seen.finalizers
            assert not isinstance(seen.reading, Reported)
        else:
            is_eviction = isinstance(action, Evict)
            assert records[action.uid].phase is (Phase.REMOVING if is_eviction else Phase.DELETING)
            assert not seen.terminating


def nothing_is_released_but_for_a_deployment(found: Snapshot, decision: Decision) -> None:
    records = {d.uid: d for d in decision.status.drains}
    for action in decision.actions:
        if isinstance(action, Release):
            event("a release")
            assert target_of(found).kind == "Deployment"
            assert action.revision == by_uid(found)[action.uid].revision != ""
            assert records[action.uid].phase is Phase.SURGING


def only_what_is_drained_is_released_or_removed(found: Snapshot, decision: Decision) -> None:
    drained = {d.uid for d in decision.status.drains}
    gone = {g.uid for g in found.gateways if g.terminating}
    for action in decision.actions:
        if isinstance(action, Release | Evict | Delete):
            assert action.uid in drained | gone


def what_began_goes_on(found: Snapshot, decision: Decision) -> None:
    """An end has its Event or its record; nothing that was begun is dropped without a word."""
    now = {d.uid: d for d in decision.status.drains}
    told = {e.uid for e in decision.status.pending_events}
    for before in found.history.drains:
        if before.purpose in OURS and before.uid not in now:
            assert before.uid in told
        elif before.uid in now and before.phase not in MOVING:
            assert now[before.uid].phase not in MOVING


def nobody_is_repaired_while_the_ailment_is_another_s(found: Snapshot, decision: Decision) -> None:
    untouchable = {p.gateway.uid for p in ill(found) if p.treatment is Treatment.TELL}
    assert not {d.uid for d in begun(found, decision)} & untouchable


def a_status_is_one_that_the_api_server_takes(_: Snapshot, decision: Decision) -> None:
    written = decision.status.to_json(sparse=True)
    assert ImChatClusterStatus.model_validate(written) == decision.status


def nobody_is_drained_twice(_: Snapshot, decision: Decision) -> None:
    uids = [d.uid for d in decision.status.drains]
    assert len(uids) == len(set(uids))


PROPERTIES: tuple[Property, ...] = (
    no_more_are_under_repair_than_allowed,
    no_more_are_begun_in_an_hour_than_allowed,
    what_is_well_is_taken_only_where_enough_are_left,
    in_a_storm_nothing_is_begun,
    in_a_window_a_pause_or_another_mode_only_wishes_are_begun,
    what_removes_a_gateway_was_recorded_before,
    nothing_is_released_but_for_a_deployment,
    only_what_is_drained_is_released_or_removed,
    what_began_goes_on,
    nobody_is_repaired_while_the_ailment_is_another_s,
    a_status_is_one_that_the_api_server_takes,
    nobody_is_drained_twice,
)


@settings(max_examples=400)
@given(found=ailing(), order=st.permutations(range(len(NAMES))))
def test_every_repair_keeps_to_the_rules(found: Snapshot, order: list[int]) -> None:
    decision = decide(found)
    for check in PROPERTIES:
        check(found, decision)
    assert decide(shuffled(found, order)) == decision, "the order of the facts matters"


@settings(max_examples=200)
@given(found=ailing())
def test_what_began_before_goes_on_the_same_in_a_window_or_a_storm(found: Snapshot) -> None:
    """The ladder does not ask for consent: a step is the same whatever holds what begins."""
    calm = replace(found, windows=())
    held = calm.spec.model_copy(
        update={"healing": calm.spec.healing.model_copy(update={"mode": Mode.OBSERVE})}
    )
    uids = {d.uid for d in found.history.drains}
    steps = [
        [d for d in decide(view).status.drains if d.uid in uids]
        for view in (calm, replace(calm, spec=held))
    ]
    assert steps[0] == steps[1]


@settings(max_examples=150)
@given(found=ailing())
def test_an_unchanged_fleet_comes_to_rest(found: Snapshot) -> None:
    for _ in range(30):
        after = decide(found).status
        if after is found.history:
            return
        posted = frozenset(e.receipt for e in after.pending_events)
        found = replace(found, history=after, posted=posted)
    pytest.fail(f"the status still changes after 30 passes: {found.history}")


@given(found=ailing())
def test_the_same_fleet_gives_the_same_decision_also_after_a_restart(found: Snapshot) -> None:
    written = found.history.to_json(sparse=True)
    read_again = replace(found, history=ImChatClusterStatus.model_validate(written))
    assert decide(found) == decide(read_again)
