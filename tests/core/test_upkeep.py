"""What windows mean for a decision: what waits and for how long, what is told at the end."""

from typing import Any

import pytest
from tests.core import fleet
from tests.core.decisions import DOWN, LOW, condition, decided, leaving, messages, policy, scaling
from tests.core.fleet import at, crashed, gateway, gateways, once, streak, utc, window

from imchat_operator.core.decision import Decision, Reason
from imchat_operator.core.floors import floor
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import Window
from imchat_operator.core.windows import maintenance
from imchat_operator.models import Condition, Deferral, WindowAction

OPEN = once(at(-60), at(3600))
LATER = once(at(3600), at(7200))
PERMIT = window(LATER, effect="Permit", maxDeferral="2h")


def waiting(since: float, last: float | None = None) -> dict[str, Any]:
    record = Deferral(
        action=WindowAction.SCALE_DOWN, since=at(since), last=at(since if last is None else last)
    )
    return {"deferrals": (record,)}


def deferrals(decision: Decision) -> list[tuple[str, Any, Any]]:
    return [(str(d.action), d.since, d.last) for d in decision.status.deferrals]


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(LOW, load=200, windows=(PERMIT,)),
            [("ScaleDown", at(0), at(0))],
            id="it waits from the moment that it is wanted",
        ),
        pytest.param(
            decided(LOW, load=200, windows=(PERMIT,), history=waiting(-600)),
            [("ScaleDown", at(-600), at(-600))],
            id="it has waited since, which is not written each time",
        ),
        pytest.param(
            decided(LOW, load=200, windows=(PERMIT,), history=waiting(-3600)),
            [("ScaleDown", at(-3600), at(0))],
            id="but once an hour",
        ),
        pytest.param(
            decided(windows=(PERMIT,), history=waiting(-3600)),
            [("ScaleDown", at(-3600), at(-3600))],
            id="what is not wanted for a while goes on waiting",
        ),
        pytest.param(
            decided(windows=(window(LATER, effect="Permit"),), history=waiting(-2 * 86400, -86400)),
            [],
            id="what is not wanted for a day waits no more",
        ),
        pytest.param(
            decided(windows=(window(OPEN, effect="Permit"),), history=waiting(-3600)),
            [],
            id="what a window lets go on waits no more",
        ),
        pytest.param(
            decided(gateways=(crashed("a"), *gateways("bcd")), windows=(window(OPEN),)),
            [("Healing", at(0), at(0))],
            id="a repair waits too",
        ),
        pytest.param(
            decided(gateways=(gateway("a", 800), *gateways("bcd", 300)), windows=(window(OPEN),)),
            [("Rebalance", at(0), at(0))],
            id="and a rebalance",
        ),
    ],
)
def test_what_a_window_holds_is_remembered(
    decision: Decision, expected: list[tuple[str, Any, Any]]
) -> None:
    assert deferrals(decision) == expected


@pytest.mark.parametrize(
    ("since", "state", "victims"),
    [
        pytest.param(
            -7199,
            (
                "True",
                "ActionsDeferred",
                "wait for a window: ScaleDown since 2026-11-23 10:00:01 UTC",
            ),
            [],
            id="a second before maxDeferral it waits",
        ),
        pytest.param(
            -7200,
            (
                "False",
                "DeferralExpired",
                (
                    "ScaleDown has waited for window night since 2026-11-23 10:00:00 UTC, "
                    "longer than maxDeferral 2h, and goes on"
                ),
            ),
            ["a", "b"],
            id="then it goes on, and says so",
        ),
    ],
)
def test_after_the_longest_deferral_an_action_goes_on(
    since: float, state: tuple[str, str, str], victims: list[str]
) -> None:
    found = decided(LOW, load=200, windows=(PERMIT,), history=waiting(since, -1))
    assert condition(found, "Deferred") == state
    assert leaving(found) == victims
    is_told = state[1] == "DeferralExpired"
    assert messages(found, "DeferralExpired") == ([f"Deferred: {state[2]}"] if is_told else [])


def test_a_permit_defers_a_scale_down_until_it_opens() -> None:
    found = decided(LOW, load=200, windows=(PERMIT,))
    assert scaling(found)[:2] == ("False", "HeldByWindow")
    assert scaling(found)[2].startswith(
        "it waits for window night, which opens at 2026-11-23 13:00:00 UTC: 4 → 2 gateways wanted"
    )
    late = decided(streak(DOWN, at(3480), at(3600)), now=3600, load=200, windows=(PERMIT,))
    assert leaving(late) == ["a", "b"]


@pytest.mark.parametrize(
    ("windows", "active", "shown"),
    [
        pytest.param(
            (window(OPEN),),
            (
                "True",
                "WindowOpen",
                (
                    "window night is open until 2026-11-23 13:00:00 UTC: "
                    "Healing, ScaleDown and Rebalance are held, scaling up goes on; "
                    "what is under way when it opens is undone"
                ),
            ),
            "night",
            id="a Silence tells what it holds",
        ),
        pytest.param(
            (window(OPEN, actions=["ScaleUp"]),),
            (
                "True",
                "WindowOpen",
                (
                    "window night is open until 2026-11-23 13:00:00 UTC: ScaleUp is held; "
                    "what is under way when it opens is undone"
                ),
            ),
            "night",
            id="a Silence of a single action",
        ),
        pytest.param(
            (window(OPEN, effect="Permit"),),
            (
                "True",
                "WindowOpen",
                (
                    "window night is open until 2026-11-23 13:00:00 UTC: "
                    "ScaleDown and Rebalance may go on; what is under way when it closes is undone"
                ),
            ),
            "night",
            id="a Permit tells what it lets go on",
        ),
        pytest.param(
            (PERMIT,),
            ("False", "WindowClosed", "the next window opens at 2026-11-23 13:00 UTC"),
            "awaits night",
            id="a Permit that is closed is awaited",
        ),
        pytest.param(
            (window(OPEN, name="a"), window(OPEN, name="b", actions=["Rollout"])),
            (
                "True",
                "WindowOpen",
                (
                    "window a is open until 2026-11-23 13:00:00 UTC: "
                    "Healing, ScaleDown and Rebalance are held, scaling up goes on; "
                    "what is under way when it opens is undone; "
                    "window b is open until 2026-11-23 13:00:00 UTC: "
                    "Rollout is held, scaling up goes on"
                ),
            ),
            "a, b",
            id="all that are open are named",
        ),
        pytest.param((), ("False", "WindowClosed", "no window"), "", id="no window"),
    ],
)
def test_a_cluster_shows_the_windows_that_hold_it(
    windows: tuple[Window, ...], active: tuple[str, str, str], shown: str
) -> None:
    found = decided(windows=windows)
    assert condition(found, "MaintenanceActive") == active
    assert found.status.window == shown


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
            "after the window: a is ill (CrashLooping: restarted 3 times and is in back-off); "
            "1 of 4 gateways take no connections",
            id="a gateway that failed meanwhile is told",
        ),
        pytest.param(
            {"load": 850},
            "MaintenanceUnhealthy",
            "after the window: 85%, connections, above the capacity target 80%",
            id="a fleet that is too full",
        ),
        pytest.param(
            {"gateways": gateways("abc"), "target": fleet.target(replicas=4)},
            "MaintenanceUnhealthy",
            "after the window: 1 of 4 gateways take no connections",
            id="one that is missing",
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
