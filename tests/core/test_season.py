"""The season's floor: what came before raises the fleet ahead of time, and never lowers it."""

from datetime import datetime, timedelta

import pytest
from tests.core.decisions import (
    decided,
    policy,
    scale,
    scaled,
    scaling,
)
from tests.core.fleet import (
    NOON,
    at,
    snapshot,
    status,
    utc,
)
from tests.core.signals import (
    load,
)

from imchat_operator.core.decision import Reason
from imchat_operator.core.floors import floor, peaks
from imchat_operator.core.load import Unknown
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import (
    Snapshot,
    TargetMissing,
)
from imchat_operator.models import MOST_SLOTS, Peak

# Slots of 24h are 15 minutes: noon of 23 November 2026 begins slot 48 of day 20780.
TODAY = (utc("2026-11-23T00:00") - utc("1970-01-01T00:00")).days
SLOT = 48
DAILY = {"period": "24h"}
MINIMUM = Floor(replicas=2, reason=Reason.AT_MINIMUM, why="minReplicas is 2")


def seasonal(*seen: Peak, now: datetime = NOON, **season: str) -> Snapshot:
    policy_ = policy(season={**DAILY, **season})
    return snapshot(now=now, spec=policy_, history=status(peaks=seen))


def yesterday(slot: int, load: int = 4200) -> Peak:
    return Peak(slot=slot, period=TODAY - 1, load=load)


RAISED = Floor(
    replicas=7,
    reason=Reason.SEASONAL_FLOOR,
    why="4.2 gateways' worth of load came at this time of the season before",
)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(-1801, MINIMUM, id="one second more than half an hour ahead"),
        pytest.param(-1800, RAISED, id="half an hour ahead of its quarter of an hour"),
        pytest.param(0, RAISED, id="when it began"),
        pytest.param(899, RAISED, id="in its last second"),
        pytest.param(900, MINIMUM, id="once it is over"),
    ],
)
def test_yesterday_s_peak_raises_the_floor_half_an_hour_ahead(second: int, expected: Floor) -> None:
    assert floor(seasonal(yesterday(SLOT), now=at(second)), None) == expected


@pytest.mark.parametrize(
    ("lead", "second", "replicas"),
    [
        pytest.param("0s", -1, 2, id="without a lead, a second before"),
        pytest.param("0s", 0, 7, id="without a lead, at once"),
        pytest.param("1h", -3601, 2, id="an hour's lead, a second before"),
        pytest.param("1h", -3600, 7, id="an hour's lead"),
    ],
)
def test_the_lead_is_the_spec_s(lead: str, second: int, replicas: int) -> None:
    found = seasonal(yesterday(SLOT), now=at(second), lead=lead)
    assert floor(found, None).replicas == replicas


@pytest.mark.parametrize(
    ("seen", "replicas"),
    [
        pytest.param((), 2, id="nothing was seen yet"),
        pytest.param((yesterday(SLOT, 100),), 2, id="less than minReplicas never lowers"),
        pytest.param((yesterday(SLOT, 4200),), 7, id="a peak that fills seven to 60%"),
        pytest.param((yesterday(SLOT, 4201),), 8, id="a thousandth of a gateway more"),
        pytest.param((yesterday(SLOT, 99_000),), 10, id="no more than maxReplicas"),
        pytest.param((yesterday(SLOT, 3000), yesterday(SLOT + 1)), 7, id="the highest ahead"),
        pytest.param((yesterday(SLOT + 3),), 2, id="further ahead than the lead"),
        pytest.param((Peak(slot=SLOT, period=TODAY, load=4200),), 2, id="today's own peak"),
        pytest.param(
            (Peak(slot=SLOT, period=TODAY, load=9, before=4200),),
            7,
            id="yesterday's, after today's first sample",
        ),
        pytest.param(
            (Peak(slot=SLOT, period=TODAY - 2, load=4200),), 2, id="the day before yesterday's"
        ),
    ],
)
def test_only_the_season_before_counts(seen: tuple[Peak, ...], replicas: int) -> None:
    assert floor(seasonal(*seen), None).replicas == replicas


def test_the_lead_reaches_into_the_next_season() -> None:
    # 23:45 today; the first quarter of today was busy, and so will be tomorrow's.
    late = utc("2026-11-23T23:45")
    first = Peak(slot=0, period=TODAY, load=4200)
    assert floor(seasonal(first, now=late), None) == RAISED
    assert floor(seasonal(first, now=late - timedelta(minutes=31)), None) == MINIMUM


def test_a_lead_longer_than_the_season_sees_all_of_it() -> None:
    seen = Peak(slot=SLOT, period=TODAY, load=4200)
    assert floor(seasonal(seen, now=at(900), lead="2562047h"), None) == RAISED
    assert floor(seasonal(seen, now=at(899), lead="2562047h"), None) == MINIMUM


def test_without_a_season_nothing_is_learned_or_raised() -> None:
    found = snapshot(history=status(peaks=(yesterday(SLOT),)))
    assert floor(found, None) == MINIMUM
    assert peaks(found, load(3000)) == ()


@pytest.mark.parametrize(
    ("seen", "found", "expected"),
    [
        pytest.param(
            (), load(3000), (Peak(slot=SLOT, period=TODAY, load=3000),), id="the first sample"
        ),
        pytest.param(
            (Peak(slot=SLOT, period=TODAY, load=3000),),
            load(2999),
            (Peak(slot=SLOT, period=TODAY, load=3000),),
            id="a lower sample changes nothing",
        ),
        pytest.param(
            (Peak(slot=SLOT, period=TODAY, load=3000, before=7),),
            load(3001),
            (Peak(slot=SLOT, period=TODAY, load=3001, before=7),),
            id="a higher one is the new peak",
        ),
        pytest.param(
            (yesterday(SLOT),),
            load(3000),
            (Peak(slot=SLOT, period=TODAY, load=3000, before=4200),),
            id="yesterday's is kept beside today's",
        ),
        pytest.param(
            (Peak(slot=SLOT, period=TODAY - 2, load=4200),),
            load(3000),
            (Peak(slot=SLOT, period=TODAY, load=3000),),
            id="an older one is not",
        ),
        pytest.param(
            (yesterday(3), Peak(slot=5, period=TODAY - 2, load=9), yesterday(90)),
            load(3000),
            (yesterday(3), Peak(slot=SLOT, period=TODAY, load=3000), yesterday(90)),
            id="what is older than a season goes, the rest stays in order",
        ),
        pytest.param(
            (yesterday(SLOT),), Unknown(why="it is down"), (yesterday(SLOT),), id="unknown"
        ),
    ],
)
def test_a_sample_is_remembered_if_it_is_a_peak(
    seen: tuple[Peak, ...], found: object, expected: tuple[Peak, ...]
) -> None:
    assert peaks(seasonal(*seen), found) == expected  # type: ignore[arg-type]  # of a table


def test_a_peak_counts_gateways_so_that_another_capacity_does_not_matter() -> None:
    (found,) = peaks(seasonal(), load(3000, capacity=500))
    assert found.load == 6000


def test_a_status_holds_no_more_than_one_season() -> None:
    seen: tuple[Peak, ...] = ()
    for quarter in range(3 * MOST_SLOTS):
        moment = at(900 * quarter)
        seen = peaks(seasonal(*seen, now=moment), load(1000 + quarter))
        assert len(seen) <= MOST_SLOTS
    assert [p.slot for p in seen] == list(range(MOST_SLOTS))


def test_the_shortest_season_does_no_harm() -> None:
    found = seasonal(yesterday(SLOT), period="0.001ms", lead="2562047h")
    assert floor(found, None).replicas == 2
    assert len(peaks(found, load(3000))) <= 2


def test_a_missing_target_does_not_make_forget_a_season() -> None:
    found = decided(
        target=TargetMissing(why="there is none"),
        gateways=(),
        history={"peaks": (yesterday(SLOT),)},
        spec=policy(season=DAILY),
    )
    assert found.status.peaks == (yesterday(SLOT),)


def test_a_fleet_on_the_season_s_floor_grows_to_it_and_says_why() -> None:
    found = decided(spec=policy(season=DAILY), history={"peaks": (yesterday(SLOT),)})
    assert scaled(found) == [scale(4, 7)]
    assert scaling(found)[2] == f"4 → 7 gateways, {RAISED.why}"
