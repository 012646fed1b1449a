"""Replays with answers that can be worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.fleet import CLUSTER, spec, window

from imchat_operator.core.snapshot import Window
from imchat_operator.simulation.fleet import Conditions
from imchat_operator.simulation.hpa import HpaSpec
from imchat_operator.simulation.playback import Load, Run
from imchat_operator.simulation.replay import Policy, replayed, replayed_by_hpa
from imchat_operator.simulation.report import Figures, figures
from imchat_operator.simulation.trace import Trace

START = datetime(2026, 3, 1, 18, tzinfo=UTC)
FOR_EVER = timedelta(days=100_000)
STICKY = Conditions(capacity=1000, startup=timedelta(seconds=30), session=FOR_EVER)
FAST = {
    "target": 60,
    "scaleUp": [{"above": 70, "for": "1m"}],
    "scaleDown": [{"below": 30, "for": "10m"}],
}
HPA = HpaSpec(min_replicas=2, max_replicas=10, average_value=600_000)


def load(*points: tuple[int, int]) -> Load:
    """Return a load of (minute, connections)."""
    times = tuple(START + timedelta(minutes=minute) for minute, _ in points)
    return Load(times=times, wanted=tuple(wanted for _, wanted in points))


def policy(*windows: Window, scaling: dict[str, Any] = FAST) -> Policy:
    """Return a policy for 2 to 10 gateways that samples every 15 seconds."""
    return Policy(
        cluster=CLUSTER,
        spec=spec(metrics={"interval": "15s"}, scaling=scaling),
        windows=windows,
    )


def sizes(found: Figures) -> list[tuple[float, int]]:
    """Return the changes of size as (minute, gateways)."""
    return [((at - START) / timedelta(minutes=1), count) for at, count in found.replicas]


def held(run: Run) -> int:
    """Return the most that any gateway ever held."""
    return max(stretch.hottest for stretch in run.stretches)


def test_a_trace_is_scaled_to_connections_and_never_smoothed() -> None:
    times = tuple(START + timedelta(minutes=n) for n in range(3))
    scaled = Load.of(Trace(times=times, values=(0.0, 50.0, 33.333)), 50, 1000)
    assert scaled == Load(times=times, wanted=(0, 1000, 667))


def test_a_steady_load_at_its_target_changes_nothing() -> None:
    found = figures(replayed(load((0, 1200), (120, 1200)), policy(), STICKY))
    assert found == Figures(
        minutes_above_70=0,
        minutes_above_90=0,
        hottest_minutes_above_90=0,
        pod_hours=4,
        flips=0,
        moved=0,
        cut=0,
        refused=0,
        replicas=((START, 2),),
    )


@pytest.mark.parametrize(
    ("first", "gateways"),
    [
        pytest.param(0, 2, id="minReplicas"),
        pytest.param(1201, 3, id="what the load needs at the target"),
        pytest.param(90_000, 10, id="maxReplicas"),
    ],
)
def test_the_first_size_is_what_the_first_value_needs(first: int, gateways: int) -> None:
    begin = load((0, first), (1, first))
    assert figures(replayed(begin, policy(), STICKY)).replicas[0] == (START, gateways)
    assert figures(replayed_by_hpa(begin, HPA, STICKY)).replicas[0] == (START, gateways)


@pytest.mark.parametrize(
    "startup",
    [
        pytest.param(0, id="it takes no time"),
        pytest.param(20, id="between two samples, which is not waited for"),
        pytest.param(30, id="at a sample"),
    ],
)
def test_growth_waits_for_the_rule_and_then_for_the_new_gateways(startup: int) -> None:
    # 1900 connections on 2 gateways from minute 10 on: seen 7.5 s later, met for a minute at
    # 11:07.5; 4 gateways have 80 % with one lost.
    rise = load((0, 1000), (10, 1900), (20, 1900))
    unmoved = policy(scaling=FAST | {"rebalance": {"mode": "Off"}})
    run = replayed(rise, unmoved, replace(STICKY, startup=timedelta(seconds=startup)))
    found = figures(run)
    assert sizes(found) == [(0, 2), (11.125, 4)]
    late = 1.125 + max(startup, 15) / 60  # the gate of one that is there at once waits for a sample
    assert (found.minutes_above_70, found.minutes_above_90) == (late, late)
    assert found.hottest_minutes_above_90 == 10  # nobody moves to the new ones
    assert found.pod_hours == pytest.approx((2 * 11.125 + 4 * 8.875) / 60)


def test_clients_that_all_gateways_refuse_are_counted_once() -> None:
    rise = load((0, 1000), (10, 2300), (15, 2300))
    found = figures(replayed(rise, policy(), STICKY))
    assert found.refused == 300
    assert found.minutes_above_90 == 1.625  # 7.5 s, the rule's minute, 30 s until ready


def test_shrinking_drains_and_cuts_nobody() -> None:
    fall = load((0, 3000), (10, 900), (60, 900))
    run = replayed(fall, policy(), STICKY)
    found = figures(run)
    assert sizes(found)[0] == (0, 5)
    assert found.replicas[-1][1] < 5
    assert 20 < sizes(found)[1][0] < 22  # ten minutes below 30 %, then the drain
    assert found.cut == 0
    assert 0 < found.moved < 900
    assert found.refused == 0


def test_a_window_holds_a_scale_down() -> None:
    all_day = {"once": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}}
    fall = load((0, 3000), (10, 900), (60, 900))
    found = figures(replayed(fall, policy(window(all_day)), STICKY))
    assert sizes(found) == [(0, 5)]


def test_the_hpa_grows_at_once_and_cuts_what_it_removes() -> None:
    # 1900 connections need 4 for 600 each. The last sync that sees them is at 19:52.5, and is
    # remembered for 300 s.
    peak = load((0, 1000), (10, 1900), (20, 600), (30, 600))
    found = figures(replayed_by_hpa(peak, HPA, STICKY))
    assert sizes(found) == [(0, 2), (10.125, 4), (24.875, 2)]
    assert found.minutes_above_90 == 0.625
    assert found.flips == 1
    assert found.cut == found.moved
    assert held(replayed_by_hpa(peak, HPA, STICKY)) == 950


def test_a_replay_gives_the_same_run_again() -> None:
    waves = load(*((n, 1000 + 700 * (n % 3)) for n in range(0, 180, 7)))
    random_sessions = Conditions(session=timedelta(minutes=10))
    assert replayed(waves, policy(), random_sessions) == replayed(waves, policy(), random_sessions)


def test_another_interval_is_another_policy() -> None:
    slow = policy().sampled_every(timedelta(minutes=5))
    assert slow.spec.metrics.interval == timedelta(minutes=5)
    assert slow.spec.scaling == policy().spec.scaling
