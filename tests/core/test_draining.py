from datetime import timedelta

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
    snapshot,
    status,
    target,
)

from imchat_operator.core.decision import (
    Reason,
    SetAccepting,
    StartDrain,
)
from imchat_operator.core.draining import Step, advance
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase

# The defaults: 10 s until load balancers know, 10 min for the drain, 30 s of silence are a hang.
ISOLATE = SetAccepting(pod="a", uid="uid-a", accepting=False)
DRAIN = StartDrain(pod="a", uid="uid-a", connections_per_second=50, deadline=timedelta(minutes=10))


def step(record: Drain, found: Gateway, second: float) -> Step:
    """Advance one drain in a fleet of four, at a pace of 50 connections a second."""
    fleet = (found, *gateways("bcd"))
    now = snapshot(now=at(second), gateways=fleet, history=status(drains=(record,)))
    return advance(now, target(replicas=4), record, found, 50)


ISOLATING = drain("a", Phase.ISOLATING)
DRAINING = drain("a", Phase.DRAINING)
TO_DRAINING = Step(
    drain=entered(ISOLATING, Phase.DRAINING, at(10)),
    actions=(DRAIN,),
    notices=on_both("a", Reason.GATEWAY_DRAINING, "a closes 300 connections, 50 a second"),
)


@pytest.mark.parametrize(
    ("found", "second", "expected"),
    [
        pytest.param(
            gateway("a"),
            1,
            Step(drain=ISOLATING, actions=(ISOLATE,)),
            id="its gate is switched off",
        ),
        pytest.param(isolated("a"), 1, Step(drain=ISOLATING), id="once it is off, time passes"),
        pytest.param(isolated("a"), 9.999, Step(drain=ISOLATING), id="a moment before the delay"),
        pytest.param(isolated("a"), 10, TO_DRAINING, id="after the delay it is drained"),
        pytest.param(
            gateway("a"),
            10,
            Step(drain=ISOLATING, actions=(ISOLATE,)),
            id="a gate that is not off yet is waited for",
        ),
        pytest.param(
            gateway("a", accepting=None), 1, Step(drain=ISOLATING), id="without a gate, time passes"
        ),
        pytest.param(
            gateway("a", accepting=None), 10, TO_DRAINING, id="without a gate it is drained as well"
        ),
        pytest.param(
            isolated("a", SILENT),
            9,
            Step(drain=entered(ISOLATING, Phase.ISOLATING, at(0), silent_since=at(9))),
            id="when it falls silent that is noted",
        ),
    ],
)
def test_isolating(found: Gateway, second: float, expected: Step) -> None:
    assert step(ISOLATING, found, second) == expected


@pytest.mark.parametrize(
    ("found", "second", "expected"),
    [
        pytest.param(
            isolated("a", 299),
            1,
            Step(drain=DRAINING, actions=(DRAIN,)),
            id="the order is repeated, which changes nothing",
        ),
        pytest.param(
            gateway("a", reported(10, draining=True)),
            1,
            Step(drain=DRAINING, actions=(ISOLATE, DRAIN)),
            id="a gate that somebody switched on is switched off",
        ),
        pytest.param(
            isolated("a", 0),
            1,
            Step(drain=DRAINING, actions=(DRAIN,)),
            id="no connections, but it has not agreed to drain yet",
        ),
        pytest.param(
            isolated("a", reported(1, draining=True)),
            599.999,
            Step(drain=DRAINING, actions=(DRAIN,)),
            id="one connection left, a moment before the deadline",
        ),
        pytest.param(
            isolated("a", reported(0, draining=True)),
            6,
            Step(
                drain=entered(DRAINING, Phase.REMOVING, at(6)),
                notices=on_both(
                    "a",
                    Reason.GATEWAY_DRAINED,
                    "a closed all its connections in 6.0s, none was cut",
                ),
            ),
            id="no connections left",
        ),
        pytest.param(
            isolated("a", reported(12, draining=True)),
            600,
            Step(
                drain=entered(DRAINING, Phase.REMOVING, at(600), cut=12),
                notices=on_both(
                    "a",
                    Reason.CONNECTIONS_CUT,
                    "a is removed with 12 connections still open, which are cut: "
                    "the drain's deadline of 10m has passed",
                    warning=True,
                ),
            ),
            id="at the deadline what is left is cut, and told",
        ),
        pytest.param(
            isolated("a", 0),
            600,
            Step(
                drain=entered(DRAINING, Phase.REMOVING, at(600)),
                notices=on_both(
                    "a",
                    Reason.GATEWAY_DRAINED,
                    "a closed all its connections in 600.0s, none was cut",
                ),
            ),
            id="at the deadline nothing is left: none is cut",
        ),
        pytest.param(
            isolated("a", SILENT),
            600,
            Step(
                drain=entered(DRAINING, Phase.REMOVING, at(600), silent_since=at(600), cut=300),
                notices=on_both(
                    "a",
                    Reason.CONNECTIONS_CUT,
                    "a can't be drained (no answer within 2s): 300 connections are lost with it",
                    warning=True,
                ),
            ),
            id="silent at the deadline: what it last held is cut, and told",
        ),
    ],
)
def test_draining(found: Gateway, second: float, expected: Step) -> None:
    assert step(DRAINING, found, second) == expected
