"""What does not go is deleted by force where nothing can run any more, and told elsewhere."""

from typing import Any

import pytest
from tests.core.ailing import stuck
from tests.core.decisions import messages
from tests.core.fleet import SILENT, at, gateways, reported, suspect
from tests.core.fleet import repair as repair_of
from tests.core.repairs import after, decided, healing, seen

from imchat_operator.core.decision import Delete, Outcome
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Gateway, Node
from imchat_operator.models import Phase

OFF = Node(name="n", exists=False)
FORCED = Delete(pod="a", uid="uid-a", resource_version="5", force=True)
TEXT = (
    "a is deleted by force, its grace period ended at 2026-11-23 11:58:30 UTC: "
    "node n is off, nothing runs there any more"
)
HISTORIES: list[Any] = [
    pytest.param({}, id="by somebody else"),
    pytest.param({"drains": (repair_of("a", Phase.REPLACING),)}, id="by a repair"),
]


@pytest.mark.parametrize("history", HISTORIES)
def test_a_pod_of_a_node_that_is_off_is_deleted_by_force_and_told_once(
    history: dict[str, Any],
) -> None:
    found = seen(stuck("a", node=OFF), *gateways("bcd"), history=history)
    first = decide(found)
    assert first.actions == (FORCED,)
    assert messages(first, "GatewayDeleted") == [TEXT, TEXT], "on the cluster and on the pod"
    refused = (Outcome(action=FORCED, refused="HTTP 403: forbidden"),)
    second = decide(after(found, first, at(1), outcomes=refused))
    assert second.actions == (FORCED,)
    assert second.status is first.status, "refused: asked for again, and not told again"


@pytest.mark.parametrize("history", HISTORIES)
def test_a_pod_that_hangs_on_a_node_that_lives_is_told_once_in_time(
    history: dict[str, Any],
) -> None:
    found = seen(stuck("a"), *gateways("bcd"), history=history)
    first = decide(found)
    assert messages(first, "ActionRequired") == []
    second = decide(after(found, first, at(59.999)))
    assert messages(second, "ActionRequired") == []
    third = decide(after(found, second, at(60)))
    assert len(messages(third, "ActionRequired")) == 2
    fourth = decide(after(found, third, at(61)))
    assert fourth.actions == ()
    assert messages(fourth, "ActionRequired") in ([], messages(third, "ActionRequired"))
    assert {e.name for e in fourth.status.pending_events} <= {
        e.name for e in third.status.pending_events
    }


LONG = {"suspects": (suspect("a", "StuckTerminating", at(-600)),)}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(stuck("a", node=Node(name="n", ready=False, lapsed=True)), id="not known off"),
        pytest.param(stuck("a", reported(3), node=OFF), id="off, and the gateway answers"),
        pytest.param(stuck("a", SILENT, node=OFF, finalizers=("x/y",)), id="a finalizer holds it"),
    ],
)
def test_force_is_for_what_is_certainly_off_only(found: Gateway) -> None:
    decision = decided(found, *gateways("bcd"), history=LONG)
    assert decision.actions == ()
    assert healing(decision)[:2] == ("False", "ActionRequired")
    assert len(messages(decision, "ActionRequired")) == 2


def test_a_pod_that_leaves_in_its_grace_period_is_nobodys_concern() -> None:
    decision = decided(stuck("a", deletion_due=at(1)), *gateways("bcd"))
    assert healing(decision)[1] == "AllHealthy"
