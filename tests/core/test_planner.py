from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core.fleet import (
    CLUSTER,
    NOON,
    SILENT,
    at,
    crashed,
    gateway,
    gateways,
    on_cluster,
    once,
    pending,
    resize,
    snapshot,
    spec,
    status,
    streak,
    victim,
    window,
)

from imchat_operator.core.decision import (
    Decision,
    Reason,
    decision_id,
)
from imchat_operator.core.inaction import invalid
from imchat_operator.core.outbox import Outbox, outbox, pending_events
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Gateway, TargetMissing
from imchat_operator.models import (
    MOST_PENDING,
    Condition,
    ImChatClusterStatus,
    SignalLoad,
    Sizing,
    SizingStep,
)

MISSING = TargetMissing(why="spec.targetRef: there is no Deployment gateway")
ID = decision_id("uid-chat", NOON)


def condition(kind: str, state: str, reason: str, message: str) -> Condition:
    return Condition.model_validate(
        {
            "type": kind,
            "status": state,
            "reason": reason,
            "message": message,
            "lastTransitionTime": NOON,
            "observedGeneration": 1,
        }
    )


def told(kind: str, reason: Reason, text: str, *, warning: bool = False) -> dict[str, Any]:
    """Return what a status keeps of the Event that tells of a condition."""
    notice = replace(on_cluster(reason, f"{kind}: {text}", warning=warning), about=kind)
    return outbox(Outbox(), ID, (notice,), NOON).fields


NO_WINDOW = condition("MaintenanceActive", "False", "WindowClosed", "no window")


def test_a_healthy_fleet_is_left_alone_and_that_is_said() -> None:
    assert decide(snapshot()) == Decision(
        id=ID,
        actions=(),
        next_check=timedelta(seconds=10),
        status=ImChatClusterStatus(
            observed_generation=1,
            observed_at=NOON,
            decision=ID,
            replicas=4,
            ready_replicas=4,
            desired_replicas=4,
            conditions=(
                condition("Ready", "True", "FleetReady", "4 of 4 gateways take connections"),
                condition(
                    "MetricsAvailable",
                    "True",
                    "MetricsAvailable",
                    "the gateways report their load",
                ),
                condition(
                    "CapacityPressure",
                    "False",
                    "CapacitySufficient",
                    "30%, connections (capacity target 80%)",
                ),
                NO_WINDOW,
                condition(
                    "Scaling", "False", "Steady", "utilization is not above 70%, nor below 30%"
                ),
                condition("Healing", "False", "AllHealthy", "no gateway shows a sign of trouble"),
                condition(
                    "RemediationBlocked", "False", "NotBlocked", "4 of 4 gateways are healthy"
                ),
            ),
            **told("Ready", Reason.FLEET_READY, "4 of 4 gateways take connections"),
            sizing=Sizing(
                loads=(
                    SignalLoad(
                        signal="connections",
                        percent=30,
                        limit=80,
                        load="1200",
                        unit="connections",
                        capacity="1000",
                        gateways=4,
                    ),
                ),
                steps=(
                    SizingStep(
                        reason="TargetUtilization",
                        size=2,
                        why="1200 connections at 1000 a gateway need 2 for 60%",
                    ),
                    SizingStep(
                        reason="HeadroomKept",
                        size=3,
                        why="1200 connections at 1000 a gateway need 3 to stay at 80% with 1 lost",
                    ),
                ),
            ),
        ),
    )


def test_a_target_that_is_missing_is_said_and_waited_for() -> None:
    history = status(drains=(victim(),), streaks=(streak("above 70% for 15m", at(-9), at(0)),))
    waits = ("Unknown", "Waiting", "waits for the target")
    assert decide(snapshot(target=MISSING, gateways=(), history=history)) == Decision(
        id=ID,
        actions=(),
        next_check=timedelta(seconds=10),
        status=ImChatClusterStatus(
            observed_generation=1,
            observed_at=NOON,
            decision=ID,
            conditions=(
                condition("Ready", "False", "TargetNotFound", MISSING.why),
                condition("MetricsAvailable", *waits),
                condition("Scaling", *waits),
                condition("Healing", *waits),
                NO_WINDOW,
            ),
            **told("Ready", Reason.TARGET_NOT_FOUND, MISSING.why, warning=True),
        ),
    )


def test_a_spec_that_can_not_be_read_changes_nothing_that_is_under_way() -> None:
    history = status(drains=(victim(),), resize=resize(4, 3))
    decision = invalid(CLUSTER, history, "spec.maxReplicas: it is missing", NOON)
    assert decision == Decision(
        id=ID,
        actions=(),
        next_check=timedelta(minutes=5),
        status=status(
            observed_generation=1,
            decision=ID,
            drains=(victim(),),
            resize=resize(4, 3),
            conditions=(
                condition("Ready", "False", "SpecInvalid", "spec.maxReplicas: it is missing"),
            ),
            **told("Ready", Reason.SPEC_INVALID, "spec.maxReplicas: it is missing", warning=True),
        ),
    )


def test_a_status_keeps_no_more_events_than_it_may_hold() -> None:
    old = pending_events("d0", (on_cluster(Reason.STEADY, "old"),) * MOST_PENDING, at(-60))
    history = status(pending_events=old)
    for decision in (
        decide(snapshot(history=history)),
        invalid(CLUSTER, history, "spec.maxReplicas: it is missing", NOON),
    ):
        kept = decision.status.pending_events
        assert len(kept) == MOST_PENDING
        assert kept[:-1] == old[1:]


def test_events_are_kept_until_they_are_known_to_be_posted() -> None:
    first = decide(snapshot())
    (event,) = first.status.pending_events
    later = snapshot(now=at(20), gateways=gateways("abcd", 750), history=first.status)
    assert decide(later).status.pending_events == (event,)
    known = replace(later, posted=frozenset({event.name}))
    assert decide(known).status.pending_events == ()


def ready(*fleet: Gateway, **fields: Any) -> tuple[str, str]:
    decision = decide(snapshot(gateways=fleet, **fields))
    (found,) = (c for c in decision.status.conditions if c.type == "Ready")
    return found.status, found.message


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(ready(*gateways()), ("True", "4 of 4 gateways take connections"), id="all"),
        pytest.param(
            ready(*gateways("ab"), pending("c"), pending("d")),
            ("True", "2 of 4 gateways take connections"),
            id="as many as the minimum are enough",
        ),
        pytest.param(
            ready(gateway("a"), pending("b"), pending("c")),
            ("False", "1 of 3 gateways take connections"),
            id="fewer are not",
        ),
        pytest.param(
            ready(*gateways("abc"), spec=spec(minReplicas=4)),
            ("True", "3 of 3 gateways take connections"),
            id="all are enough, though there should be more",
        ),
    ],
)
def test_a_fleet_is_ready_with_its_minimum(
    found: tuple[str, str], expected: tuple[str, str]
) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("last", "lost"),
    [
        pytest.param(at(-40), False, id="four intervals ago"),
        pytest.param(at(-40.001), True, id="a moment longer ago"),
    ],
)
def test_a_streak_that_is_interrupted_is_said(last: Any, lost: bool) -> None:  # noqa: FBT001 -- a table's
    running = streak("above 70% for 15m", at(-600), last)
    decision = decide(snapshot(gateways=gateways("abcd", 750), history=status(streaks=(running,))))
    message = "above 70% for 15m: no sample that tells for more than 40s, counting anew"
    told = [e.message for e in decision.status.pending_events if e.reason == "StreakInterrupted"]
    assert told == ([message] if lost else [])
    since = at(0) if lost else at(-600)
    assert decision.status.streaks == (streak("above 70% for 15m", since, at(0)),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, timedelta(seconds=10), id="at the next sample"),
        pytest.param(
            {"gateways": (gateway("a", SILENT), *gateways("bcd"))},
            timedelta(seconds=1),
            id="soon if one is ill",
        ),
        pytest.param(
            {"gateways": (crashed("a"), *gateways("bcd"))},
            timedelta(seconds=1),
            id="soon if one is drained",
        ),
        pytest.param(
            {"windows": (window(once(at(3), at(60))),)},
            timedelta(seconds=3.05),
            id="when a window opens",
        ),
        pytest.param(
            {"windows": (window(once(at(-60), at(3))),)},
            timedelta(seconds=3.05),
            id="when a window closes",
        ),
        pytest.param(
            {"windows": (window(once(at(30), at(60))),)},
            timedelta(seconds=10),
            id="a window further off can wait",
        ),
    ],
)
def test_the_next_look_is_taken_when_something_may_change(
    fields: dict[str, Any], expected: timedelta
) -> None:
    assert decide(snapshot(**fields)).next_check == expected
