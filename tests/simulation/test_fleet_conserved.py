"""Whatever happens to a fleet, no connection is lost or made."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.simulation.models import (
    STICKY,
    admit,
    drain,
    fleet,
    held,
    isolate,
    pass_,
)

from imchat_operator.core.decision import CancelDrain, Evict
from imchat_operator.simulation.fleet import Fleet
from imchat_operator.simulation.sharing import Balancing

STEPS = st.one_of(
    st.tuples(st.just("want"), st.integers(0, 1200)),
    st.tuples(st.just("pass"), st.integers(1, 120)),
    st.tuples(st.just("scale"), st.integers(1, 8)),
    st.tuples(st.just("drain"), st.integers(0, 7)),
    st.tuples(st.just("shed"), st.integers(0, 7)),
    st.tuples(st.just("cancel"), st.integers(0, 7)),
    st.tuples(st.just("isolate"), st.integers(0, 7)),
    st.tuples(st.just("admit"), st.just(0)),
    st.tuples(st.just("evict"), st.integers(0, 7)),
)


def perform(of: Fleet, step: str, number: int) -> None:
    """Do one step; a number that names a gateway wraps around."""
    pod = of.pods[number % len(of.pods)]
    match step:
        case "want":
            of.want(number)
        case "pass":
            pass_(of, number)
        case "scale":
            of.scale(number)
        case "drain":
            of.perform(drain(pod, pace=3, deadline=60))
        case "shed":
            of.perform(drain(pod, pace=3, deadline=60, keep=20))
        case "cancel":
            of.perform(CancelDrain(pod=pod.name, uid=pod.uid))
        case "isolate":
            isolate(of, pod)
        case "admit":
            admit(of)
        case "evict":
            of.perform(Evict(pod=pod.name, uid=pod.uid, resource_version="1"))


@given(st.sampled_from(Balancing), st.lists(STEPS, max_size=40))
def test_connections_are_conserved(balancing: Balancing, steps: list[tuple[str, int]]) -> None:
    any_fleet = fleet(3, 250, replace(STICKY, balancing=balancing, session=timedelta(minutes=5)))
    for step, number in steps:
        before = any_fleet.wanted
        perform(any_fleet, step, number)
        assert any_fleet.wanted == (number if step == "want" else before)
        assert any_fleet.wanted == sum(held(any_fleet)) + any_fleet.waiting
        assert any_fleet.waiting >= 0
        assert all(0 <= connections <= 100 for connections in held(any_fleet))
        assert len(any_fleet.pods) == any_fleet.replicas
        assert 0 <= any_fleet.cut <= any_fleet.moved
        takers = [p for p in any_fleet.pods if p.is_ready and p.closing is None]
        assert not any_fleet.waiting or all(p.connections == 100 for p in takers)
