"""Of several ImChatClusters that name one workload the oldest acts, and the others say for whom."""

from datetime import timedelta

import pytest
from tests.core.decisions import condition
from tests.core.fleet import at, resize, snapshot, status, victim

from imchat_operator.core.claims import Claim, Workload, elder
from imchat_operator.core.ending import released
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import TargetClaimed
from imchat_operator.models import Peak

WORKLOAD = Workload(namespace="chat", group="apps", kind="Deployment", name="gateway")


def claim(name: str, seconds: float = 0, uid: str = "") -> Claim:
    return Claim(uid=uid or f"uid-{name}", name=name, created_at=at(seconds), workload=WORKLOAD)


@pytest.mark.parametrize(
    ("claims", "asks", "expected"),
    [
        pytest.param([], "uid-a", None, id="nobody has been seen"),
        pytest.param([claim("a")], "uid-a", None, id="alone"),
        pytest.param([claim("a"), claim("b", 1)], "uid-a", None, id="the older of two"),
        pytest.param([claim("b", 1), claim("a")], "uid-b", "a", id="the younger of two"),
        pytest.param([claim("b"), claim("a")], "uid-b", "a", id="as old: the first by name"),
        pytest.param([claim("b"), claim("a")], "uid-a", None, id="as old, and the first by name"),
        pytest.param(
            [claim("c", 2), claim("b", 1), claim("a", 3)], "uid-a", "b", id="all wait for one"
        ),
        pytest.param(
            [claim("a", uid="2"), claim("a", uid="1")], "2", "a", id="one that was just replaced"
        ),
    ],
)
def test_who_has_a_workload(claims: list[Claim], asks: str, expected: str | None) -> None:
    found = elder(claims, asks)
    assert (found.name if found else None) == expected


SEEN = (Peak(slot=3, period=20000, load=2500),)
SHRINKING = status(drains=(victim("d"),), resize=resize(4, 3), peaks=SEEN)
WHY = (
    "spec.targetRef: Deployment gateway is what ImChatCluster first acts on, which is older; "
    "this one does nothing until that one is gone or either names another workload"
)


def test_the_younger_does_nothing_and_names_the_older() -> None:
    decision = decide(snapshot(target=TargetClaimed(by="first"), gateways=(), history=SHRINKING))
    assert decision.actions == ()
    assert condition(decision, "Ready") == ("False", "TargetClaimed", WHY)
    for kind in ("MetricsAvailable", "Scaling", "Healing"):
        assert condition(decision, kind) == ("Unknown", "Waiting", "waits for the target")
    assert [e.reason for e in decision.status.pending_events] == ["TargetClaimed"]
    assert decision.next_check == timedelta(seconds=10)


def test_the_younger_leaves_its_drains_to_the_older_and_keeps_what_it_learned() -> None:
    decision = decide(snapshot(target=TargetClaimed(by="first"), gateways=(), history=SHRINKING))
    assert (decision.status.drains, decision.status.resize) == ((), None)
    assert not decision.is_under_way, "its deletion waits for nothing"
    assert decision.status.peaks == SEEN


def test_a_younger_that_is_deleted_readmits_nobody_that_the_older_drains() -> None:
    left = released(snapshot(target=TargetClaimed(by="first"), gateways=(), history=SHRINKING))
    assert left.actions == ()
