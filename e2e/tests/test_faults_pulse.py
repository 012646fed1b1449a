"""Whether a trial's times are worth anything."""

import pytest

from faults.pulse import WINDOW, Pulse


def test_what_beats_of_one_window_are_late_by_adds_up() -> None:
    pulse = Pulse()
    pulse.beat(10.0, 0.4)
    pulse.beat(11.0, 0.5)
    assert pulse.lateness(0.0) == pytest.approx(0.9)
    pulse.beat(10.5 + WINDOW, 0.3)
    assert pulse.lateness(0.0) == pytest.approx(0.9)
    assert pulse.lateness(12.0) == pytest.approx(0.8), "the first beat is out of its window"
    assert pulse.lateness(20.0) == 0
