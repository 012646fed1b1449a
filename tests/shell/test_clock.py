"""A wall clock that is set, or runs too fast, is told from time that goes by."""

from datetime import timedelta

import pytest

from imchat_operator.shell.clock import WallClock


class Clocks:
    """Two clocks; the wall's may be set and may run at a rate of its own."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.steady = 50.0

    def passed(self, seconds: float, rate: float = 1.0) -> None:
        """Let time go by, the wall clock at its own rate."""
        self.steady += seconds
        self.wall += seconds * rate


def compared() -> tuple[Clocks, WallClock]:
    clocks = Clocks()
    return clocks, WallClock(lambda: clocks.wall, lambda: clocks.steady)


def seconds(clock: WallClock) -> float:
    found = clock.step().total_seconds()
    clock.reckoned()
    return found


def test_time_that_goes_by_is_no_step() -> None:
    clocks, clock = compared()
    clocks.passed(3600)
    assert clock.step() == timedelta()


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_is_told_until_it_is_reckoned_with(step: float) -> None:
    clocks, clock = compared()
    clocks.wall += step
    assert clock.step() == clock.step() == timedelta(seconds=step)
    clock.reckoned()
    assert clock.step() == timedelta()


def test_a_step_that_comes_before_another_is_reckoned_with_is_in_the_sum() -> None:
    clocks, clock = compared()
    clocks.wall += 600
    assert clock.step() == timedelta(minutes=10)
    clocks.wall += 60
    assert seconds(clock) == pytest.approx(660)


def test_a_clock_at_double_rate_gains_nothing_in_the_long_run() -> None:
    clocks, clock = compared()
    gained = 0.0
    for _ in range(100):
        clocks.passed(1, rate=2)
        gained += seconds(clock)
    assert gained == pytest.approx(100, abs=5)
