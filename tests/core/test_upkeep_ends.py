"""The two ends of a window: gateways made ready before it opens, the fleet verified after it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core import fleet
from tests.core.decisions import LOW, decided, leaving, messages, policy, scaling
from tests.core.fleet import at, crashed, gateways, once, utc, window

from imchat_operator.core.decision import Reason
from imchat_operator.core.floors import floor
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import Gateway
from imchat_operator.core.windows import maintenance
from imchat_operator.models import Condition

OPEN = once(at(-60), at(3600))
LATER = once(at(3600), at(7200))

WAS_OPEN = {
    "conditions": (
        Condition(
            type="MaintenanceActive",
            status="True",
            reason="WindowOpen",
            last_transition_time=at(-3600),
        ),
    )
}


def losing(errors: float) -> tuple[Gateway, ...]:
    """Return four gateways with 300 sessions each, and so many errors a second."""
    return tuple(
        replace(g, reading=replace(fleet.reported(300), error_rate=errors)) for g in gateways()
    )


@pytest.mark.parametrize(
    ("fields", "reason", "message"),
    [
        pytest.param(
            {},
            "MaintenanceVerified",
            "after the window: 4 of 4 gateways take connections, 30%, connections",
            id="a whole fleet is verified, with its load",
        ),
        pytest.param(
            {"gateways": (crashed("a"), *gateways("bcd"))},
            "MaintenanceUnhealthy",
            "after the window: a is ill (CrashLooping: restarted 3 times within 20m and is in "
            "back-off); 1 of 4 gateways take no connections",
            id="a gateway that failed meanwhile is told",
        ),
        pytest.param(
            {"load": 850},
            "MaintenanceUnhealthy",
            "after the window: 85%, connections, above the capacity target 80%",
            id="a fleet that is too full",
        ),
        pytest.param(
            {"load": 0},
            "MaintenanceUnhealthy",
            "after the window: the load is not known: connections: all 4 gateways report 0, "
            "which live ones seldom are",
            id="gateways that all hold nobody",
        ),
        pytest.param(
            {"gateways": gateways("abc"), "target": fleet.target(replicas=4)},
            "MaintenanceUnhealthy",
            "after the window: 1 of 4 gateways take no connections",
            id="one that is missing",
        ),
        pytest.param(
            {"gateways": losing(0.05)},
            "MaintenanceVerified",
            "after the window: 4 of 4 gateways take connections, 30%, connections, "
            "1.0% of the sessions a minute end in an error",
            id="a few sessions that are lost to errors are shown",
        ),
        pytest.param(
            {"gateways": losing(0.06)},
            "MaintenanceUnhealthy",
            "after the window: 1.2% of the sessions a minute end in an error",
            id="more than one in a hundred is a fault",
        ),
    ],
)
def test_at_the_close_the_fleet_is_verified(
    fields: dict[str, Any], reason: str, message: str
) -> None:
    found = decided(**fields, history=WAS_OPEN)
    assert messages(found, reason) == [message]
    both = {"MaintenanceVerified", "MaintenanceUnhealthy"}
    assert len([e for e in found.status.pending_events if e.reason in both]) == 1
    again = decided(**fields, history={"conditions": found.status.conditions})
    assert not [e for e in again.status.pending_events if e.reason in both], "once"


def test_nothing_is_verified_while_another_window_is_open() -> None:
    found = decided(windows=(window(OPEN),), history=WAS_OPEN)
    assert messages(found, "MaintenanceVerified") == []


PREPARED = Floor(
    replicas=6,
    reason=Reason.SCHEDULED_CAPACITY,
    why="window night wants 6 until 2026-11-23 14:00 UTC",
)
MINIMUM = Floor(replicas=2, reason=Reason.AT_MINIMUM, why="minReplicas is 2")


@pytest.mark.parametrize(
    ("fields", "second", "expected"),
    [
        pytest.param({}, 2699, MINIMUM, id="a second before the 15 minutes of preparation"),
        pytest.param({}, 2700, PREPARED, id="exactly 15 minutes before it opens"),
        pytest.param({}, 7199, PREPARED, id="until it closes"),
        pytest.param({}, 7200, MINIMUM, id="not after that"),
        pytest.param({"prepare": "1h"}, 0, PREPARED, id="as long ahead as it says"),
        pytest.param(
            {"exclusions": [{"date": "2026-11-23", "timeZone": "UTC"}]},
            3600,
            MINIMUM,
            id="an excluded window wants nothing",
        ),
    ],
)
def test_a_window_has_its_gateways_before_it_opens(
    fields: dict[str, Any], second: int, expected: Floor
) -> None:
    found = window(LATER, minReplicas=6, **fields)
    now = at(second)
    snapshot = fleet.snapshot(now=now, spec=policy())
    assert floor(snapshot, None, maintenance((found,), (), now)) == expected


def test_growth_for_a_window_happens_although_it_holds_scaling_down() -> None:
    found = decided(windows=(window(OPEN, minReplicas=6),))
    assert scaling(found)[:2] == ("True", "ScalingUp")
    assert found.status.desired_replicas == 6


def test_an_operator_that_was_away_verifies_when_it_is_back() -> None:
    found = decided(now=86400, history=WAS_OPEN)
    assert messages(found, "MaintenanceVerified")
    assert utc("2026-11-24T12:00") == at(86400)


def test_a_scale_down_that_begins_at_the_close_is_no_fault_of_the_window() -> None:
    found = decided(LOW, load=100, history=WAS_OPEN, spec=policy())
    assert leaving(found), "it begins in the same pass"
    assert messages(found, "MaintenanceVerified") == [
        "after the window: 4 of 4 gateways take connections, 10%, connections"
    ]
