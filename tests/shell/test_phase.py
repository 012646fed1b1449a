"""When in its interval a cluster is sampled."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import CLUSTER, at, snapshot, spec

from imchat_operator.core.snapshot import Snapshot
from imchat_operator.shell.phase import in_phase

INTERVAL = timedelta(seconds=10)


def seen(uid: str, seconds: float = 0, interval: str = "10s") -> Snapshot:
    return snapshot(
        cluster=replace(CLUSTER, uid=uid),
        now=at(seconds),
        spec=spec(metrics={"interval": interval}),
    )


@pytest.mark.parametrize("seconds", [0.05, 1, 9.9, 60])
def test_what_is_due_at_another_time_than_the_next_sample_stays_as_it_is(seconds: float) -> None:
    wait = timedelta(seconds=seconds)
    assert in_phase(wait, seen("uid")) == wait


@given(uid=st.text(max_size=40), seconds=st.floats(min_value=0, max_value=1e6))
def test_a_cluster_is_due_once_in_each_interval_at_a_moment_of_its_own(
    uid: str, seconds: float
) -> None:
    wait = in_phase(INTERVAL, seen(uid, seconds))
    assert timedelta() < wait <= INTERVAL
    again = in_phase(INTERVAL, seen(uid, seconds + wait.total_seconds()))
    assert min(again, INTERVAL - again) < timedelta(milliseconds=1)


def test_the_moments_of_many_lie_all_over_the_interval() -> None:
    moments = [in_phase(INTERVAL, seen(f"uid-{n}")) for n in range(1000)]
    for second in range(10):
        low, high = timedelta(seconds=second), timedelta(seconds=second + 1)
        assert 60 < sum(low <= moment < high for moment in moments) < 140


def test_the_interval_is_the_clusters_own() -> None:
    assert in_phase(timedelta(seconds=30), seen("uid", interval="30s")) <= timedelta(seconds=30)
