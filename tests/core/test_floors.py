"""How small the fleet may be: minReplicas, and known events to the second."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.decisions import (
    DOWN,
    condition,
    decided,
    leaving,
    messages,
    policy,
    scale,
    scaled,
    scaling,
)
from tests.core.fleet import (
    NOON,
    at,
    gateways,
    isolated,
    once,
    recurring,
    resize,
    snapshot,
    streak,
    utc,
    victim,
    window,
)

from imchat_operator.core.decision import (
    Reason,
)
from imchat_operator.core.floors import floor, next_event
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import (
    Snapshot,
)
from imchat_operator.models import Phase

MINIMUM = Floor(replicas=2, reason=Reason.AT_MINIMUM, why="minReplicas is 2")
DERBY = {"name": "derby", "minReplicas": 6, **once(at(3600), at(7200))}
PREPARED = Floor(
    replicas=6,
    reason=Reason.SCHEDULED_CAPACITY,
    why="schedule derby wants 6 until 2026-11-23 14:00 UTC",
)


def with_schedules(*schedules: dict[str, Any], now: datetime = NOON, **fields: Any) -> Snapshot:
    return snapshot(now=now, spec=policy(schedules=schedules), **fields)


@pytest.mark.parametrize(
    ("prepare", "second", "expected"),
    [
        pytest.param({}, 2699, MINIMUM, id="one second before the 15 minutes of preparation"),
        pytest.param({}, 2700, PREPARED, id="exactly 15 minutes before the start"),
        pytest.param({}, 3600, PREPARED, id="at the start"),
        pytest.param({}, 7199, PREPARED, id="one second before the end"),
        pytest.param({}, 7200, MINIMUM, id="at the end"),
        pytest.param({"prepare": "1h"}, 0, PREPARED, id="as long ahead as it says"),
        pytest.param({"prepare": "0s"}, 3599, MINIMUM, id="without preparation, a second before"),
        pytest.param({"prepare": "0s"}, 3600, PREPARED, id="without preparation, at the start"),
    ],
)
def test_a_known_event_raises_the_floor_ahead_of_time(
    prepare: dict[str, str], second: int, expected: Floor
) -> None:
    assert floor(with_schedules({**DERBY, **prepare}, now=at(second)), None) == expected


def test_of_several_floors_the_highest_counts_and_the_first_of_equal_ones() -> None:
    smaller = {**DERBY, "name": "concert", "minReplicas": 5}
    same = {**DERBY, "name": "other"}
    assert floor(with_schedules(smaller, DERBY, same, now=at(3600)), None) == PREPARED
    as_small = {**DERBY, "minReplicas": 2}
    assert floor(with_schedules(as_small, now=at(3600)), None) == MINIMUM


def test_a_schedule_wants_no_more_than_max_replicas() -> None:
    assert floor(with_schedules({**DERBY, "minReplicas": 11}, now=at(3600)), None) == Floor(
        replicas=10,
        reason=Reason.SCHEDULED_CAPACITY,
        why="schedule derby wants 11 until 2026-11-23 14:00 UTC, maxReplicas is 10",
    )


@pytest.mark.parametrize(
    ("moment", "raised"),
    [
        # 18:00 in New York is 23:00 UTC on Saturday, and 22:00 UTC on Sunday, 8 March 2026.
        pytest.param("2026-03-07T22:44:59", False, id="Saturday, a second before 17:45"),
        pytest.param("2026-03-07T22:45:00", True, id="Saturday at 17:45 in winter time"),
        pytest.param("2026-03-08T21:44:59", False, id="Sunday, a second before 17:45"),
        pytest.param("2026-03-08T21:45:00", True, id="Sunday at 17:45 in summer time"),
        pytest.param("2026-03-08T22:59:59", True, id="Sunday, a second before 19:00"),
        pytest.param("2026-03-08T23:00:00", False, id="Sunday at 19:00"),
    ],
)
def test_a_recurring_event_keeps_its_local_time_when_the_clocks_change(
    moment: str,
    raised: bool,  # noqa: FBT001 -- a table's
) -> None:
    daily = {
        "name": "push",
        "minReplicas": 7,
        **recurring("FREQ=DAILY", "18:00", "1h", "America/New_York"),
    }
    found = floor(with_schedules(daily, now=utc(moment)), None)
    assert found.replicas == (7 if raised else 2)


def test_the_preparation_may_begin_in_the_hour_that_the_clocks_skip() -> None:
    # Berlin, 29 March 2026: 02:00 becomes 03:00, which is 01:00 UTC.
    early = {
        "name": "early",
        "minReplicas": 7,
        "prepare": "30m",
        **recurring("FREQ=DAILY", "03:10", "1h", "Europe/Berlin"),
    }
    before, after = utc("2026-03-29T00:39:59"), utc("2026-03-29T00:40:00")
    assert floor(with_schedules(early, now=before), None) == MINIMUM
    assert floor(with_schedules(early, now=after), None).replicas == 7


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(
            recurring("FREQ=DAILY", "18:00", "1h", "Mars/Olympus"),
            "spec.scaling.schedules[1].recurring.timeZone: "
            "'Mars/Olympus' is no time zone that this operator knows",
            id="a zone that nobody knows",
        ),
        pytest.param(
            recurring("FREQ=DAILY;BYDAY=XX", "18:00", "1h", "UTC"),
            "spec.scaling.schedules[1].recurring.rrule: ",
            id="a rule that can't be read",
        ),
    ],
)
def test_a_schedule_that_can_not_be_computed_is_a_condition_and_the_others_count(
    rule: dict[str, Any], message: str
) -> None:
    broken = {"name": "broken", "minReplicas": 9, **rule}
    found = decided(spec=policy(schedules=[{**DERBY, "prepare": "1h"}, broken]))
    state = condition(found, "Ready")
    assert state[:2] == ("False", "SpecInvalid")
    assert state[2].startswith(message)
    assert scaled(found) == [scale(4, 6)]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(0, at(2700), id="when its preparation begins"),
        pytest.param(2699, at(2700), id="until a second before"),
        pytest.param(2700, at(7200), id="from then on, when it ends"),
        pytest.param(7200, None, id="never, once it is over"),
    ],
)
def test_the_next_event_is_looked_at_in_time(second: int, expected: datetime | None) -> None:
    assert next_event(with_schedules(DERBY, now=at(second))) == expected


def test_the_next_look_is_taken_as_soon_as_the_preparation_begins() -> None:
    wait = decided(now=2697, spec=policy(schedules=[DERBY])).next_check
    assert wait == timedelta(seconds=3, milliseconds=50)


def test_times_at_the_ends_of_the_calendar_do_no_harm() -> None:
    always = once(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
    odd = {"name": "always", "minReplicas": 3, "prepare": "2562047h", **always}
    found = with_schedules(odd)
    assert (floor(found, None).replicas, next_event(found)) == (
        3,
        datetime(9999, 12, 31, tzinfo=UTC),
    )


def test_a_fleet_below_an_event_s_floor_grows_at_once_in_a_window_and_while_it_rests() -> None:
    found = decided(
        now=2700,
        spec=policy(schedules=[DERBY], cooldown={"scaleUp": "1h"}),
        windows=(window(once(at(0), at(9999))),),
        history={"last_resizes": [{"direction": "ScaleUp", "at": at(2699)}]},
    )
    assert scaled(found) == [scale(4, 6)]
    assert scaling(found)[2] == f"4 → 6 gateways, {PREPARED.why}"


def test_a_fleet_on_an_event_s_floor_says_so_and_does_not_shrink() -> None:
    low = streak(DOWN, at(2580), at(2700))
    at_floor: dict[str, Any] = {
        "spec": policy(schedules=[{**DERBY, "minReplicas": 4}]),
        "load": 200,
    }
    quiet = decided(now=2700, **{**at_floor, "load": 400})
    why = "schedule derby wants 4 until 2026-11-23 14:00 UTC"
    message = f"the fleet has what it needs at least: {why}"
    assert scaling(quiet) == ("False", "ScheduledCapacity", message)
    held = decided(low, now=2700, **at_floor)
    assert scaling(held)[:2] == ("False", "ScheduledCapacity")
    assert scaling(held)[2].endswith(why)
    assert leaving(held) == []


def test_an_event_s_floor_in_mid_drain_undoes_the_scale_down() -> None:
    found = decided(
        now=2700,
        spec=policy(schedules=[{**DERBY, "minReplicas": 4}]),
        gateways=(isolated("a"), *gateways("bcd")),
        history={"resize": resize(4, 3, at(2690)), "drains": (victim(phase=Phase.DRAINING),)},
    )
    why = "undone, schedule derby wants 4 until 2026-11-23 14:00 UTC now"
    assert messages(found, "ScaleDownUndone") == [f"4 → 3 gateways: {why}"]
    assert (found.status.resize, found.status.drains) == (None, ())
