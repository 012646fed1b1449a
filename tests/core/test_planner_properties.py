"""What holds of every decision, whatever the snapshot."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.drains import NAMES
from tests.core.strategies import shuffled, snapshots

from imchat_operator.core.consent import is_repair
from imchat_operator.core.decision import Decision, Evict, Scale
from imchat_operator.core.floors import blindness, floor
from imchat_operator.core.healing import origin
from imchat_operator.core.load import Load, Unknown, Utilization, highest, utilizations
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Snapshot, Target, TargetMissing
from imchat_operator.core.windows import Maintenance, maintenance
from imchat_operator.models import (
    Direction,
    ImChatClusterStatus,
    LastResize,
    Mode,
    Phase,
    Purpose,
    Resize,
    WindowAction,
)

Property = Callable[[Snapshot, Decision], None]


def load(found: Snapshot) -> Load:
    return highest(utilizations(found))


def least(found: Snapshot) -> int:
    return floor(found, blindness(found, load(found)), held(found)).replicas


def held(found: Snapshot) -> Maintenance:
    return maintenance(found.windows, found.cluster.labels, found.now, found.history.deferrals)


def scaled(decision: Decision, *, up: bool) -> tuple[Scale, ...]:
    found = (action for action in decision.actions if isinstance(action, Scale))
    return tuple(scale for scale in found if (scale.to > scale.from_) is up)


def begun(found: Snapshot, decision: Decision, purpose: Purpose) -> set[str]:
    before = {d.uid for d in found.history.drains}
    return {d.uid for d in decision.status.drains if d.purpose is purpose} - before


def resized(found: Snapshot, decision: Decision) -> Resize | None:
    """Return the change of size that begins now."""
    now, before = decision.status.resize, found.history.resize
    return now if now is not None and (before is None or now.id != before.id) else None


def replicas(found: Snapshot) -> int:
    return found.target.replicas if isinstance(found.target, Target) else 0


def nothing_shrinks(found: Snapshot, decision: Decision) -> None:
    new = resized(found, decision)
    assert scaled(decision, up=False) == ()
    assert begun(found, decision, Purpose.SCALE_DOWN) == set()
    assert new is None or new.to > new.from_


def nothing_grows(found: Snapshot, decision: Decision) -> None:
    new = resized(found, decision)
    assert scaled(decision, up=True) == ()
    assert new is None or new.to < new.from_


def the_target_never_leaves_its_bounds(found: Snapshot, decision: Decision) -> None:
    for scale in scaled(decision, up=False):
        assert scale.from_ == replicas(found)
        assert scale.to >= least(found) >= found.spec.min_replicas
    for scale in scaled(decision, up=True):
        assert scale.from_ == replicas(found)
        assert scale.to <= found.spec.max_replicas


def a_scale_down_leaves_headroom_and_nobody_in_doubt(found: Snapshot, decision: Decision) -> None:
    new, now = resized(found, decision), load(found)
    sizes = [s.to for s in scaled(decision, up=False)]
    if new is not None and new.to < new.from_:
        sizes.append(new.to)
        assert len(begun(found, decision, Purpose.SCALE_DOWN)) == new.from_ - new.to
    for size in sizes:
        assert isinstance(now, Utilization)
        assert now.doubts == ()
        left = max(0, size - found.spec.scaling.failure_headroom)
        for one in (now, *now.others):
            assert one.most <= one.capacity * left
            assert all(
                one.most * 100 <= rule.above * one.capacity * size
                for rule in found.spec.scaling.scale_up
            )


def an_unknown_load_shrinks_nothing_and_grows_to_a_floor_at_most(
    found: Snapshot, decision: Decision
) -> None:
    if isinstance(load(found), Unknown):
        nothing_shrinks(found, decision)
        new = resized(found, decision)
        assert new is None or new.to <= least(found)


def a_step_is_no_larger_than_allowed(found: Snapshot, decision: Decision) -> None:
    new = resized(found, decision)
    if new is not None:
        steps = found.spec.scaling.max_step
        assert new.to - new.from_ <= steps.scale_up
        assert new.from_ - new.to <= steps.scale_down


def nobody_is_resized_that_rests(found: Snapshot, decision: Decision) -> None:
    new, rest = resized(found, decision), found.spec.scaling.cooldown

    def rests(last: LastResize) -> bool:
        length = rest.scale_up if new and new.to > new.from_ else rest.scale_down
        return last.at <= found.now < last.at + length

    latest = found.history.last_resizes
    if new is not None and new.to < new.from_:
        assert not any(rests(last) for last in latest)
    if new is not None and new.from_ >= least(found):
        assert not any(rests(last) for last in latest if last.direction is Direction.UP)


def what_is_not_auto_or_paused_or_another_s_touches_nothing(
    found: Snapshot, decision: Decision
) -> None:
    scaling = found.spec.scaling
    keys = {key for key, _ in found.cluster.annotations}
    paused = {p.direction for p in scaling.pauses}
    is_left = scaling.mode is not Mode.AUTO or found.autoscalers or decision.status.conflict
    if is_left or Direction.UP in paused or "imchat.dev/pause-scale-up" in keys:
        nothing_grows(found, decision)
    if is_left or Direction.DOWN in paused or "imchat.dev/pause-scale-down" in keys:
        nothing_shrinks(found, decision)
    resize, target = found.history.resize, found.target
    # Where the size is written already the victims leave; beside a growth there are none.
    is_over = resize and (resize.to > resize.from_ or resize.to == getattr(target, "replicas", -1))
    if scaling.mode is not Mode.AUTO and not is_over:
        purposes = {d.purpose for d in decision.status.drains}
        assert purposes <= {Purpose.HEALING, Purpose.QUARANTINE}
    if scaling.mode is Mode.OBSERVE:
        assert decision.status.recommendation is None


def what_is_asked_for_is_told(_: Snapshot, decision: Decision) -> None:
    status = decision.status
    wanted = status.resize or status.recommendation
    assert status.desired_replicas == (wanted.to if wanted else status.replicas)
    assert status.resize is None or status.recommendation is None


def an_open_window_sees_nothing_disruptive_begun(found: Snapshot, decision: Decision) -> None:
    windows = held(found)
    if windows.stopped(WindowAction.SCALE_DOWN):
        nothing_shrinks(found, decision)
    if windows.held(WindowAction.SCALE_DOWN):
        new = resized(found, decision)
        assert new is None or new.to > new.from_
        assert begun(found, decision, Purpose.SCALE_DOWN) == set()
    if windows.held(WindowAction.HEALING):
        assert begun(found, decision, Purpose.HEALING) == set()
    if windows.held(WindowAction.REBALANCE):
        assert begun(found, decision, Purpose.REBALANCE) == set()


def what_removes_a_gateway_was_recorded_before(found: Snapshot, decision: Decision) -> None:
    ours = {Purpose.HEALING, Purpose.QUARANTINE}
    repairs = [d for d in found.history.drains if d.purpose in ours]
    removing = {d.uid for d in repairs if d.phase is Phase.REMOVING}
    assert {a.uid for a in decision.actions if isinstance(a, Evict)} <= removing
    for scale in scaled(decision, up=False):
        record = found.history.resize
        assert record is not None
        assert (record.from_, record.to) == (scale.from_, scale.to)


def no_more_repairs_are_begun_than_allowed(found: Snapshot, decision: Decision) -> None:
    fresh = begun(found, decision, Purpose.HEALING)
    after = {d: origin(found, d.uid, d.ailment) for d in decision.status.drains if is_repair(d)}
    before = {of for d, of in after.items() if d.uid not in fresh}
    if set(after.values()) - before:
        assert len(set(after.values())) <= found.spec.healing.max_concurrent


def one_disruption_begins_at_a_time(found: Snapshot, decision: Decision) -> None:
    purposes = {d.purpose for d in decision.status.drains if d.phase is not Phase.QUARANTINED}
    if begun(found, decision, Purpose.SCALE_DOWN):
        assert purposes == {Purpose.SCALE_DOWN}
    if begun(found, decision, Purpose.REBALANCE):
        assert purposes == {Purpose.REBALANCE}


def somebody_takes_what_others_shed(found: Snapshot, decision: Decision) -> None:
    donors = {d.uid for d in decision.status.drains if d.purpose is Purpose.REBALANCE}
    if donors:
        assert any(g.ready and g.uid not in donors for g in found.gateways)


def nobody_is_drained_twice(_: Snapshot, decision: Decision) -> None:
    uids = [d.uid for d in decision.status.drains]
    assert len(uids) == len(set(uids))


def a_status_is_one_that_the_api_server_takes(_: Snapshot, decision: Decision) -> None:
    written = decision.status.to_json(sparse=True)
    assert ImChatClusterStatus.model_validate(written) == decision.status


def the_next_look_is_taken_within_an_interval(found: Snapshot, decision: Decision) -> None:
    assert found.now < found.now + decision.next_check <= found.now + found.spec.metrics.interval


def what_waits_is_remembered_while_a_window_holds_it(found: Snapshot, decision: Decision) -> None:
    if isinstance(found.target, TargetMissing):
        assert decision.status.deferrals == found.history.deferrals, "nothing is wanted now"
        return
    windows = held(found)
    known = {d.action for d in found.history.deferrals}
    for record in decision.status.deferrals:
        is_new = record.action not in known
        assert record.since == found.now or not is_new
        assert windows.held(record.action) or windows.is_expired(record.action)


PROPERTIES: tuple[Property, ...] = (
    the_target_never_leaves_its_bounds,
    a_scale_down_leaves_headroom_and_nobody_in_doubt,
    an_unknown_load_shrinks_nothing_and_grows_to_a_floor_at_most,
    a_step_is_no_larger_than_allowed,
    nobody_is_resized_that_rests,
    what_is_not_auto_or_paused_or_another_s_touches_nothing,
    what_is_asked_for_is_told,
    an_open_window_sees_nothing_disruptive_begun,
    what_waits_is_remembered_while_a_window_holds_it,
    what_removes_a_gateway_was_recorded_before,
    no_more_repairs_are_begun_than_allowed,
    one_disruption_begins_at_a_time,
    somebody_takes_what_others_shed,
    nobody_is_drained_twice,
    a_status_is_one_that_the_api_server_takes,
    the_next_look_is_taken_within_an_interval,
)
# One number for each fact, by which the facts are put into another order.
ORDERS = st.permutations(range(len(NAMES)))


@settings(max_examples=200)
@given(found=snapshots(), order=ORDERS)
def test_every_decision_keeps_to_the_rules(found: Snapshot, order: list[int]) -> None:
    decision = decide(found)
    for check in PROPERTIES:
        check(found, decision)
    assert decide(shuffled(found, order)) == decision, "the order of the facts matters"


@given(found=snapshots())
def test_the_same_snapshot_gives_the_same_decision_also_after_a_restart(found: Snapshot) -> None:
    written = found.history.to_json(sparse=True)
    read_again = replace(found, history=ImChatClusterStatus.model_validate(written))
    assert decide(found) == decide(found) == decide(read_again)


@given(found=snapshots())
def test_an_unchanged_world_comes_to_rest(found: Snapshot) -> None:
    for _ in range(20):
        status = decide(found).status
        if status is found.history:
            return
        posted = frozenset(e.receipt for e in status.pending_events)
        found = replace(found, history=status, posted=posted)
    raise AssertionError(f"the status still changes after 20 passes: {found.history}")
