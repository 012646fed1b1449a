"""Sizes of the past that a scale-down does not go below."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import at

from imchat_operator.core.stabilization import remembered
from imchat_operator.models import TimedSize

EIGHTY = timedelta(seconds=80)
Sizes = tuple[TimedSize, ...]


def after(samples: Iterable[tuple[float, int]], within: timedelta = EIGHTY) -> Sizes:
    """Return what is remembered after samples at seconds."""
    sizes: Sizes = ()
    for second, size in samples:
        sizes = remembered(sizes, size, at(second), within)
    return sizes


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(0, 3)], [(3, 0)], id="the first"),
        pytest.param([(0, 3), (20, 2)], [(3, 0), (2, 20)], id="a smaller one comes to it"),
        pytest.param([(0, 3), (20, 2), (40, 4)], [(4, 40)], id="a larger one makes up for all"),
        pytest.param([(0, 3), (20, 3)], [(3, 20)], id="the same counts from its latest sample"),
        pytest.param([(0, 3), (9, 2)], [(3, 0)], id="one for each eighth, the largest"),
        pytest.param([(0, 3), (9, 2), (10, 2)], [(3, 0), (2, 10)], id="another for the next"),
        pytest.param([(9, 3), (89, 2)], [(3, 9), (2, 89)], id="it counts for its time"),
        pytest.param([(9, 3), (91, 2)], [(2, 91)], id="and no longer than an eighth more"),
    ],
)
def test_what_is_remembered(
    samples: list[tuple[float, int]], expected: list[tuple[int, float]]
) -> None:
    assert after(samples) == tuple(TimedSize(size=n, at=at(s)) for n, s in expected)


def test_a_rule_without_a_time_remembers_the_sample_alone() -> None:
    assert after([(0, 3), (1, 2)], timedelta(0)) == (TimedSize(size=2, at=at(1)),)


@given(
    st.lists(st.tuples(st.floats(0.1, 30), st.integers(0, 1000)), min_size=1, max_size=200),
    st.sampled_from((0, 1, 15, 80, 3600)),
)
def test_the_largest_of_a_rules_time_is_known_and_none_is_kept_for_long(
    steps: list[tuple[float, int]], seconds: int
) -> None:
    within, second, sizes = timedelta(seconds=seconds), 0.0, Sizes()
    samples: list[tuple[datetime, int]] = []
    for step, size in steps:
        second += step
        samples.append((at(second), size))
        sizes = remembered(sizes, size, at(second), within)
        assert sizes == remembered(sizes, size, at(second), within), "the same sample again"
        assert len(sizes) <= 10
        found = max(s.size for s in sizes)
        assert found >= max(n for when, n in samples if at(second) - when <= within)
        assert found <= max(n for when, n in samples if at(second) - when <= within * 9 / 8)
