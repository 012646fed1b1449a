from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.simulation.hpas import NOON, decided, held, pods, spec

from imchat_operator.simulation.hpa import (
    HpaSpec,
    HpaState,
    PodMetric,
    ScalingPolicy,
    ScalingRules,
    step,
)


def policies() -> st.SearchStrategy[ScalingPolicy]:
    return st.builds(
        ScalingPolicy,
        type=st.sampled_from(["Pods", "Percent"]),
        value=st.integers(1, 300),
        period_seconds=st.integers(1, 1800),
    )


def rules() -> st.SearchStrategy[ScalingRules]:
    return st.builds(
        ScalingRules,
        stabilization_seconds=st.integers(0, 3600),
        select=st.sampled_from(["Max", "Min", "Disabled"]),
        policies=st.lists(policies(), min_size=1, max_size=3).map(tuple),
        tolerance=st.floats(0, 1),
    )


@st.composite
def specs(draw: st.DrawFn) -> HpaSpec:
    least = draw(st.integers(1, 10))
    return HpaSpec(
        min_replicas=least,
        max_replicas=least + draw(st.integers(0, 50)),
        average_value=draw(st.integers(1, 10_000)),
        scale_up=draw(rules()),
        scale_down=draw(rules()),
        has_behavior=draw(st.booleans()),
    )


def fleets() -> st.SearchStrategy[tuple[PodMetric, ...]]:
    pod = st.builds(
        PodMetric,
        name=st.just("pod"),
        is_ready=st.booleans(),
        is_pending=st.booleans(),
        is_ignored=st.booleans(),
        value=st.none() | st.integers(0, 30_000),
    )
    return st.lists(pod, max_size=8).map(tuple)


LIVES = st.lists(st.tuples(st.integers(0, 900), fleets()), min_size=1, max_size=12)


def lived(
    hpa: HpaSpec, replicas: int, life: list[tuple[int, tuple[PodMetric, ...]]]
) -> tuple[list[int], HpaState]:
    """The sizes over a life of (seconds since the last sync, pods), and what is remembered."""
    state, now, seen = HpaState(), NOON, [replicas]
    for seconds, fleet in life:
        now += timedelta(seconds=seconds)
        state, decision = step(hpa, state, now, seen[-1], fleet)
        seen.append(decision.replicas)
    return seen, state


@given(hpa=specs(), replicas=st.integers(1, 70), life=LIVES)
def test_the_size_is_within_bounds_after_every_sync(
    hpa: HpaSpec, replicas: int, life: list[tuple[int, tuple[PodMetric, ...]]]
) -> None:
    seen, _ = lived(hpa, replicas, life)
    assert all(hpa.min_replicas <= size <= hpa.max_replicas for size in seen[1:])


@given(hpa=specs(), extra=st.integers(0, 50), life=LIVES)
def test_a_disabled_direction_is_never_taken(
    hpa: HpaSpec, extra: int, life: list[tuple[int, tuple[PodMetric, ...]]]
) -> None:
    hpa = replace(hpa, has_behavior=True, scale_up=replace(hpa.scale_up, select="Disabled"))
    seen, _ = lived(hpa, min(hpa.max_replicas, hpa.min_replicas + extra), life)
    assert all(after <= before for before, after in pairwise(seen))


@given(hpa=specs(), fleet=fleets(), extra=st.integers(0, 50), data=st.data())
def test_the_order_of_the_pods_does_not_matter(
    hpa: HpaSpec, fleet: tuple[PodMetric, ...], extra: int, data: st.DataObject
) -> None:
    shuffled = tuple(data.draw(st.permutations(fleet)))
    replicas = hpa.min_replicas + extra
    assert decided(hpa, replicas, fleet) == decided(hpa, replicas, shuffled)


@given(
    hpa=specs(),
    loads=st.lists(st.integers(0, 30_000), min_size=1, max_size=8),
    more=st.integers(0, 30_000),
)
def test_more_load_on_pods_that_all_report_never_asks_for_fewer_of_them(
    hpa: HpaSpec, loads: list[int], more: int
) -> None:
    hpa = replace(hpa, min_replicas=1, max_replicas=100)
    less = decided(hpa, len(loads), pods(*loads))
    greater = decided(hpa, len(loads), pods(*[load + more for load in loads]))
    assert greater.replicas >= less.replicas


@given(hpa=specs(), replicas=st.integers(1, 70), life=LIVES)
def test_no_more_is_remembered_than_there_were_syncs(
    hpa: HpaSpec, replicas: int, life: list[tuple[int, tuple[PodMetric, ...]]]
) -> None:
    seen, state = lived(hpa, replicas, life)
    changes = sum(before != after for before, after in pairwise(seen))
    assert len(state.recommendations) <= len(life) + 1
    assert len(state.scale_ups) + len(state.scale_downs) <= changes


def test_what_is_remembered_does_not_grow_with_time() -> None:
    hpa = spec(held(60), held(120))
    steady = [(15, pods(1000, 1000))] * 500
    _, state = lived(hpa, 2, steady)
    assert len(state.recommendations) == 120 // 15 + 2
