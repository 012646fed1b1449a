"""The pure parts of the soak: its load, its faults by seed, its checks, which can fail."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from soak import checks
from soak.faults import CALM_SECONDS, Happened, Kind, plan
from soak.table import table
from soak.watch import Resources, Sight
from soak.weeks import WEEK_SECONDS, clients, is_window_open, load, most

NOON = datetime(2026, 1, 1, 12, 1, 30, tzinfo=UTC)
OPEN = datetime(2026, 1, 1, 12, 5, 30, tzinfo=UTC)


def test_a_load_is_its_seeds() -> None:
    assert load(2, seed=1) == load(2, seed=1) != load(2, seed=2)
    assert most(load(60, seed=1)) < 200


def test_weekends_are_calmer_than_weekdays() -> None:
    days = [max(clients(day * WEEK_SECONDS / 7 + s, 0) for s in range(34)) for day in range(7)]
    assert min(days[:5]) > max(days[5:])


def test_a_plan_is_its_seeds_and_leaves_the_end_in_peace() -> None:
    faults = plan(3600, 1200, seed=3)
    assert faults == plan(3600, 1200, seed=3) != plan(3600, 1200, seed=4)
    assert {f.kind for f in faults} == set(Kind)
    assert max(f.after + f.seconds for f in faults) < 3600 - CALM_SECONDS
    assert all(f.after < 1200 for f in faults if f.kind is Kind.OPERATOR)
    assert all(a.after + a.seconds < b.after for a, b in pairwise(faults))


@pytest.mark.parametrize(
    ("minute", "second", "is_open"),
    [(5, 0, False), (5, 6, True), (5, 59, True), (6, 0, False), (4, 59, False), (10, 30, True)],
)
def test_the_window_by_the_clock(minute: int, second: int, is_open: bool) -> None:  # noqa: FBT001
    at = datetime(2026, 1, 1, 12, minute, second, tzinfo=UTC)
    assert is_window_open(at, margin=5) is is_open


def resources(minutes: int, **slopes: float) -> list[Resources]:
    """What a process holds, every ten seconds; `slopes` are changes a minute."""

    def at(second: int) -> Resources:
        now = {name: int(base + slopes.get(name, 0) * second / 60) for name, base in BASES.items()}
        return Resources(at=1000.0 + second, pid=1, age=float(second), **now)

    return [at(second) for second in range(0, minutes * 60, 10)]


BASES = {"resident": 80_000_000, "files": 20, "sockets": 10, "threads": 4}


@pytest.mark.parametrize(
    ("slopes", "is_kept"),
    [
        pytest.param({}, True, id="steady"),
        pytest.param({"resident": 20_000}, True, id="a little more memory"),
        pytest.param({"resident": 400_000}, False, id="a leak of memory"),
        pytest.param({"files": 1}, False, id="files"),
        pytest.param({"sockets": 1}, False, id="sockets"),
        pytest.param({"threads": 1}, False, id="threads"),
    ],
)
def test_a_leak_is_found(slopes: dict[str, float], is_kept: bool) -> None:  # noqa: FBT001
    assert checks.no_leak(checks.longest_life(resources(20, **slopes))).is_kept is is_kept


def test_without_a_long_life_nothing_is_said_of_memory() -> None:
    assert not checks.no_leak(checks.longest_life(resources(3))).is_kept


def sights(*changes: dict[str, Any]) -> list[Sight]:
    first = Sight(at=0.0, clock=NOON, replicas=4, since="12:00", repairs=(), status_bytes=1000)
    seen = [first]
    for number, change in enumerate(changes, start=1):
        step = {"at": 30.0 * number, "clock": seen[-1].clock + timedelta(seconds=1)}
        seen.append(replace(seen[-1], **{**step, **change}))
    return seen


@pytest.mark.parametrize(
    ("seen", "interrupted", "is_kept"),
    [
        pytest.param(sights({}, {}), 0, True, id="it lasts"),
        pytest.param(sights({"replicas": 3}, {"replicas": 5}), 0, True, id="the others move"),
        pytest.param(sights({"since": "12:05"}), 0, False, id="begun anew"),
        pytest.param(sights({"since": ""}), 0, False, id="gone"),
        pytest.param(sights({}), 1, False, id="interrupted, as the operator says"),
    ],
)
def test_a_lost_streak_is_found(
    seen: list[Sight],
    interrupted: int,
    is_kept: bool,  # noqa: FBT001
) -> None:
    assert checks.no_lost_streak(seen, interrupted).is_kept is is_kept


def fault(kind: Kind, **changes: Any) -> Happened:
    return replace(Happened(kind=kind, at=100.0, seconds=5.0), **changes)


def test_a_cut_that_no_fault_explains_is_found() -> None:
    happened = [fault(Kind.CRASH, victims=("a",), held=10), fault(Kind.API)]
    assert checks.no_unexplained_cut(13, happened).is_kept
    assert not checks.no_unexplained_cut(14, happened).is_kept


@pytest.mark.parametrize(
    ("seen", "is_kept"),
    [
        pytest.param(sights({"replicas": 3}), True, id="shrunk while it is closed"),
        pytest.param(sights({"clock": OPEN}, {"replicas": 3}), False, id="shrunk while it is open"),
        pytest.param(sights({"clock": OPEN}, {"replicas": 5}), True, id="grown while it is open"),
        pytest.param(
            sights({"repairs": ("2026-01-01T12:04:59Z",)}), True, id="repaired before it opened"
        ),
        pytest.param(
            sights({"repairs": ("2026-01-01T12:05:20Z",)}), False, id="repaired while it was open"
        ),
    ],
)
def test_what_a_window_forbids_is_found(seen: list[Sight], is_kept: bool) -> None:  # noqa: FBT001
    assert checks.windows_kept(seen).is_kept is is_kept


def test_an_end_that_no_pause_explains_is_found() -> None:
    happened = [fault(Kind.API), fault(Kind.CRASH, at=300.0)]
    assert checks.never_ended([110.0], happened).is_kept
    assert not checks.never_ended([310.0], happened).is_kept


def pod(name: str, **annotations: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": annotations}}


def test_what_is_left_over_is_found() -> None:
    cost = pod("b", **{"controller.kubernetes.io/pod-deletion-cost": "-1"})
    assert checks.leftovers([pod("a"), pod("b")], {"drains": []}, 2) == []
    assert len(checks.leftovers([pod("a"), cost], {"drains": [{}]}, 3)) == 3


def test_the_page_shows_what_was_measured() -> None:
    docs = Path(__file__).parents[2] / "docs"
    summary = json.loads((docs / "measured" / "soak.json").read_text(encoding="utf-8"))
    assert table(summary) in (docs / "soak.md").read_text(encoding="utf-8")
