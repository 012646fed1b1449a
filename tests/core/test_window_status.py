"""Where a window stands: its state, its times and its conditions."""

from datetime import datetime
from typing import Any

import pytest
from tests.core.fleet import at, emergency, once, recurring, utc, window

from imchat_operator.core.snapshot import Window
from imchat_operator.core.window_status import next_change, window_status
from imchat_operator.models import MaintenanceWindowStatus, WindowState

ONE_HOUR = once(at(0), at(3600))
DAILY = recurring("FREQ=DAILY", "12:00", "1h", "UTC")


def standing(found: Window, now: datetime, *clusters: str) -> MaintenanceWindowStatus:
    return window_status(found, clusters, frozenset(), now)


def condition(status: MaintenanceWindowStatus, kind: str) -> tuple[str, str, str] | None:
    found = [c for c in status.conditions if c.type == kind]
    return (found[0].status, found[0].reason, found[0].message) if found else None


@pytest.mark.parametrize(
    ("found", "now", "state", "times", "valid"),
    [
        pytest.param(
            window(ONE_HOUR),
            at(-1),
            WindowState.SCHEDULED,
            (at(0), at(3600), at(0)),
            (
                "True",
                "WindowScheduled",
                "opens at 2026-11-23 12:00:00 UTC and closes at 2026-11-23 13:00:00 UTC",
            ),
            id="before it opens it is scheduled",
        ),
        pytest.param(
            window(DAILY),
            at(0),
            WindowState.OPEN,
            (at(0), at(3600), at(86400)),
            (
                "True",
                "WindowOpen",
                "Healing, ScaleDown and Rebalance are held until 2026-11-23 13:00:00 UTC",
            ),
            id="while it is open it says what is held, and when it opens next",
        ),
        pytest.param(
            window(ONE_HOUR, effect="Permit"),
            at(0),
            WindowState.OPEN,
            (at(0), at(3600), None),
            (
                "True",
                "WindowOpen",
                "ScaleDown and Rebalance may go on until 2026-11-23 13:00:00 UTC",
            ),
            id="a Permit says what may go on",
        ),
        pytest.param(
            window(ONE_HOUR),
            at(3600),
            WindowState.ENDED,
            (None, None, None),
            ("True", "WindowEnded", "it does not open again"),
            id="after its last time it has ended",
        ),
        pytest.param(
            window(recurring("FREQ=DAILY", "02:00", "4h", "Europe/Atlantis")),
            at(0),
            WindowState.INVALID,
            (None, None, None),
            (
                "False",
                "WindowInvalid",
                (
                    "spec.schedules[0].recurring.timeZone: "
                    "'Europe/Atlantis' is no time zone that this operator knows"
                ),
            ),
            id="one that can't be computed names the field",
        ),
        pytest.param(
            emergency(at(0), at(3600)),
            at(0),
            WindowState.UNAPPROVED,
            (at(0), at(3600), None),
            (
                "True",
                "WindowScheduled",
                "opens at 2026-11-23 12:00:00 UTC and closes at 2026-11-23 13:00:00 UTC",
            ),
            id="an emergency that nobody approved is not open",
        ),
        pytest.param(
            emergency(at(0), at(86400), approval={"approvedBy": "bob"}),
            at(0),
            WindowState.OPEN,
            (at(0), at(8 * 3600), None),
            (
                "True",
                "WindowOpen",
                "Healing, ScaleDown and Rebalance are held until 2026-11-23 20:00:00 UTC",
            ),
            id="an approved one is, for eight hours at most",
        ),
        pytest.param(
            window(DAILY, type="Emergency", reason="r", ticket="t", requestedBy="alice"),
            at(0),
            WindowState.INVALID,
            (None, None, None),
            ("False", "WindowInvalid", "spec.schedules: an Emergency is one schedule with once"),
            id="an emergency does not recur",
        ),
    ],
)
def test_a_window_tells_where_it_stands(
    found: Window,
    now: datetime,
    state: WindowState,
    times: tuple[datetime | None, ...],
    valid: tuple[str, str, str],
) -> None:
    status = standing(found, now)
    assert (status.state, status.opens, status.closes, status.next) == (state, *times)
    assert condition(status, "Valid") == valid
    assert status.observed_generation == found.generation


@pytest.mark.parametrize(
    ("found", "kind", "expected"),
    [
        pytest.param(window(ONE_HOUR), "Approved", None, id="a planned window needs no approval"),
        pytest.param(
            emergency(at(0), at(3600)),
            "Approved",
            (
                "False",
                "ApprovalMissing",
                (
                    "it does nothing: spec.approval is missing, "
                    "which a user with the verb approve on maintenancewindows sets"
                ),
            ),
            id="an emergency that nobody approved says why it does nothing",
        ),
        pytest.param(
            emergency(at(0), at(3600), approval={"approvedBy": "bob"}),
            "Approved",
            ("True", "Approved", "bob approved INC-1: disk full"),
            id="an approved one tells by whom",
        ),
        pytest.param(emergency(at(0), at(3600)), "NoticeGiven", None, id="nor is it announced"),
        pytest.param(
            window(ONE_HOUR),
            "NoticeGiven",
            ("True", "NoticeGiven", "declared at 2026-01-01 00:00:00 UTC"),
            id="notice was given in time",
        ),
        pytest.param(
            window(ONE_HOUR, notice=[]), "NoticeGiven", None, id="where none is due none is given"
        ),
        pytest.param(
            window(ONE_HOUR, created_at=at(-3600)),
            "NoticeGiven",
            (
                "False",
                "ShortNotice",
                (
                    "the opening at 2026-11-23 12:00:00 UTC takes place: declared 1h ahead, "
                    "168h are due"
                ),
            ),
            id="a window that is declared too late takes place",
        ),
        pytest.param(
            window(ONE_HOUR, created_at=at(-3600), noticePolicy="Require"),
            "NoticeGiven",
            (
                "False",
                "ShortNotice",
                (
                    "the opening at 2026-11-23 12:00:00 UTC is skipped: declared 1h ahead, "
                    "168h are due"
                ),
            ),
            id="unless notice is required",
        ),
        pytest.param(window(ONE_HOUR), "ChecklistComplete", None, id="no checklist"),
        pytest.param(
            window(
                ONE_HOUR,
                checklist=[
                    {"name": "ticket", "done": True},
                    {"name": "rollback plan"},
                    {"name": "cake", "required": False},
                    {"name": "status page"},
                ],
            ),
            "ChecklistComplete",
            ("False", "ChecklistIncomplete", "unchecked: rollback plan, status page"),
            id="what is required and not done is named",
        ),
        pytest.param(
            window(ONE_HOUR, checklist=[{"name": "ticket", "done": True}]),
            "ChecklistComplete",
            ("True", "ChecklistComplete", "what is required is done"),
            id="what is required is done",
        ),
    ],
)
def test_a_window_has_conditions_before_it_opens(
    found: Window, kind: str, expected: tuple[str, str, str] | None
) -> None:
    assert condition(standing(found, at(-1)), kind) == expected


@pytest.mark.parametrize(
    ("fields", "opens"),
    [
        pytest.param({}, "2026-11-20T12:00", id="it opens all the same"),
        pytest.param({"noticePolicy": "Require"}, "2026-11-27T12:00", id="a week is skipped"),
        pytest.param(
            {"noticePolicy": "Require", "notice": ["30h"]}, "2026-11-21T12:00", id="a day is"
        ),
        pytest.param(
            {"noticePolicy": "Require", "notice": []}, "2026-11-20T12:00", id="none is due"
        ),
    ],
)
def test_where_notice_is_required_the_first_openings_are_skipped(
    fields: dict[str, Any], opens: str
) -> None:
    created = utc("2026-11-20T06:00")
    found = window(DAILY, created_at=created, **fields)
    assert standing(found, created).opens == utc(opens)


@pytest.mark.parametrize(
    ("clusters", "shown"),
    [
        pytest.param([], "", id="none"),
        pytest.param(["web", "chat"], "chat, web", id="in order"),
        pytest.param(["a", "b", "c", "d", "e"], "a, b, c and 2 more", id="of many the first"),
    ],
)
def test_a_window_shows_the_clusters_it_is_for(clusters: list[str], shown: str) -> None:
    assert standing(window(ONE_HOUR), at(0), *clusters).clusters == shown


@pytest.mark.parametrize(
    ("found", "now", "expected"),
    [
        pytest.param(window(ONE_HOUR), at(-8 * 86400), at(-7 * 86400), id="a notice is due"),
        pytest.param(window(ONE_HOUR), at(-60), at(0), id="it opens"),
        pytest.param(window(ONE_HOUR), at(0), at(3600), id="it closes"),
        pytest.param(window(ONE_HOUR), at(3600), None, id="nothing more"),
        pytest.param(
            window(recurring("FREQ=WEEKLY;BYDAY=MO", "12:00", "4h", "UTC"), notice=["167h"]),
            at(0),
            at(3600),
            id="a notice of the next opening is due while it is open",
        ),
    ],
)
def test_a_status_may_change_by_itself(
    found: Window, now: datetime, expected: datetime | None
) -> None:
    assert next_change(found, now) == expected


def test_a_window_whose_state_stays_keeps_its_status() -> None:
    first = standing(window(ONE_HOUR), at(0))
    told = frozenset(e.receipt for e in first.pending_events)
    again = window_status(window(ONE_HOUR, status=first), (), told, at(60))
    assert again == first.model_copy(update={"pending_events": ()})
