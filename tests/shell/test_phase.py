"""When in its interval a cluster is sampled."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import at

from imchat_operator.shell.phase import in_phase, since_moment

INTERVAL = timedelta(seconds=10)


@pytest.mark.parametrize("seconds", [0.05, 1, 9.9, 60])
def test_what_is_due_at_another_time_than_the_next_sample_stays_as_it_is(seconds: float) -> None:
    wait = timedelta(seconds=seconds)
    assert in_phase(wait, "uid", INTERVAL, at(0)) == wait


@given(uid=st.text(max_size=40), seconds=st.floats(min_value=0, max_value=1e6))
def test_a_cluster_is_due_once_in_each_interval_at_a_moment_of_its_own(
    uid: str, seconds: float
) -> None:
    wait = in_phase(INTERVAL, uid, INTERVAL, at(seconds))
    assert timedelta() < wait <= INTERVAL
    late = since_moment(uid, INTERVAL, at(seconds + wait.total_seconds() + 0.001))
    assert late < timedelta(milliseconds=2)


def test_the_moments_of_many_lie_all_over_the_interval() -> None:
    moments = [since_moment(f"uid-{n}", INTERVAL, at(0)) for n in range(1000)]
    for second in range(10):
        low, high = timedelta(seconds=second), timedelta(seconds=second + 1)
        assert 60 < sum(low <= moment < high for moment in moments) < 140
