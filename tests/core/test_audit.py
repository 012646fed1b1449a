"""What the audit tells of each action: who, what, why, and what it changes."""

from typing import Any

import pytest
from tests.core.decisions import HIGH, LOW, decided, policy
from tests.core.fleet import (
    SILENT,
    at,
    drain,
    evict,
    gateway,
    gateways,
    isolated,
    repair,
    resize,
    snapshot,
    spec,
    status,
    window,
)

from imchat_operator.core.audit import Entry, entry, proposals
from imchat_operator.core.decision import Action, Outcome, Scale, SetAccepting, StartDrain
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Snapshot
from imchat_operator.models import Phase, Purpose


def entries(found: Snapshot) -> list[Entry]:
    """Return the entries of all that is decided on, as if all of it were done."""
    decision = decide(found)
    return [entry(found, decision, Outcome(action=a)) for a in decision.actions]


def high(**fields: Any) -> Snapshot:
    """Return a fleet that has been loaded for long enough to grow."""
    return snapshot(
        now=at(0),
        history=status(streaks=(HIGH,)),
        spec=policy(),
        gateways=gateways("abcd", 800),
        **fields,
    )


def test_a_growth_tells_its_rule_and_both_sizes() -> None:
    [found] = entries(high())
    assert found == Entry(
        decision=decide(high()).id,
        origin=decide(high()).id,
        action="Scale",
        kind="Deployment",
        name="gateway",
        uid="",
        asked_by="",
        window="",
        approved_by="",
        reason="ScalingUp",
        why=found.why,
        before=(("replicas", 4), ("ready", 4), ("connections", 3200), ("utilizationPercent", 80)),
        after=(("replicas", found.after[0][1]),),
        outcome="Done",
    )
    assert found.after[0][1] > 4
    assert found.why.startswith("above 70% for 1m (now 80%, connections)")


def test_a_refusal_changes_nothing_and_tells_why() -> None:
    decision = decide(high())
    refusal = Outcome(action=decision.actions[0], refused="the target has changed")
    found = entry(high(), decision, refusal)
    assert (found.outcome, found.after, found.refused) == ("Refused", (), "the target has changed")


@pytest.mark.parametrize(
    ("purpose", "reason"),
    [
        pytest.param(Purpose.SCALE_DOWN, "ScalingDown", id="a scale-down"),
        pytest.param(Purpose.HEALING, "Remediating", id="a repair"),
        pytest.param(Purpose.REBALANCE, "Rebalancing", id="a rebalance"),
        pytest.param(Purpose.QUARANTINE, "GatewayQuarantined", id="quarantine"),
    ],
)
def test_a_step_of_a_drain_goes_back_to_the_decision_that_began_it(
    purpose: Purpose, reason: str
) -> None:
    record = drain("a", Phase.DRAINING, purpose=purpose, cause="the cause with its figures")
    found = snapshot(gateways=(isolated("a", 250, asked_by="kubectl-annotate"), gateway("b")))
    action = StartDrain(pod="a", uid="uid-a", connections_per_second=20, deadline=at(9) - at(0))
    decision = decide(found)
    under_way = decision.status.model_copy(update={"drains": (record,)})
    one = entry(found, _with(decision, under_way), Outcome(action=action))
    assert (one.decision, one.origin, one.reason) == (decision.id, "d1", reason)
    assert one.why == "the cause with its figures"
    assert one.asked_by == "kubectl-annotate"
    assert one.before[-1] == ("gatewayConnections", 250)
    assert one.after == (("gatewayConnections", 0), ("connectionsPerSecond", 20))


def _with(decision: Any, after: Any) -> Any:
    return type(decision)(
        id=decision.id, actions=decision.actions, status=after, next_check=decision.next_check
    )


def test_a_new_gateway_is_readmitted_by_nobodys_drain() -> None:
    found = snapshot(gateways=(*gateways("abc"), isolated("d", 0)))
    [one] = entries(found)
    assert (one.action, one.name, one.reason) == ("SetAccepting", "d", "Readmitted")
    assert one.origin == one.decision
    assert one.after == (("accepting", 1),)


def test_a_readmission_after_a_drain_goes_back_to_that_drain() -> None:
    """The load is back: the victim of a scale-down takes connections again."""
    found = snapshot(
        gateways=(isolated("a", 100), *gateways("bcd", 900)),
        history=status(drains=(drain("a", Phase.DRAINING),), resize=resize(4, 3)),
    )
    ones = [e for e in entries(found) if e.action == "SetAccepting"]
    assert [(e.name, e.origin, e.after) for e in ones] == [("a", "d1", (("accepting", 1),))]


def test_what_is_not_known_of_a_gateway_is_not_told() -> None:
    dumb = gateway("a", SILENT)
    record = repair("a", Phase.REMOVING)
    found = snapshot(gateways=(dumb, *gateways("bcd")), history=status(drains=(record,)))
    one = entry(found, decide(found), Outcome(action=evict("a")))
    assert one.before[-1] == ("gatewayConnections", 300), "it was last seen with them"
    assert one.after == (("gateways", 3),)


def test_the_approver_of_an_emergency_is_named_while_it_is_open() -> None:
    once = {"once": {"start": at(-60).isoformat(), "end": at(600).isoformat()}}
    emergency = window(
        once,
        name="hotfix",
        type="Emergency",
        actions=["Rebalance"],
        reason="fix",
        ticket="CHG-1",
        requestedBy="ann",
        approval={"approvedBy": "bob"},
    )
    [found] = entries(high(windows=(emergency,)))
    assert (found.window, found.approved_by) == ("hotfix", "bob")


def test_a_recommended_size_is_told_once_with_both_sizes() -> None:
    recommending = {"spec": policy(mode="Recommend")}
    first = snapshot(
        history=status(streaks=(HIGH,)), gateways=gateways("abcd", 800), **recommending
    )
    decision = decide(first)
    [found] = proposals(first, decision)
    assert (found.action, found.kind, found.name) == ("Scale", "Deployment", "gateway")
    assert (found.reason, found.outcome) == ("ScaleRecommended", "Recommended")
    assert found.before[0] == ("replicas", 4)
    assert found.after[0][1] > 4
    later = snapshot(
        now=at(10), history=decision.status, gateways=gateways("abcd", 800), **recommending
    )
    assert proposals(later, decide(later)) == ()


def test_a_recommended_repair_is_told_once_of_its_pod() -> None:
    ill = gateway("a", 300, ready=False, containers_ready=False, not_ready_since=at(-900))
    first = snapshot(
        gateways=(ill, *gateways("bcd")),
        spec=spec(healing={"mode": "Recommend"}),
        history=status(suspects=()),
    )
    decision = decide(first)
    later = snapshot(
        now=at(300),
        gateways=(ill, *gateways("bcd")),
        spec=spec(healing={"mode": "Recommend"}),
        history=decision.status,
    )
    [found] = proposals(later, decide(later))
    assert (found.action, found.kind, found.name) == ("Remediate", "Pod", "a")
    assert (found.reason, found.outcome) == ("RemediationRecommended", "Recommended")
    assert found.after == ()


def test_observing_recommends_nothing() -> None:
    decision = decided(LOW, load=100, spec=policy(mode="Observe"))
    assert proposals(snapshot(), decision) == ()


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        pytest.param(
            SetAccepting(pod="a", uid="uid-a", accepting=False),
            SetAccepting(pod="a", uid="uid-a", accepting=False),
            True,
            id="the same again",
        ),
        pytest.param(
            SetAccepting(pod="a", uid="uid-a", accepting=False),
            SetAccepting(pod="a", uid="uid-a", accepting=True),
            False,
            id="the opposite",
        ),
        pytest.param(
            SetAccepting(pod="a", uid="uid-a", accepting=False),
            SetAccepting(pod="b", uid="uid-b", accepting=False),
            False,
            id="another gateway",
        ),
        pytest.param(
            Scale(from_=4, to=5, resource_version="7"),
            Scale(from_=4, to=5, resource_version="8"),
            True,
            id="by another version of the target",
        ),
        pytest.param(
            Scale(from_=4, to=5, resource_version="7"),
            Scale(from_=4, to=6, resource_version="7"),
            False,
            id="another size",
        ),
    ],
)
def test_an_action_is_known_again(first: Action, second: Action, *, is_same: bool) -> None:
    found = snapshot(gateways=gateways("abcd"))
    decision = decide(found)
    keys = [entry(found, decision, Outcome(action=a)).key for a in (first, second)]
    assert (keys[0] == keys[1]) is is_same
