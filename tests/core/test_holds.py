"""What windows hold, alone and together; how long they keep an action waiting."""

from typing import Any

import pytest
from tests.core.fleet import at, emergency, once, window

from imchat_operator.core.snapshot import Window
from imchat_operator.core.windows import maintenance
from imchat_operator.models import Deferral, WindowAction

NOW = once(at(-60), at(3600))
LATER = once(at(3600), at(7200))
PAST = once(at(-7200), at(-3600))


def silence(schedule: dict[str, Any] = NOW, name: str = "work", **fields: Any) -> Window:
    return window(schedule, name=name, effect="Silence", **fields)


def permit(schedule: dict[str, Any] = NOW, name: str = "nightly", **fields: Any) -> Window:
    return window(schedule, name=name, effect="Permit", **fields)


def held(*windows: Window) -> dict[str, str]:
    found = maintenance(windows, (), at(0))
    return {str(a): why for a in WindowAction if (why := found.held(a))}


ALL = [str(action) for action in WindowAction]
APPROVED = {"approval": {"approvedBy": "bob"}}


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([], [], id="no window holds nothing"),
        pytest.param(
            [silence()],
            ["Healing", "ScaleDown", "Rebalance"],
            id="an open Silence holds healing, scaling down and rebalancing, and lets growth go on",
        ),
        pytest.param([silence(LATER)], [], id="a Silence that is closed holds nothing"),
        pytest.param(
            [silence(actions=["ScaleUp", "Rollout"])],
            ["ScaleUp", "Rollout"],
            id="a Silence that names its actions holds those and no others",
        ),
        pytest.param([permit()], [], id="an open Permit holds nothing"),
        pytest.param(
            [permit(LATER)],
            ["ScaleDown", "Rebalance"],
            id="scaling down and rebalancing wait for a Permit that is closed",
        ),
        pytest.param(
            [permit(LATER, actions=["Healing"])],
            ["Healing"],
            id="what a closed Permit names waits, and nothing else",
        ),
        pytest.param([permit(PAST)], [], id="nothing waits for a Permit that never opens again"),
        pytest.param(
            [permit(LATER), permit(name="other")],
            [],
            id="of several Permits one that is open is enough",
        ),
        pytest.param(
            [permit(LATER), permit(name="other", actions=["ScaleDown"])],
            ["Rebalance"],
            id="an open Permit lets go what it names, not what another one names",
        ),
        pytest.param(
            [silence(), permit()],
            ["Healing", "ScaleDown", "Rebalance"],
            id="an open Silence beats an open Permit",
        ),
        pytest.param(
            [silence(actions=["Healing"]), permit(LATER)],
            ["Healing", "ScaleDown", "Rebalance"],
            id="a Silence and a Permit hold what either holds",
        ),
        pytest.param(
            [silence(exclusions=[{"date": "2026-11-23", "timeZone": "UTC"}])],
            [],
            id="an excluded Silence is closed",
        ),
        pytest.param(
            [
                permit(
                    once(at(-60), at(86400)),
                    exclusions=[{"date": "2026-11-23", "timeZone": "UTC"}],
                )
            ],
            ["ScaleDown", "Rebalance"],
            id="an excluded Permit is closed, and what it names waits",
        ),
        pytest.param(
            [permit(LATER, validFrom="2026-11-23T12:30:00Z")],
            [],
            id="nothing waits for a Permit before it is valid",
        ),
        pytest.param(
            [permit(LATER, validUntil="2026-11-23T12:59:00Z")],
            [],
            id="nothing waits for a Permit that is not valid when it would open",
        ),
        pytest.param(
            [permit(LATER, exclusions=[{"date": "2026-11-23", "timeZone": "Mars/Olympus"}])],
            [],
            id="a window that can't be computed holds nothing",
        ),
        pytest.param(
            [emergency(at(-60), at(3600))], [], id="an emergency that nobody approved holds nothing"
        ),
        pytest.param(
            [emergency(at(-60), at(3600), **APPROVED)],
            ["Healing", "ScaleDown", "Rebalance"],
            id="an approved emergency holds what a Silence holds",
        ),
        pytest.param(
            [emergency(at(-8 * 3600), at(3600), **APPROVED)],
            [],
            id="an emergency is over eight hours after its start",
        ),
        pytest.param(
            [emergency(at(3600), at(7200), effect="Permit", **APPROVED)],
            [],
            id="nothing waits for an emergency that permits",
        ),
        pytest.param(
            [permit(LATER), emergency(at(-60), at(3600), name="now", effect="Permit", **APPROVED)],
            [],
            id="an open emergency permits what a planned Permit keeps waiting",
        ),
        pytest.param(
            [silence(LATER, startCutoff="1h")],
            ["Healing", "ScaleDown", "Rebalance"],
            id="nothing begins in the last hour before a Silence",
        ),
        pytest.param(
            [silence(LATER, startCutoff="59m59s")], [], id="a second earlier everything may begin"
        ),
        pytest.param(
            [permit(startCutoff="1h")],
            ["ScaleDown", "Rebalance"],
            id="nothing begins in the last hour of a Permit",
        ),
        pytest.param([permit(startCutoff="59m59s")], [], id="a second before that it may"),
    ],
)
def test_what_windows_hold_together(windows: list[Window], expected: list[str]) -> None:
    assert sorted(held(*windows)) == sorted(expected)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(
            silence(),
            "window work holds it until 2026-11-23 13:00:00 UTC",
            id="by a Silence until it closes",
        ),
        pytest.param(
            permit(LATER),
            "it waits for window nightly, which opens at 2026-11-23 13:00:00 UTC",
            id="by a Permit until it opens",
        ),
        pytest.param(
            silence(LATER, startCutoff="1h"),
            "window work opens at 2026-11-23 13:00:00 UTC: nothing begins in the 1h before",
            id="by a Silence that is about to open",
        ),
        pytest.param(
            permit(startCutoff="1h"),
            "window nightly closes at 2026-11-23 13:00:00 UTC: nothing begins in its last 1h",
            id="by a Permit that is about to close",
        ),
    ],
)
def test_what_is_held_tells_by_what_and_until_when(found: Window, why: str) -> None:
    assert held(found)["ScaleDown"] == why


@pytest.mark.parametrize(
    ("windows", "stopped"),
    [
        pytest.param([silence()], True, id="a Silence that opens undoes it"),
        pytest.param([silence(overrun="Finish")], False, id="a Silence may let it finish"),
        pytest.param([silence(LATER, startCutoff="2h")], False, id="a cutoff undoes nothing"),
        pytest.param([permit(LATER)], True, id="a Permit that has closed undoes it"),
        pytest.param([permit(LATER, overrun="Finish")], False, id="a Permit may let it finish"),
        pytest.param([permit(startCutoff="2h")], False, id="a Permit's cutoff undoes nothing"),
        pytest.param(
            [permit(LATER), permit(name="other")], False, id="another Permit is open meanwhile"
        ),
        pytest.param(
            [permit(LATER, overrun="Finish"), permit(LATER, name="other")],
            True,
            id="one that undoes is enough",
        ),
    ],
)
def test_what_is_under_way_is_finished_or_undone(windows: list[Window], *, stopped: bool) -> None:
    found = maintenance(tuple(windows), (), at(0))
    assert bool(found.stopped(WindowAction.SCALE_DOWN)) is stopped


def deferral(since: float) -> Deferral:
    return Deferral(action=WindowAction.SCALE_DOWN, since=at(since), last=at(0))


@pytest.mark.parametrize(
    ("windows", "since", "expected"),
    [
        pytest.param([silence(maxDeferral="1h")], -3599, True, id="a second before its time"),
        pytest.param([silence(maxDeferral="1h")], -3600, False, id="when its time is over"),
        pytest.param([permit(LATER, maxDeferral="1h")], -3600, False, id="a Permit's as well"),
        pytest.param(
            [permit(startCutoff="1h", maxDeferral="1h")], -3600, False, id="in a Permit's cutoff"
        ),
        pytest.param([permit(LATER)], -840 * 3600, False, id="without a word after five weeks"),
        pytest.param(
            [silence(maxDeferral="1h"), permit(LATER)],
            -3600,
            True,
            id="each window counts for itself",
        ),
    ],
)
def test_nothing_waits_for_ever(windows: list[Window], since: float, *, expected: bool) -> None:
    found = maintenance(tuple(windows), (), at(0), (deferral(since),))
    assert bool(found.held(WindowAction.SCALE_DOWN)) is expected
    assert bool(found.stopped(WindowAction.SCALE_DOWN)) is expected
    assert found.held(WindowAction.REBALANCE), "what has not waited for long goes on waiting"


@pytest.mark.parametrize(
    ("found", "change"),
    [
        pytest.param(silence(), 3600, id="it closes"),
        pytest.param(silence(LATER), 3600, id="it opens"),
        pytest.param(silence(LATER, startCutoff="10m"), 3000, id="its cutoff begins"),
        pytest.param(permit(startCutoff="10m"), 3000, id="a Permit's cutoff begins"),
        pytest.param(silence(LATER, minReplicas=3), 2700, id="gateways are prepared"),
        pytest.param(silence(LATER, prepare="20m"), 3600, id="none are without minReplicas"),
        pytest.param(permit(LATER, validFrom="2026-11-23T12:30:00Z"), 1800, id="it becomes valid"),
        pytest.param(permit(LATER, maxDeferral="10m"), 590, id="what waits has waited enough"),
    ],
)
def test_the_next_change_is_when_something_else_may_be_held(found: Window, change: int) -> None:
    assert maintenance((found,), (), at(0), (deferral(-10),)).next_change == at(change)
