"""Drains of gateways that can't be reached: what is lost is told."""

from datetime import timedelta

import pytest
from tests.core.fleet import (
    NOT_ASKED,
    SILENT,
    at,
    drain,
    entered,
    gateways,
    isolated,
    on_both,
    repair,
    snapshot,
    status,
    target,
)

from imchat_operator.core.decision import (
    Reason,
    StartDrain,
)
from imchat_operator.core.draining import Step, advance
from imchat_operator.core.snapshot import Gateway, Silent
from imchat_operator.models import Drain, Phase

# The defaults: 10 s until load balancers know, 10 min for the drain, 30 s of silence are a hang.
DRAIN = StartDrain(pod="a", uid="uid-a", connections_per_second=50, deadline=timedelta(minutes=10))


def step(record: Drain, found: Gateway, second: float) -> Step:
    """Advance one drain in a fleet of four, at a pace of 50 connections a second."""
    fleet = (found, *gateways("bcd"))
    now = snapshot(now=at(second), gateways=fleet, history=status(drains=(record,)))
    return advance(now, target(replicas=4), record, found, 50)


DRAINING = drain("a", Phase.DRAINING)


def lost(record: Drain, second: float, why: str, count: str) -> Step:
    cut = int(count) if count.isdigit() else 0
    return Step(
        drain=entered(record, Phase.REMOVING, at(second), cut=cut),
        notices=on_both(
            "a",
            Reason.CONNECTIONS_CUT,
            f"a can't be drained ({why}): {count} connections are lost with it",
            warning=True,
        ),
    )


def silent_since(second: float, record: Drain = DRAINING) -> Drain:
    return record.model_copy(update={"silent_since": at(second)})


@pytest.mark.parametrize(
    ("record", "found", "second", "expected"),
    [
        pytest.param(
            silent_since(10),
            isolated("a", SILENT),
            39.999,
            Step(drain=silent_since(10), actions=(DRAIN,)),
            id="silent for a moment less than a hang",
        ),
        pytest.param(
            silent_since(10),
            isolated("a", SILENT),
            40,
            lost(silent_since(10), 40, "no answer within 2s", "300"),
            id="silent for as long as a hang",
        ),
        pytest.param(
            silent_since(10),
            isolated("a", 120),
            40,
            Step(drain=DRAINING, actions=(DRAIN,)),
            id="answers again",
        ),
        pytest.param(
            DRAINING,
            isolated("a", SILENT, running=False),
            10,
            lost(silent_since(10), 10, "no answer within 2s", "300"),
            id="silent because it does not run any more",
        ),
        pytest.param(
            DRAINING,
            isolated("a", SILENT, node_ready=False),
            10,
            lost(silent_since(10), 10, "no answer within 2s", "300"),
            id="silent on a node that is not ready",
        ),
        pytest.param(
            DRAINING,
            isolated("a", node_ready=False),
            10,
            Step(drain=DRAINING, actions=(DRAIN,)),
            id="answers from a node that is not ready",
        ),
        pytest.param(
            DRAINING,
            isolated("a", Silent(why="no answer within 2s"), running=False),
            10,
            lost(silent_since(10), 10, "no answer within 2s", "an unknown number of"),
            id="what it held is not known after a restart of the operator",
        ),
        pytest.param(
            repair("a", Phase.DRAINING),
            isolated("a", NOT_ASKED, running=False),
            10,
            lost(repair("a", Phase.DRAINING), 10, "it does not run", "0"),
            id="does not run and has no address",
        ),
        pytest.param(
            repair("a", Phase.DRAINING),
            isolated("a", NOT_ASKED),
            10,
            Step(drain=repair("a", Phase.DRAINING), actions=(DRAIN,)),
            id="runs and has not been asked yet",
        ),
        pytest.param(
            repair("a", Phase.DRAINING),
            isolated("a", SILENT),
            10,
            Step(drain=silent_since(10, repair("a", Phase.DRAINING)), actions=(DRAIN,)),
            id="a gateway under repair that misses one answer is not given up",
        ),
        pytest.param(
            silent_since(-30, repair("a", Phase.ISOLATING)),
            isolated("a", SILENT),
            1,
            lost(silent_since(-30, repair("a", Phase.ISOLATING)), 1, "no answer within 2s", "300"),
            id="a gateway under repair for its silence is not waited for again",
        ),
    ],
)
def test_out_of_reach(record: Drain, found: Gateway, second: float, expected: Step) -> None:
    assert step(record, found, second) == expected
