"""Connections that count as none, and a victim that starts over."""

from typing import Any

import pytest
from tests.core.fleet import (
    SILENT,
    at,
    drain,
    entered,
    gateway,
    gateways,
    isolated,
    on_both,
    reported,
    resize,
    snapshot,
    spec,
    status,
    target,
)

from imchat_operator.core.decision import (
    Reason,
    SetAccepting,
    StartDrain,
)
from imchat_operator.core.draining import Step, advance
from imchat_operator.core.snapshot import (
    Gateway,
)
from imchat_operator.models import Drain, Phase

DRAINING = drain("a", Phase.DRAINING)
REMOVING = drain("a", Phase.REMOVING)
# 10 s until balancers know it, 600 s to close connections.
TWO = {"spec": spec(draining={"residual": 2})}


def step(record: Drain, found: Gateway, second: float, **fields: Any) -> Step:
    history = status(drains=(record,), resize=resize(4, 3))
    now = snapshot(now=at(second), gateways=(found, *gateways("bcd")), history=history, **fields)
    return advance(now, target(), record, found, 100)


def drained(second: float, message: str, *, cut: int = 0) -> Step:
    return Step(
        drain=entered(DRAINING, Phase.REMOVING, at(second), cut=cut),
        notices=on_both("a", Reason.GATEWAY_DRAINED, message),
    )


ALL = "a closed all its connections in 30.0s, none was cut"
ALL_BUT = (
    "a closed all but {} connections in {:.1f}s: draining.residual is 2, "
    "so they count as none and are cut"
)
GOES_ON = Step(
    drain=DRAINING,
    actions=(
        StartDrain(
            pod="a",
            uid="uid-a",
            connections_per_second=100,
            deadline=spec().draining.deadline,
        ),
    ),
)


def held(connections: int, *, draining: bool = True, restarts: int = 0) -> Gateway:
    return isolated("a", reported(connections, draining=draining), restarts=restarts)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(step(DRAINING, held(0), 30), drained(30, ALL), id="none is left"),
        pytest.param(step(DRAINING, held(1), 30), GOES_ON, id="one is left, and no residual"),
        pytest.param(step(DRAINING, held(0), 30, **TWO), drained(30, ALL), id="none of two"),
        pytest.param(
            step(DRAINING, held(2), 30, **TWO),
            drained(30, ALL_BUT.format(2, 30), cut=2),
            id="the residual",
        ),
        pytest.param(step(DRAINING, held(3), 30, **TWO), GOES_ON, id="one more than the residual"),
        pytest.param(
            step(DRAINING, held(2, draining=False), 30, **TWO),
            GOES_ON,
            id="as few, but it does not know of its drain yet",
        ),
        pytest.param(
            step(DRAINING, held(2, draining=False), 600, **TWO),
            drained(600, ALL_BUT.format(2, 600), cut=2),
            id="nor at the deadline: then it counts",
        ),
    ],
)
def test_connections_up_to_the_residual_count_as_none(found: Step, expected: Step) -> None:
    assert found == expected


STARTS_OVER = Step(drain=entered(REMOVING, Phase.ISOLATING, at(609), restarts=1, connections=1))
STAYS = Step(drain=REMOVING)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(step(REMOVING, held(0), 609), STAYS, id="it is empty"),
        pytest.param(step(REMOVING, held(5), 609), STAYS, id="it still drains what was cut off"),
        pytest.param(
            step(REMOVING, held(1, draining=False, restarts=1), 609),
            STARTS_OVER,
            id="it restarted and serves: it starts over",
        ),
        pytest.param(
            step(REMOVING, gateway("a", 1, restarts=1), 609),
            Step(
                drain=STARTS_OVER.drain,
                actions=(SetAccepting(pod="a", uid="uid-a", accepting=False),),
            ),
            id="it is isolated again, too",
        ),
        pytest.param(
            step(REMOVING, held(0, draining=False, restarts=1), 609), STAYS, id="restarted, empty"
        ),
        pytest.param(
            step(REMOVING, held(2, draining=False), 609),
            STAYS,
            id="it knows of no drain, and was cut off",
        ),
        pytest.param(step(REMOVING, isolated("a", SILENT), 609), STAYS, id="it does not answer"),
    ],
)
def test_a_drained_victim_that_restarted_and_serves_starts_over(
    found: Step, expected: Step
) -> None:
    assert found == expected
