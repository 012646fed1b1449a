"""What windows mean for a decision: what waits and for how long, what is told at the end."""

from typing import Any

import pytest
from tests.core.decisions import DOWN, LOW, condition, decided, leaving, messages, scaling
from tests.core.fleet import at, crashed, gateway, gateways, once, streak, window

from imchat_operator.core.decision import Decision
from imchat_operator.core.snapshot import Window
from imchat_operator.models import Deferral, WindowAction

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
