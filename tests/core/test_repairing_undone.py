"""A repair of a gateway that is well is undone when its cause is gone, before it is removed."""

from typing import Any

import pytest
from tests.core.decisions import messages
from tests.core.fleet import SILENT, gateway, gateways, isolated, reported
from tests.core.ladder import moved, step, told
from tests.core.repairs import decided

from imchat_operator.core.decision import Adopt, CancelDrain, Reason, SetAccepting
from imchat_operator.core.draining import Step
from imchat_operator.core.snapshot import Gateway, Node
from imchat_operator.models import Phase

MOVABLE = [Phase.SURGING, Phase.ISOLATING, Phase.DRAINING]
UNDONE = Step(
    drain=None,
    notices=told(
        Reason.REMEDIATION_UNDONE,
        "a stays, and takes connections again: its cause is gone (NodeLeaving: node n goes away)",
    ),
)


def on(reading: int = 300, **node: Any) -> Gateway:
    return isolated("a", reading, released="v1", node=Node(name="n", **node))


@pytest.mark.parametrize("phase", MOVABLE)
@pytest.mark.parametrize(
    ("ailment", "found"),
    [
        pytest.param("NodeLeaving", on(), id="the node was uncordoned"),
        pytest.param("NodeNotReady", on(), id="the node is ready again"),
        pytest.param("NodePressure", on(), id="the node has room again"),
        pytest.param("DrainRequested", on(), id="the annotation was removed"),
        pytest.param("QuarantineRequested", on(), id="quarantine is not asked for any more"),
        pytest.param("NodeLeaving", on(pressures=("MemoryPressure",)), id="whatever else there is"),
    ],
)
def test_it_stays_when_its_cause_is_gone(ailment: str, found: Gateway, phase: Phase) -> None:
    assert step(moved(phase, ailment), (found, *gateways("bcd")), 5) == UNDONE


@pytest.mark.parametrize("phase", MOVABLE)
@pytest.mark.parametrize(
    ("ailment", "found"),
    [
        pytest.param("NodeLeaving", on(cordoned=True), id="the node is still cordoned"),
        pytest.param("NodeLeaving", on(leaving="a taint"), id="the node still leaves"),
        pytest.param("NodeLeaving", on(exists=False), id="the node is gone"),
        pytest.param("NodeNotReady", on(ready=False), id="the node is still not ready"),
        pytest.param("NodePressure", on(pressures=("DiskPressure",)), id="under another pressure"),
        pytest.param(
            "DrainRequested", isolated("a", drain_requested=True), id="still asked to be drained"
        ),
        pytest.param(
            "QuarantineRequested", isolated("a", quarantine=""), id="still asked to be kept"
        ),
        pytest.param("NodeLeaving", isolated("a", SILENT), id="well no more: it is silent"),
        pytest.param("Unresponsive", on(), id="ill ones leave, though they answer again"),
        pytest.param("NotReady", on(), id="ill ones leave, though they are ready again"),
    ],
)
def test_it_leaves_while_its_cause_lasts(ailment: str, found: Gateway, phase: Phase) -> None:
    after = step(moved(phase, ailment), (found, *gateways("bcd")), 5)
    assert after.drain is not None
    assert after.drain.phase is phase


@pytest.mark.parametrize("phase", [Phase.REMOVING, Phase.DELETING])
def test_once_it_is_being_removed_it_goes(phase: Phase) -> None:
    record = moved(phase)
    found = step(record, (on(0), *gateways("bcd")), 5)
    assert (found.drain, len(found.actions)) == (record, 1)


def returning(found: Gateway) -> list[object]:
    """Return what is done about a gateway whose drain was undone."""
    record = moved(Phase.DRAINING, "DrainRequested")
    decision = decided(found, *gateways("bcd"), history={"drains": (record,)})
    assert decision.status.drains == ()
    assert len(messages(decision, "RemediationUndone")) == 2
    return list(decision.actions)


CANCEL = CancelDrain(pod="a", uid="uid-a")
ADMIT = SetAccepting(pod="a", uid="uid-a", accepting=True)
ADOPT = Adopt(pod="a", uid="uid-a", revision="v1")
CLOSING = reported(9, draining=True)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(isolated("a", CLOSING), [CANCEL, ADMIT], id="it keeps its connections"),
        pytest.param(
            isolated("a", CLOSING, released="v1"),
            [CANCEL, ADMIT],
            id="its ReplicaSet has it back only once it is ready",
        ),
        pytest.param(gateway("a", released="v1"), [ADOPT], id="it is ready"),
        pytest.param(
            gateway("a", released="v1", ready=False),
            [],
            id="its gate is on, and it is not ready yet",
        ),
        pytest.param(
            gateway("a", released="v1", accepting=None), [ADOPT], id="it has no readiness gate"
        ),
    ],
)
def test_what_is_undone_is_a_full_member_again(found: Gateway, expected: list[object]) -> None:
    assert returning(found) == expected
