"""A clock that is set while something is waited for: nothing is hastened, nothing put off."""

from datetime import timedelta

import pytest
from tests.core.fleet import (
    at,
    gateway,
    gateways,
    isolated,
    repair,
    snapshot,
    spec,
    status,
    streak,
    suspect,
)

from imchat_operator.core.clock import rebased
from imchat_operator.core.planner import decide
from imchat_operator.models import Direction, Drain, ImChatClusterStatus, LastResize, Phase, Storm

HOUR = timedelta(hours=1)


LEFT = status(drains=(repair("d", Phase.DRAINING, since=at(-60)),))
FLEET = (*gateways("abc"), isolated("d", 200))
PATIENT = spec(draining={"deadline": "10m"})


def an_hour_off(step: timedelta, history: ImChatClusterStatus) -> Drain:
    """Return the drain as it is after a pass by a clock that was set by an hour."""
    found = snapshot(spec=PATIENT, gateways=FLEET, history=history, now=at(0) + step)
    (drain,) = decide(found).status.drains
    return drain


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forth", "back"])
def test_a_drain_keeps_what_is_left_of_its_deadline(step: timedelta) -> None:
    drain = an_hour_off(step, rebased(LEFT, step))
    assert (drain.phase, drain.phase_since) == (Phase.DRAINING, at(-60) + step)


def test_a_drain_would_be_over_if_the_clock_were_believed() -> None:
    assert an_hour_off(HOUR, LEFT).phase is Phase.REMOVING


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forth", "back"])
def test_a_replacement_that_came_meanwhile_is_known_by_its_birth_and_the_drain_goes_on(
    step: timedelta,
) -> None:
    surging = repair("d", Phase.SURGING, since=at(-60), started_at=at(-60))
    other = gateway("e", created_at=at(-30))
    fleet = (*gateways("abc"), isolated("d", 200, released="v1"), other)
    history = rebased(status(drains=(surging,)), step)
    (drain,) = decide(
        snapshot(spec=PATIENT, gateways=fleet, history=history, now=at(0) + step)
    ).status.drains
    assert (drain.phase, drain.by) == (Phase.ISOLATING, "e")
    assert drain.phase_since == at(-60) + step, "it is out of rotation since then"


def test_no_step_changes_nothing() -> None:
    assert rebased(LEFT, timedelta()) is LEFT


def test_all_that_is_waited_for_moves_and_what_people_planned_stays() -> None:
    history = ImChatClusterStatus(
        suspects=(suspect("a", "Unresponsive", at(-7)),),
        last_resizes=(LastResize(direction=Direction.UP, at=at(-5)),),
        storm=Storm(reason="StormGate", since=at(-9)),
        repairs_begun=(at(-100),),
        streaks=(streak("above 70% for 1m", at(-60), at(0)),),
    )
    moved = rebased(history, HOUR)
    assert moved.suspects[0].since == history.suspects[0].since + HOUR
    assert moved.last_resizes[0].at == at(-5) + HOUR
    assert moved.storm == Storm(reason="StormGate", since=at(-9) + HOUR)
    assert moved.repairs_begun == (at(-100) + HOUR,)
    assert moved.streaks == history.streaks
    assert rebased(moved, -HOUR) == history
