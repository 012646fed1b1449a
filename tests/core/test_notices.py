"""What is told of a window, exactly once, also by operators that come and go."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import at, emergency, once, recurring, utc, window

from imchat_operator.core.window_status import window_status
from imchat_operator.models import MaintenanceWindowStatus

DAY = 86400
ONE_HOUR = once(at(0), at(3600))
HELD = "Healing, ScaleDown and Rebalance are held"
SCHEDULED = (
    "MaintenanceScheduled: opens at 2026-11-23 12:00:00 UTC and closes at "
    f"2026-11-23 13:00:00 UTC: {HELD}"
)


def upcoming(ahead: str) -> str:
    return f"MaintenanceUpcoming: opens in {ahead}, at 2026-11-23 12:00:00 UTC: {HELD}"


def story(
    moments: Iterable[datetime],
    *schedules: dict[str, Any],
    status: MaintenanceWindowStatus | None = None,
    **fields: Any,
) -> list[str]:
    """Return the Events that an operator posts which looks at these moments, one after another."""
    status = status or MaintenanceWindowStatus()
    events: dict[str, str] = {}
    for now in moments:
        found = window(*(schedules or (ONE_HOUR,)), status=status, **fields)
        status = window_status(found, (), frozenset(events), now)
        events |= {e.name: f"{e.reason}: {e.message}" for e in status.pending_events}
    return list(events.values())


OPENED = f"WindowOpen: Valid: {HELD} until 2026-11-23 13:00:00 UTC"
ENDED = "WindowEnded: Valid: it does not open again"


@pytest.mark.parametrize(
    ("created", "looks", "expected"),
    [
        pytest.param(
            -30 * DAY,
            [-30 * DAY, -7 * DAY - 1, -7 * DAY, -6 * DAY, -DAY, -3600, -60, 0, 60, 3600, 3700],
            [SCHEDULED, upcoming("168h"), upcoming("24h"), upcoming("1h"), OPENED, ENDED],
            id="a month ahead: declared, and 7 days, 1 day and 1 hour before it opens",
        ),
        pytest.param(
            -2 * DAY,
            [-2 * DAY, -2 * DAY + 60, -DAY, -3600, 0, 3600],
            [
                SCHEDULED,
                (
                    "ShortNotice: NoticeGiven: the opening at 2026-11-23 12:00:00 UTC takes place: "
                    "declared 48h ahead, 168h are due"
                ),
                upcoming("24h"),
                upcoming("1h"),
                OPENED,
                ENDED,
            ],
            id="two days ahead is short notice, and the declaration stands for the first of three",
        ),
        pytest.param(
            -30 * DAY,
            [-30 * DAY, -1800, 0, 3600],
            [SCHEDULED, upcoming("30m"), OPENED, ENDED],
            id="an operator that was away for all three notices tells one",
        ),
        pytest.param(
            -30 * DAY,
            [-30 * DAY, -1800, 60, 3600],
            [SCHEDULED, upcoming("30m"), OPENED, ENDED],
            id="one that was away when it opened tells of it later",
        ),
        pytest.param(
            -30 * DAY,
            [-30 * DAY, -1800, 7200],
            [
                SCHEDULED,
                upcoming("30m"),
                (
                    "WindowClosed: it was open from 2026-11-23 12:00:00 UTC to "
                    "2026-11-23 13:00:00 UTC, while no operator ran"
                ),
                ENDED,
            ],
            id="one that was away all the time that it was open says so",
        ),
        pytest.param(
            60,
            [60, 3600],
            [
                (
                    "MaintenanceScheduled: opened at 2026-11-23 12:00:00 UTC and closes at "
                    f"2026-11-23 13:00:00 UTC: {HELD}"
                ),
                OPENED,
                (
                    "ShortNotice: NoticeGiven: the opening at 2026-11-23 12:00:00 UTC takes place: "
                    "declared 0s ahead, 168h are due"
                ),
                ENDED,
            ],
            id="declared after its start it is open at once",
        ),
    ],
)
def test_an_opening_is_announced(created: float, looks: list[float], expected: list[str]) -> None:
    assert story([at(s) for s in looks], created_at=at(created)) == expected


def test_each_opening_of_a_recurring_window_is_announced() -> None:
    weekly = recurring("FREQ=WEEKLY;BYDAY=MO", "12:00", "1h", "UTC")
    created = at(-10 * DAY)
    looks = [created + timedelta(minutes=30 * n) for n in range(48 * 15)]
    told = story(looks, weekly, created_at=created, notice=["24h", "1h"])
    assert [text.split(",")[0] for text in told] == [
        (
            "MaintenanceScheduled: opens at 2026-11-16 12:00:00 UTC and closes at "
            "2026-11-16 13:00:00 UTC: Healing"
        ),
        "MaintenanceUpcoming: opens in 24h",
        "MaintenanceUpcoming: opens in 1h",
        "WindowOpen: Valid: Healing",
        "WindowClosed: closed; it opens again at 2026-11-23 12:00:00 UTC",
        "MaintenanceUpcoming: opens in 24h",
        "MaintenanceUpcoming: opens in 1h",
        "WindowOpen: Valid: Healing",
        "WindowClosed: closed; it opens again at 2026-11-30 12:00:00 UTC",
    ]


@given(
    looks=st.lists(st.integers(-40 * 24, 2), min_size=1, max_size=40).map(sorted),
)
def test_whenever_an_operator_looks_no_notice_is_told_twice_and_none_too_early(
    looks: list[int],
) -> None:
    moments = [at(hour * 3600) for hour in looks]
    told = [t for t in story(moments, created_at=at(-40 * DAY)) if "Upcoming" in t]
    ahead = [-hour for hour in looks if hour < 0]
    due = [lead for lead in (168, 24, 1) if any(hour <= lead for hour in ahead)]
    assert len(told) == len(set(told)) <= len(due)
    assert bool(told) is bool(due)
    hours = [int(text.split("opens in ")[1].split("h")[0]) for text in told]
    assert all(any(hour <= lead for lead in (168, 24, 1)) for hour in hours)


@given(looks=st.lists(st.integers(-40 * 24, 2), min_size=1, max_size=40))
def test_a_clock_that_steps_back_and_forth_has_no_notice_told_twice(looks: list[int]) -> None:
    told = story([at(hour * 3600) for hour in looks], created_at=at(-40 * DAY))
    upcoming = [text for text in told if "Upcoming" in text]
    assert len(upcoming) <= 3
    assert len([text for text in told if "MaintenanceScheduled" in text]) <= 1


def test_a_change_of_schedule_is_declared_anew_and_other_changes_are_not() -> None:
    before = window(ONE_HOUR, created_at=at(-30 * DAY))
    status = window_status(before, (), frozenset(), at(-30 * DAY))
    done = frozenset(e.receipt for e in status.pending_events)
    cosmetic = window(
        ONE_HOUR, created_at=at(-30 * DAY), generation=2, status=status, reason="new disks"
    )
    assert window_status(cosmetic, (), done, at(-20 * DAY)).pending_events == ()
    moved = once(at(DAY), at(DAY + 3600))
    changed = window(moved, created_at=at(-30 * DAY), generation=3, status=status)
    after = window_status(changed, (), done, at(-DAY))
    assert [e.reason for e in after.pending_events] == ["MaintenanceScheduled", "ShortNotice"]
    assert after.declaration is not None
    assert after.declaration.at == at(-DAY)


def test_events_are_kept_until_they_are_known_to_be_posted() -> None:
    first = window_status(window(ONE_HOUR), (), frozenset(), at(-60))
    again = window_status(window(ONE_HOUR, status=first), (), frozenset(), at(-50))
    assert first.pending_events
    assert again.pending_events == first.pending_events


@pytest.mark.parametrize(
    ("approval", "expected"),
    [
        pytest.param(
            None,
            [
                (
                    "MaintenanceScheduled: opened at 2026-11-23 12:00:00 UTC and closes at "
                    f"2026-11-23 13:00:00 UTC: {HELD}, once somebody approves (disk full, INC-1)"
                ),
                (
                    "ApprovalMissing: Approved: it does nothing: spec.approval is missing, which a "
                    "user with the verb approve on maintenancewindows sets"
                ),
            ],
            id="nobody has approved it",
        ),
        pytest.param(
            {"approvedBy": "bob"},
            [
                (
                    "MaintenanceScheduled: opened at 2026-11-23 12:00:00 UTC and closes at "
                    f"2026-11-23 13:00:00 UTC: {HELD} (disk full, INC-1)"
                ),
                OPENED,
                "Approved: Approved: bob approved INC-1: disk full",
            ],
            id="bob has",
        ),
    ],
)
def test_an_emergency_is_announced_at_once(
    approval: dict[str, str] | None, expected: list[str]
) -> None:
    found = emergency(at(0), at(3600), created_at=at(60), approval=approval)
    status = window_status(found, (), frozenset(), at(60))
    assert [f"{e.reason}: {e.message}" for e in status.pending_events] == expected


def test_what_is_unchecked_is_told_ahead_of_an_opening() -> None:
    fields: dict[str, Any] = {"checklist": [{"name": "rollback plan"}], "created_at": at(-30 * DAY)}
    told = story([at(-30 * DAY), at(-3600)], **fields)
    assert told[-1] == f"{upcoming('1h')}; unchecked: rollback plan"


def test_an_invalid_window_is_declared_once_it_is_valid() -> None:
    zone: dict[str, Any] = {"exclusions": [{"date": "2026-12-24", "timeZone": "Mars/Olympus"}]}
    broken = window(ONE_HOUR, created_at=at(-30 * DAY), **zone)
    status = window_status(broken, (), frozenset(), at(-30 * DAY))
    assert [e.reason for e in status.pending_events] == ["WindowInvalid"]
    done = frozenset(e.receipt for e in status.pending_events)
    mended = window(ONE_HOUR, created_at=at(-30 * DAY), generation=2, status=status)
    after = window_status(mended, (), done, at(-29 * DAY))
    assert [e.reason for e in after.pending_events] == ["MaintenanceScheduled"]
    assert utc("2026-11-23T12:00") == after.opens
