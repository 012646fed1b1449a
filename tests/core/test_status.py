import re
from dataclasses import replace
from typing import Any

import pytest
from tests.core.fleet import (
    CLUSTER,
    at,
    drain,
    on_cluster,
    snapshot,
    status,
    streak,
    suspect,
)

from imchat_operator.core.decision import Notice, Reason, Subject, Verdict
from imchat_operator.core.outbox import pending_events
from imchat_operator.core.status import announcements, conditions, worth_writing
from imchat_operator.models import Condition, ImChatClusterStatus, PendingEvent, Phase

SUBJECT = Subject(kind="ImChatCluster", name="chat", uid="uid-chat")


def condition(reason: str, **fields: Any) -> Condition:
    known: dict[str, Any] = {
        "type": "Scaling",
        "status": "False",
        "message": "now 50%",
        "last_transition_time": at(0),
        "observed_generation": 1,
    }
    return Condition(reason=reason, **{**known, **fields})


def verdict(**fields: Any) -> Verdict:
    known: dict[str, Any] = {
        "type": "Scaling",
        "status": "False",
        "reason": Reason.STEADY,
        "message": "now 50%",
    }
    return Verdict(**{**known, **fields})


@pytest.mark.parametrize(
    ("before", "found", "expected"),
    [
        pytest.param((), verdict(), condition("Steady", last_transition_time=at(60)), id="new"),
        pytest.param(
            (condition("Steady"),),
            verdict(reason=Reason.WAITING, message="now 71%"),
            condition("Waiting", message="now 71%"),
            id="another reason of the same status is no transition",
        ),
        pytest.param(
            (condition("Steady"),),
            verdict(status="True", reason=Reason.SCALING_UP),
            condition("ScalingUp", status="True", last_transition_time=at(60)),
            id="another status is one",
        ),
        pytest.param(
            (condition("Steady", type="Healing"),),
            verdict(),
            condition("Steady", last_transition_time=at(60)),
            id="another condition's past does not matter",
        ),
        pytest.param(
            (),
            verdict(message="x" * 2000),
            condition("Steady", message="x" * 1024, last_transition_time=at(60)),
            id="a message too long is cut",
        ),
    ],
)
def test_a_verdict_becomes_a_condition(
    before: tuple[Condition, ...], found: Verdict, expected: Condition
) -> None:
    assert conditions(before, (found,), 1, at(60)) == (expected,)


def test_a_condition_tells_which_generation_it_is_about() -> None:
    (found,) = conditions((condition("Steady"),), (verdict(),), 2, at(60))
    assert (found.observed_generation, found.last_transition_time) == (2, at(0))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param((), "Steady", None, id="a state that is as it should be is not told"),
        pytest.param((), "StormGate", "Warning", id="a storm is told, also when it is the first"),
        pytest.param(("StormGate",), "StormGate", None, id="a storm that goes on is not"),
        pytest.param(("StormGate",), "AllHealthy", None, id="nor is its end"),
        pytest.param((), "FleetReady", "Normal", id="a fleet that becomes ready is told"),
        pytest.param((), "GatewaysNotReady", None, id="a fleet that is not ready yet is not"),
        pytest.param(
            ("FleetReady",), "GatewaysNotReady", "Warning", id="one that is not ready any more is"
        ),
        pytest.param((), "MetricsAvailable", None, id="metrics at first are not told"),
        pytest.param(
            ("MetricsUnavailable",), "MetricsAvailable", "Normal", id="metrics that return are"
        ),
        pytest.param((), "WindowClosed", None, id="no window at first is not told"),
        pytest.param(("WindowOpen",), "WindowClosed", "Normal", id="a window that closes is"),
    ],
)
def test_a_condition_is_told_when_its_reason_is_new(
    before: tuple[str, ...], after: str, told: str | None
) -> None:
    found = announcements(SUBJECT, tuple(map(condition, before)), (condition(after),))
    expected = on_cluster(Reason(after), "Scaling: now 50%", warning=told == "Warning")
    expected = replace(expected, about="Scaling")
    assert found == ((expected,) if told else ())


def test_notices_of_one_moment_keep_their_order_in_the_names_of_their_events() -> None:
    notices = tuple(on_cluster(reason, "4 → 3") for reason in (Reason.WAITING, Reason.STEADY))
    events = pending_events("d1", notices, at(0))
    assert [e.name for e in events] == sorted(e.name for e in events)
    assert pending_events("d1", notices, at(0)) == events
    assert {e.name for e in pending_events("d2", notices, at(1))}.isdisjoint(e.name for e in events)


def test_a_notice_is_kept_until_it_is_posted() -> None:
    notice = Notice(subject=SUBJECT, reason=Reason.SCALING_UP, message="x" * 2000)
    (event,) = pending_events("d1", (notice,), at(0))
    assert event == PendingEvent(
        name=event.name,
        kind="ImChatCluster",
        object="chat",
        uid="uid-chat",
        type="Normal",
        reason="ScalingUp",
        action="Scale",
        message="x" * 1021 + "…",
        at=at(0),
        decision="d1",
    )
    assert event.name.startswith("chat.")


def test_an_events_message_is_cut_to_bytes_as_the_api_server_counts_them() -> None:
    notice = Notice(subject=SUBJECT, reason=Reason.SCALING_UP, message="→" * 400)
    (event,) = pending_events("d1", (notice,), at(0))
    assert event.message == "→" * 340 + "…"


def test_an_events_name_is_one_that_the_api_server_takes() -> None:
    subject = Subject(kind="Pod", name="x" * 199 + "-gateway", uid="uid-x")
    notice = Notice(subject=subject, reason=Reason.SCALING_UP, message="")
    (event,) = pending_events("d1", (notice,), at(0))
    assert re.fullmatch(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", event.name
    )
    assert len(event.name) <= 253


WRITTEN = status(
    observed_generation=1,
    observed_at=at(0),
    replicas=4,
    conditions=(condition("Waiting"),),
    streaks=(streak("above 70% for 1m", at(-30), at(0)),),
    suspects=(suspect("a", "NotReady", at(-5)),),
)


def changed(**fields: Any) -> ImChatClusterStatus:
    return WRITTEN.model_copy(update={"observed_at": at(10), **fields})


EVENT = pending_events("d1", (on_cluster(Reason.SCALING_UP, "4 → 6"),), at(0))
FED = (streak("above 70% for 1m", at(-30), at(10)),)
REWORDED = (condition("Waiting", message="now 51%"),)


@pytest.mark.parametrize(
    ("after", "second", "written"),
    [
        pytest.param(changed(), 3600, False, id="nothing but the time changed"),
        pytest.param(changed(streaks=FED), 19.9, False, id="a figure, a moment ago"),
        pytest.param(changed(streaks=FED), 20, True, id="a figure, two intervals ago"),
        pytest.param(changed(conditions=REWORDED), 19.9, False, id="a message, a moment ago"),
        pytest.param(changed(conditions=REWORDED), 20, True, id="a message, two intervals ago"),
        pytest.param(changed(replicas=5), 0.1, True, id="the replicas"),
        pytest.param(changed(observed_generation=2), 0.1, True, id="the generation"),
        pytest.param(changed(conditions=(condition("Steady"),)), 0.1, True, id="a reason"),
        pytest.param(changed(streaks=()), 0.1, True, id="the end of a streak"),
        pytest.param(changed(suspects=()), 0.1, True, id="the end of a suspicion"),
        pytest.param(changed(drains=(drain("a", Phase.ISOLATING),)), 0.1, True, id="a drain"),
        pytest.param(changed(pending_events=EVENT), 0.1, True, id="an Event to post"),
    ],
)
def test_a_status_is_written_when_it_is_worth_it(
    after: ImChatClusterStatus,
    second: float,
    written: bool,  # noqa: FBT001 -- a table's
) -> None:
    now = snapshot(now=at(second), history=WRITTEN)
    assert worth_writing(now, after) is (after if written else WRITTEN)


def test_events_that_are_posted_are_cleared_without_haste() -> None:
    before = WRITTEN.model_copy(update={"pending_events": EVENT})
    assert worth_writing(snapshot(now=at(19.9), history=before), changed()) is before
    assert worth_writing(snapshot(now=at(20), history=before), changed()) == changed()


def test_a_first_status_is_written() -> None:
    first = status(observed_generation=CLUSTER.generation)
    assert worth_writing(snapshot(history=status()), first) is first
