"""Gateways that answer but can't be told to drain: they are left to their preStop hook."""

from typing import Any

import pytest
from tests.core.fleet import (
    SILENT,
    at,
    drain,
    entered,
    gateways,
    isolated,
    on_both,
    reported,
    snapshot,
    spec,
    status,
    target,
)

from imchat_operator.core.decision import Outcome, Reason, StartDrain
from imchat_operator.core.draining import Step, advance
from imchat_operator.core.snapshot import Gateway, Unreadable
from imchat_operator.models import Drain, Phase, Purpose

DRAINING = drain("a", Phase.DRAINING)
QUARANTINE = drain("a", Phase.DRAINING, purpose=Purpose.QUARANTINE)
TOLD = StartDrain(
    pod="a", uid="uid-a", connections_per_second=50, deadline=spec().draining.deadline
)
GOES_ON = Step(drain=DRAINING, actions=(TOLD,))
WHY = "answered HTTP 404"
NEVER = Outcome(action=TOLD, refused=WHY, is_final=True)
NOT_NOW = Outcome(action=TOLD, refused="answered HTTP 503")
OF_ANOTHER = Outcome(
    action=StartDrain(
        pod="b", uid="uid-b", connections_per_second=50, deadline=spec().draining.deadline
    ),
    refused=WHY,
    is_final=True,
)


def step(
    found: Gateway, second: float, answer: Outcome | None = NEVER, record: Drain = DRAINING
) -> Step:
    """Advance a drain that began at second 0; 30 s of silence would be a hang."""
    now = snapshot(
        now=at(second),
        gateways=(found, *gateways("bcd")),
        history=status(drains=(record,)),
        outcomes=(answer,) if answer else (),
    )
    return advance(now, target(replicas=4), record, found, 50)


def hooked(reading: Any = 300) -> Gateway:
    return isolated("a", reading, has_pre_stop=True)


def left(fate: str, count: str = "300", *, warning: bool = False, record: Drain = DRAINING) -> Step:
    """Return the step that goes on to the removal."""
    known = int(count) if count.isdigit() else 0
    message = f"a can't be told to drain ({WHY}): {count} connections {fate}"
    return Step(
        drain=entered(record, Phase.REMOVING, at(30), left=known),
        notices=on_both("a", Reason.DRAIN_REFUSED, message, warning=warning),
    )


HOOK = "are left to its preStop hook"
NO_HOOK = "are lost unless it closes them on SIGTERM, as it has no preStop hook"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(step(hooked(), 29.999), GOES_ON, id="it may be starting: a hang's patience"),
        pytest.param(step(hooked(), 30), left(HOOK), id="it has a hook, which closes them"),
        pytest.param(
            step(hooked(Unreadable(why=WHY)), 30),
            left(HOOK, "an unknown number of"),
            id="it tells no figures either",
        ),
        pytest.param(
            step(isolated("a", 300), 30),
            left(NO_HOOK, warning=True),
            id="it has no hook: a warning",
        ),
        pytest.param(
            step(hooked(), 30, record=QUARANTINE),
            left("stay open", record=QUARANTINE),
            id="it is kept in quarantine",
        ),
        pytest.param(step(hooked(), 30, NOT_NOW), GOES_ON, id="it refuses for now"),
        pytest.param(step(hooked(), 30, None), GOES_ON, id="it has not been asked since a restart"),
        pytest.param(step(hooked(), 30, OF_ANOTHER), GOES_ON, id="another one has no drain"),
        pytest.param(
            step(hooked(reported(300, draining=True)), 30), GOES_ON, id="its figures say it drains"
        ),
    ],
)
def test_a_gateway_without_a_drain_is_left_to_its_hook(found: Step, expected: Step) -> None:
    assert found == expected


def test_one_that_is_empty_is_drained() -> None:
    found = step(hooked(0), 30)
    message = "a closed all its connections in 30.0s, none was cut"
    assert found.drain == entered(DRAINING, Phase.REMOVING, at(30))
    assert found.notices == on_both("a", Reason.GATEWAY_DRAINED, message)


def test_one_that_falls_silent_is_waited_for_as_any() -> None:
    silent = DRAINING.model_copy(update={"silent_since": at(30)})
    assert step(isolated("a", SILENT, has_pre_stop=True), 30, NOT_NOW) == Step(
        drain=silent, actions=(TOLD,)
    )
