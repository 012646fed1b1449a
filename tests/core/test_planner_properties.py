"""What holds of every decision, whatever the snapshot."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.strategies import NAMES, shuffled, snapshots

from imchat_operator.core.decision import Decision, Evict, Scale
from imchat_operator.core.planner import decide
from imchat_operator.core.scaling import Unknown, utilization
from imchat_operator.core.snapshot import Snapshot, Target
from imchat_operator.core.windows import maintenance
from imchat_operator.models import ImChatClusterStatus, Phase, Purpose

Property = Callable[[Snapshot, Decision], None]


def scaled(decision: Decision) -> tuple[Scale, ...]:
    return tuple(action for action in decision.actions if isinstance(action, Scale))


def begun(found: Snapshot, decision: Decision, purpose: Purpose) -> set[str]:
    before = {d.uid for d in found.history.drains}
    return {d.uid for d in decision.status.drains if d.purpose is purpose} - before


def the_target_never_leaves_its_bounds(found: Snapshot, decision: Decision) -> None:
    for scale in scaled(decision):
        assert isinstance(found.target, Target)
        assert scale.from_ == found.target.replicas
        if scale.to < scale.from_:
            assert scale.to >= found.spec.min_replicas
        else:
            assert scale.from_ < scale.to <= found.spec.max_replicas


def nothing_is_scaled_down_while_the_load_is_unknown(found: Snapshot, decision: Decision) -> None:
    drained = frozenset(d.uid for d in found.history.drains)
    if isinstance(utilization(found.gateways, drained), Unknown):
        assert all(scale.to > scale.from_ for scale in scaled(decision))
        assert begun(found, decision, Purpose.SCALE_DOWN) == set()


def an_open_window_sees_no_repair_begun_and_nothing_scaled_down(
    found: Snapshot, decision: Decision
) -> None:
    if maintenance(found.windows, found.cluster.labels, found.now).holds:
        assert all(scale.to > scale.from_ for scale in scaled(decision))
        assert begun(found, decision, Purpose.SCALE_DOWN) == set()
        assert begun(found, decision, Purpose.HEALING) == set()


def what_removes_a_gateway_was_recorded_before(found: Snapshot, decision: Decision) -> None:
    repairs = [d for d in found.history.drains if d.purpose is Purpose.HEALING]
    removing = {d.uid for d in repairs if d.phase is Phase.REMOVING}
    assert {a.uid for a in decision.actions if isinstance(a, Evict)} <= removing
    for scale in scaled(decision):
        if scale.to < scale.from_:
            record = found.history.resize
            assert record is not None
            assert (record.from_, record.to) == (scale.from_, scale.to)


def no_more_repairs_are_begun_than_allowed(found: Snapshot, decision: Decision) -> None:
    repairs = [d for d in decision.status.drains if d.purpose is Purpose.HEALING]
    if begun(found, decision, Purpose.HEALING):
        assert len(repairs) <= found.spec.healing.max_concurrent


def a_repair_and_a_scale_down_never_begin_together(found: Snapshot, decision: Decision) -> None:
    if begun(found, decision, Purpose.SCALE_DOWN):
        assert not [d for d in decision.status.drains if d.purpose is Purpose.HEALING]


def nobody_is_drained_twice(_: Snapshot, decision: Decision) -> None:
    uids = [d.uid for d in decision.status.drains]
    assert len(uids) == len(set(uids))


def a_status_is_one_that_the_api_server_takes(_: Snapshot, decision: Decision) -> None:
    written = decision.status.to_json(sparse=True)
    assert ImChatClusterStatus.model_validate(written) == decision.status


def the_next_look_is_taken_within_an_interval(found: Snapshot, decision: Decision) -> None:
    assert found.now < found.now + decision.next_check <= found.now + found.spec.metrics.interval


PROPERTIES: tuple[Property, ...] = (
    the_target_never_leaves_its_bounds,
    nothing_is_scaled_down_while_the_load_is_unknown,
    an_open_window_sees_no_repair_begun_and_nothing_scaled_down,
    what_removes_a_gateway_was_recorded_before,
    no_more_repairs_are_begun_than_allowed,
    a_repair_and_a_scale_down_never_begin_together,
    nobody_is_drained_twice,
    a_status_is_one_that_the_api_server_takes,
    the_next_look_is_taken_within_an_interval,
)
# One number for each fact, by which the facts are put into another order.
ORDERS = st.permutations(range(len(NAMES)))


@settings(max_examples=400)
@given(found=snapshots(), order=ORDERS)
def test_every_decision_keeps_to_the_rules(found: Snapshot, order: list[int]) -> None:
    decision = decide(found)
    for check in PROPERTIES:
        check(found, decision)
    assert decide(shuffled(found, order)) == decision, "the order of the facts matters"


@given(found=snapshots())
def test_an_unchanged_world_comes_to_rest(found: Snapshot) -> None:
    for _ in range(20):
        status = decide(found).status
        if status is found.history:
            return
        posted = frozenset(e.name for e in status.pending_events)
        found = replace(found, history=status, posted=posted)
    raise AssertionError(f"the status still changes after 20 passes: {found.history}")
