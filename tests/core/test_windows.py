from datetime import datetime
from itertools import islice
from typing import Any

import pytest
from tests.core.fleet import NOON, at, once, recurring, utc, window

from imchat_operator.core.decision import Reason
from imchat_operator.core.snapshot import Window
from imchat_operator.core.windows import (
    Invalid,
    Maintenance,
    Occurrence,
    maintenance,
    occurrence,
    window_status,
)
from imchat_operator.models import Condition, MaintenanceWindowStatus, WindowState

ONE_HOUR = once(at(0), at(3600))


def openings(found: Window, now: datetime, count: int) -> list[Occurrence]:
    def following(now: datetime) -> Any:
        while isinstance(current := occurrence(found, now), Occurrence):
            yield current
            now = current.end

    return list(islice(following(now), count))


@pytest.mark.parametrize(
    ("rrule", "now", "days"),
    [
        pytest.param(
            "FREQ=MONTHLY;BYDAY=1SU",
            "2026-01-01T00:00",
            ["2026-01-04", "2026-02-01", "2026-03-01", "2026-04-05"],
            id="first Sundays are 28 or 35 days apart",
        ),
        pytest.param(
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "2090-01-01T00:00",
            ["2092-02-29", "2096-02-29", "2104-02-29"],
            id="there is no leap day in 2100",
        ),
        pytest.param(
            "FREQ=DAILY;INTERVAL=10;COUNT=3",
            "2026-01-01T00:00",
            ["2026-01-01", "2026-01-11", "2026-01-21"],
            id="INTERVAL and COUNT count from the day of creation",
        ),
        pytest.param(
            "FREQ=DAILY;COUNT=3", "2026-02-01T00:00", [], id="a count that is used up is over"
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20260102T020000Z",
            "2026-01-01T00:00",
            ["2026-01-01", "2026-01-02"],
            id="UNTIL in UTC, as calendars write it",
        ),
    ],
)
def test_a_window_recurs_by_its_rule(rrule: str, now: str, days: list[str]) -> None:
    found = window(recurring(rrule, "02:00", "4h", "UTC"))
    starts = [o.start for o in openings(found, utc(now), max(2, len(days)))]
    assert starts == [utc(f"{day}T02:00") for day in days]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(at(-1), True, id="a second before it opens it is the next"),
        pytest.param(at(0), True, id="the second it opens"),
        pytest.param(at(3599.999), True, id="just before it closes"),
        pytest.param(at(3600), False, id="the second it closes it is over"),
    ],
)
def test_the_end_of_a_window_is_not_part_of_it(now: datetime, expected: bool) -> None:  # noqa: FBT001 -- a table's
    found = occurrence(window(ONE_HOUR), now)
    assert found == (Occurrence(start=at(0), end=at(3600)) if expected else None)


def test_of_several_schedules_the_one_that_opens_first_counts() -> None:
    found = window(once(at(7200), at(9000)), ONE_HOUR, once(at(-9000), at(-7200)))
    assert [occurrence(found, at(s)) for s in (-3600, 3600, 9000)] == [
        Occurrence(start=at(0), end=at(3600)),
        Occurrence(start=at(7200), end=at(9000)),
        None,
    ]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "4h", "Europe/Atlantis"),
            Invalid(
                field="spec.schedules[1].recurring.timeZone",
                why="'Europe/Atlantis' is no time zone that this operator knows",
            ),
            id="an unknown zone",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "4h", "../../etc/passwd"),
            Invalid(
                field="spec.schedules[1].recurring.timeZone",
                why="'../../etc/passwd' is no time zone that this operator knows",
            ),
            id="a path for a zone",
        ),
        pytest.param(
            recurring("FREQ=DAILY", "02:00", "4h", "Europe"),
            Invalid(
                field="spec.schedules[1].recurring.timeZone",
                why="'Europe' is no time zone that this operator knows",
            ),
            id="a folder of zones",
        ),
        pytest.param(
            recurring("FREQ=MONTHLY;BYDAY=1XX", "02:00", "4h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.rrule",
                why="'FREQ=MONTHLY;BYDAY=1XX': BYDAY=1XX must be one of MO to SU, "
                "or numbered up to 5",
            ),
            id="a broken rule",
        ),
        pytest.param(
            recurring("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "02:00", "4h", "UTC"),
            Invalid(
                field="spec.schedules[1].recurring.rrule",
                why="'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31' does not occur within ten years: "
                "correct its BY... parts",
            ),
            id="a rule that never occurs",
        ),
    ],
)
def test_a_window_that_can_not_be_computed_names_the_field(
    schedule: dict[str, Any], expected: Invalid
) -> None:
    found = window(ONE_HOUR, schedule)
    assert occurrence(found, at(0)) == expected
    assert maintenance((found,), (), at(0)) == Maintenance()


def test_the_longest_duration_is_no_trouble() -> None:
    found = window(recurring("FREQ=YEARLY;INTERVAL=999", "02:00", "2562047h", "Pacific/Kiritimati"))
    only = Occurrence(start=utc("2025-12-31T12:00"), end=utc("2318-04-12T11:00"))
    assert openings(found, utc("2026-01-01T00:00"), 2) == [only]


@pytest.mark.parametrize(
    ("windows", "labels", "now", "names", "next_change"),
    [
        pytest.param((), {}, at(0), [], None, id="no window holds nothing"),
        pytest.param((window(ONE_HOUR),), {}, at(-1), [], at(0), id="closed, the next change is"),
        pytest.param((window(ONE_HOUR),), {}, at(0), ["night"], at(3600), id="open until its end"),
        pytest.param((window(ONE_HOUR),), {}, at(3600), [], None, id="closed for good"),
        pytest.param(
            (
                window(ONE_HOUR, name="short"),
                window(once(at(-60), at(7200)), name="long"),
                window(once(at(1800), at(2000)), name="later"),
            ),
            {},
            at(60),
            ["long", "short"],
            at(1800),
            id="of several the one that closes last is named first",
        ),
        pytest.param(
            (window(ONE_HOUR, selector={"matchLabels": {"tier": "gold"}}),),
            {"tier": "gold", "eu": "1"},
            at(0),
            ["night"],
            at(3600),
            id="a selector that takes the cluster",
        ),
        pytest.param(
            (window(ONE_HOUR, selector={"matchLabels": {"tier": "gold"}}),),
            {"tier": "tin"},
            at(0),
            [],
            None,
            id="a selector that takes others",
        ),
    ],
)
def test_windows_hold_the_clusters_that_they_select(
    windows: tuple[Window, ...],
    labels: dict[str, str],
    now: datetime,
    names: list[str],
    next_change: datetime | None,
) -> None:
    found = maintenance(windows, tuple(labels.items()), now)
    assert [w.name for w, _ in found.open] == names
    assert (found.holds, found.next_change) == (bool(names), next_change)


def test_a_held_cluster_is_told_by_whom_and_until_when() -> None:
    found = maintenance((window(ONE_HOUR),), (), NOON)
    assert found.until == "window night holds it until 2026-11-23 13:00:00 UTC"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(
            at(-1),
            (
                WindowState.SCHEDULED,
                Reason.WINDOW_SCHEDULED,
                "opens at 2026-11-23 12:00:00 UTC and closes at 2026-11-23 13:00:00 UTC",
            ),
            id="before it opens it is scheduled",
        ),
        pytest.param(
            at(0),
            (
                WindowState.OPEN,
                Reason.WINDOW_OPEN,
                "healing and scaling down are held until 2026-11-23 13:00:00 UTC",
            ),
            id="while it is open it says what is held",
        ),
        pytest.param(
            at(3600),
            (WindowState.ENDED, Reason.WINDOW_ENDED, "it does not open again"),
            id="after its last time it has ended",
        ),
    ],
)
def test_a_window_tells_where_it_stands(
    now: datetime, expected: tuple[WindowState, Reason, str]
) -> None:
    state, reason, message = expected
    is_over = state is WindowState.ENDED
    assert window_status(window(ONE_HOUR), MaintenanceWindowStatus(), 2, now) == (
        MaintenanceWindowStatus(
            observed_generation=2,
            state=state,
            opens=None if is_over else at(0),
            closes=None if is_over else at(3600),
            conditions=(
                Condition(
                    type="Valid",
                    status="True",
                    reason=reason,
                    message=message,
                    last_transition_time=now,
                    observed_generation=2,
                ),
            ),
        )
    )


def test_a_window_that_can_not_be_computed_tells_what_to_correct() -> None:
    found = window(recurring("FREQ=DAILY", "02:00", "4h", "Europe/Atlantis"))
    status = window_status(found, MaintenanceWindowStatus(), 2, NOON)
    assert (status.state, status.opens, status.closes) == (WindowState.INVALID, None, None)
    assert [c.status for c in status.conditions] == ["False"]
    assert status.conditions[0].message == (
        "spec.schedules[0].recurring.timeZone: "
        "'Europe/Atlantis' is no time zone that this operator knows"
    )


def test_a_window_whose_state_stays_keeps_its_time_of_transition() -> None:
    first = window_status(window(ONE_HOUR), MaintenanceWindowStatus(), 2, at(0))
    assert window_status(window(ONE_HOUR), first, 2, at(60)) == first
