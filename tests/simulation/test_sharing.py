"""Shares of whole connections: none is lost, none is made, none goes to a full gateway."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imchat_operator.simulation.sharing import Balancing, arrivals, departures

HELD = st.lists(st.integers(0, 100), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("balancing", "held", "count", "turn", "shares"),
    [
        pytest.param("round-robin", [0, 0, 0], 7, 0, [3, 2, 2], id="round robin is even"),
        pytest.param("round-robin", [0, 0, 0], 1, 2, [0, 0, 1], id="and goes on from its turn"),
        pytest.param("round-robin", [90, 0], 10, 0, [5, 5], id="whatever a gateway holds"),
        pytest.param("round-robin", [98, 0, 0], 12, 0, [2, 5, 5], id="a full one refuses"),
        pytest.param("round-robin", [99, 99], 9, 0, [1, 1], id="all are full in the end"),
        pytest.param("least-connections", [90, 0], 10, 0, [0, 10], id="the lowest takes all"),
        pytest.param("least-connections", [9, 0, 4], 7, 0, [0, 6, 1], id="up to one level"),
        pytest.param("least-connections", [99, 98], 9, 0, [1, 2], id="until all are full"),
        pytest.param("least-connections", [5, 5], 3, 0, [2, 1], id="equals share"),
    ],
)
def test_arrivals(
    balancing: str, held: list[int], count: int, turn: int, shares: list[int]
) -> None:
    assert arrivals(Balancing(balancing), held, count, 100, turn) == shares


@given(st.sampled_from(Balancing), HELD, st.integers(0, 900), st.integers(0, 7))
def test_all_that_arrive_are_taken_while_there_is_room(
    balancing: Balancing, held: list[int], count: int, turn: int
) -> None:
    shares = arrivals(balancing, held, count, 100, turn % len(held))
    assert all(0 <= share <= 100 - h for share, h in zip(shares, held, strict=True))
    assert sum(shares) == min(count, sum(100 - h for h in held))


@given(HELD, st.integers(0, 900))
def test_least_connections_leaves_no_gateway_two_below_one_that_took(
    held: list[int], count: int
) -> None:
    shares = arrivals(Balancing.LEAST_CONNECTIONS, held, count, 100, 0)
    after = [h + share for h, share in zip(held, shares, strict=True)]
    takers = [a for a, share in zip(after, shares, strict=True) if share]
    assert max(takers, default=0) <= min(after) + 1


@pytest.mark.parametrize(
    ("held", "count", "shares"),
    [
        pytest.param([60, 30, 10], 10, [6, 3, 1], id="in proportion"),
        pytest.param([60, 0, 40], 100, [60, 0, 40], id="all"),
        pytest.param([0, 0], 0, [0, 0], id="nothing of nothing"),
    ],
)
def test_departures(held: list[int], count: int, shares: list[int]) -> None:
    assert departures(held, count, 0.0) == shares


@given(HELD, st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_departures_are_exact_and_fair(held: list[int], part: float, phase: float) -> None:
    count = int(sum(held) * part)
    shares = departures(held, count, phase)
    assert sum(shares) == count
    for share, h in zip(shares, held, strict=True):
        assert 0 <= share <= h
        assert abs(share - count * h / max(1, sum(held))) < 1
