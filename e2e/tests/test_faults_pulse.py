"""Whether a trial's times are worth anything."""

from pathlib import Path

import pytest

from faults.campaign import is_unjudged
from faults.oracles import Violation
from faults.pulse import MOST, WINDOW, Pulse
from faults.trial import UNANSWERED, Plan, Result
from faults.workloads import WORKLOADS


def test_what_beats_of_one_window_are_late_by_adds_up() -> None:
    pulse = Pulse()
    pulse.beat(10.0, 0.4)
    pulse.beat(11.0, 0.5)
    assert pulse.lateness(0.0) == pytest.approx(0.9)
    pulse.beat(10.5 + WINDOW, 0.3)
    assert pulse.lateness(0.0) == pytest.approx(0.9)
    assert pulse.lateness(12.0) == pytest.approx(0.8), "the first beat is out of its window"
    assert pulse.lateness(20.0) == 0


@pytest.mark.parametrize(
    ("wrong", "lateness", "unjudged"),
    [
        pytest.param("", MOST + 1, False, id="nothing is wrong, however late"),
        pytest.param("4 replicas", MOST, False, id="wrong, and not too late"),
        pytest.param("4 replicas", MOST + 0.1, True, id="wrong, and too late"),
        pytest.param(f"{UNANSWERED}: TimeoutError()", 0.0, True, id="its own step was not taken"),
    ],
)
def test_what_is_wrong_is_judged_where_the_machine_is_not_why(
    wrong: str, lateness: float, *, unjudged: bool
) -> None:
    result = Result(
        plan=Plan(workload=WORKLOADS["heal"]),
        calls=(),
        footprints=(),
        violations=(Violation(oracle="stuck", what=wrong),) if wrong else (),
        counts={},
        pending=(),
        end={},
        seconds=1.0,
        log=Path("none"),
        lateness=lateness,
    )
    assert is_unjudged(result) is unjudged
