from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import at, spec, streak
from tests.core.signals import load, partly

from imchat_operator.core.load import Load, Unknown
from imchat_operator.core.scaling import (
    is_sustained,
    max_gap,
    streaks,
)
from imchat_operator.models import ScaleUpRule, Streak

UP = "above 70% for 1m"
DOWN = "below 30% for 2m"
POLICY = spec(
    scaling={"scaleUp": [{"above": 70, "for": "1m"}], "scaleDown": [{"below": 30, "for": "2m"}]}
)
ANOTHER = "cpu: 3 of 4 gateways report their cpu, 80% are needed"
MINUTE_UP = ScaleUpRule(above=70, for_=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("before", "found", "second", "after"),
    [
        pytest.param((), load(3000), 0, (streak(UP, at(0), at(0)),), id="the first sample above"),
        pytest.param((), load(2800), 0, (), id="a first sample on the threshold is none"),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            load(2801),
            20,
            (streak(UP, at(0), at(20)),),
            id="another sample above feeds the streak",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            load(2801),
            10,
            (streak(UP, at(0), at(10)),),
            id="the same sample again changes nothing",
        ),
        pytest.param(
            (streak(UP, at(0), at(50)),),
            load(2800),
            60,
            (),
            id="a sample on the threshold ends the streak",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            Unknown(why="nobody answers"),
            20,
            (streak(UP, at(0), at(10)),),
            id="an unknown load neither feeds nor ends the streak",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            Unknown(why="nobody answers"),
            50,
            (streak(UP, at(0), at(10)),),
            id="40 s without a sample, four intervals, are survived",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            Unknown(why="nobody answers"),
            50.001,
            (),
            id="a moment more than four intervals is not",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            partly([875] * 4, 1),
            20,
            (streak(UP, at(0), at(10)),),
            id="a sample whose missing figure could turn it is as good as none",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            load(2000, doubts=(ANOTHER,)),
            20,
            (streak(UP, at(0), at(10)),),
            id="so is one without a signal that could be above",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            partly([600] * 4, 1),
            20,
            (),
            id="a sample that tells in spite of a missing figure ends the streak",
        ),
        pytest.param(
            (streak(UP, at(30), at(40)),),
            load(3000),
            20,
            (streak(UP, at(20), at(20)),),
            id="a streak of the future, from before the clock was set back, is none",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            load(3000),
            50,
            (streak(UP, at(0), at(50)),),
            id="a streak goes on after a gap of four intervals",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            load(3000),
            50.001,
            (streak(UP, at(50.001), at(50.001)),),
            id="a streak begins anew after a longer gap",
        ),
        pytest.param(
            (streak("above 60% for 1m", at(0), at(10)),),
            load(3000),
            20,
            (streak(UP, at(20), at(20)),),
            id="a rule that was changed begins anew",
        ),
        pytest.param(
            (streak(UP, at(0), at(10)),),
            load(100),
            20,
            (streak(DOWN, at(20), at(20), (2, at(20))),),
            id="low load ends one streak and begins the other",
        ),
    ],
)
def test_a_streak_is_fed_sample_by_sample(
    before: tuple[Streak, ...],
    found: Load,
    second: float,
    after: tuple[Streak, ...],
) -> None:
    assert streaks(POLICY, 4, before, found, at(second)) == after


@pytest.mark.parametrize(
    ("replicas", "after"),
    [
        pytest.param(
            3, (streak(DOWN, at(0), at(0), (2, at(0))),), id="above minReplicas there is a streak"
        ),
        pytest.param(2, (), id="at minReplicas nothing could come of it"),
    ],
)
def test_the_smallest_fleet_keeps_no_streak_towards_less(
    replicas: int, after: tuple[Streak, ...]
) -> None:
    assert streaks(POLICY, replicas, (), load(100), at(0)) == after


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(at(50), False, id="one sample before the minute is over"),
        pytest.param(at(59.999), False, id="a millisecond before"),
        pytest.param(at(60), True, id="at the minute"),
        pytest.param(at(70), True, id="after it"),
    ],
)
def test_a_streak_is_sustained_when_its_samples_cover_the_time(
    last: datetime,
    expected: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert is_sustained(MINUTE_UP, (streak(UP, at(0), last),), load(2801)) is expected


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(Unknown(why="nobody answers"), id="the load is not known"),
        pytest.param(load(2800), id="the load is on the threshold"),
        pytest.param(partly([875] * 4, 1), id="a missing figure could turn it"),
    ],
)
def test_a_covered_time_does_not_count_unless_the_rule_is_met_now(found: Load) -> None:
    assert not is_sustained(MINUTE_UP, (streak(UP, at(0), at(60)),), found)


def test_a_rule_without_a_streak_is_not_sustained() -> None:
    at_once = ScaleUpRule(above=70, for_=timedelta())
    assert not is_sustained(at_once, (), load(2801))
    assert is_sustained(at_once, (streak("above 70% for 0s", at(0), at(0)),), load(2801))


LOADS: dict[str, Load] = {
    "above": load(2801),
    "on": load(2800),
    "unknown": Unknown(why=""),
}
GAPS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(gaps=GAPS, percents=st.data())
def test_a_streak_covers_exactly_the_samples_since_the_last_break(
    gaps: list[int], percents: st.DataObject
) -> None:
    kinds = percents.draw(
        st.lists(st.sampled_from(sorted(LOADS)), min_size=len(gaps), max_size=len(gaps))
    )
    samples = []
    second = 0
    running: tuple[Streak, ...] = ()
    for gap, kind in zip(gaps, kinds, strict=True):
        second += gap
        samples.append((second, kind))
        running = streaks(POLICY, 2, running, LOADS[kind], at(second))
        assert running == expected_streak(samples)
        covers = bool(running) and running[0].last - running[0].since >= timedelta(seconds=60)
        assert is_sustained(MINUTE_UP, running, LOADS[kind]) == (kind == "above" and covers)


def expected_streak(samples: Iterable[tuple[int, str]]) -> tuple[Streak, ...]:
    """Tell the streak from the whole list of samples, looking back from the latest."""
    backwards = list(samples)[::-1]
    seconds: list[int] = []
    next_known = backwards[0][0]
    for second, kind in backwards:
        if kind == "on" or (kind == "above" and next_known - second > 40):
            break
        if kind == "above":
            seconds.append(second)
            next_known = second
    return (streak(UP, at(seconds[-1]), at(seconds[0])),) if seconds else ()


def test_a_gap_of_four_intervals_is_allowed_unless_the_spec_says_otherwise() -> None:
    assert max_gap(POLICY.metrics) == timedelta(seconds=40)
    told = spec(metrics={"interval": "10s", "maxGap": "25s"})
    assert max_gap(told.metrics) == timedelta(seconds=25)


@pytest.mark.parametrize(
    ("second", "since"),
    [
        pytest.param(25, 0, id="exactly maxGap after the last sample, the streak goes on"),
        pytest.param(26, 26, id="one second more, and it begins anew"),
    ],
)
def test_the_longest_gap_is_the_spec_s(second: int, since: int) -> None:
    gap = {"metrics": {"interval": "10s", "maxGap": "25s"}}
    policy = spec(scaling={"scaleUp": [{"above": 70, "for": "1m"}], "scaleDown": []}, **gap)
    found = streaks(policy, 4, (streak(UP, at(0), at(0)),), load(2801), at(second))
    assert found == (streak(UP, at(since), at(second)),)
