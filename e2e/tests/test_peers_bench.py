"""The pure parts of the comparison with the HPA: what was seen → figures, file, tables, objects."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from healing_bench.watch import Life
from peers_bench import results
from peers_bench.course import (
    Course,
    Failure,
    Sample,
    figures,
    flips,
    instability,
    repair,
    worst,
)
from peers_bench.machine import Busy
from peers_bench.plot import save
from peers_bench.results import as_json, kept, run_of
from peers_bench.setting import CAPACITY, LEAST, PARTS, SPEED, scaled, scaled_seconds
from peers_bench.subjects import SUBJECTS
from peers_bench.table import cell, table

BY_NAME = {subject.name: subject for subject in SUBJECTS}
BUSY = Busy(idle=20.0, niced=5.0)


def lives(count: int, first: int = 0) -> frozenset[Life]:
    return frozenset(Life(uid=str(first + n), restarts=0) for n in range(count))


def sample(at: float, wanted: int, serving: int, **changes: Any) -> Sample:
    usual = {"connected": wanted, "pods": serving, "replicas": serving}
    return Sample(at=at, wanted=wanted, serving=lives(serving), **{**usual, **changes})


def report(**counts: Any) -> dict[str, Any]:
    zeros = dict.fromkeys(("dropped", "refused", "returned", "sent", "lost"), 0)
    at_rest = {"target": 100, "connected": 100, "withoutServiceSeconds": 0.0, "closed": {}}
    return {**at_rest, **zeros, **counts}


def course(*samples: Sample, failures: tuple[Failure, ...] = ()) -> Course:
    last = report(closed={"1012": 7, "1001": 5}, dropped=3, sent=100, lost=2)
    return Course(samples=samples, reports=((0.0, report()), (9.0, last)), failures=failures)


@pytest.mark.parametrize(
    ("wanted", "demand"),
    [
        pytest.param(0, LEAST, id="never below the least"),
        pytest.param(70, 4, id="four gateways at just 70 %"),
        pytest.param(70 + 1, 5, id="one client more takes another gateway"),
        pytest.param(10_000, 16, id="never above the most"),
    ],
)
def test_the_demand_is_what_holds_70_percent(wanted: int, demand: int) -> None:
    assert sample(0, wanted, 3).demand == demand


def test_time_is_the_traces_and_a_sample_holds_until_the_next() -> None:
    full = 4 * CAPACITY
    found = figures(
        course(
            sample(0, full * 60 // 100, 4),
            sample(2, full * 80 // 100, 4),
            sample(5, full * 95 // 100, 4, pods=5),
            sample(9, full * 50 // 100, 5),
        )
    )
    assert found.minutes_above_70 == pytest.approx(7 * SPEED / 60)
    assert found.minutes_above_90 == pytest.approx(4 * SPEED / 60)
    assert found.pod_hours == pytest.approx((5 * 4 + 4 * 5) * SPEED / 3600)
    assert (found.moved, found.ended, found.cut, found.unanswered) == (7, 5, 3, 2)


def test_elasticity_counts_what_lacks_and_what_is_too_much() -> None:
    found = figures(course(sample(0, 70, 2), sample(1, 70, 5), sample(4, 70, 4)))
    assert (found.under_time, found.over_time) == (25, 75)
    assert found.under_accuracy == pytest.approx(100 * (2 / 4) / 4)
    assert found.over_accuracy == pytest.approx(100 * (1 / 4) * 3 / 4)


def test_supply_that_follows_late_is_unstable_twice() -> None:
    at_once = [sample(0, 70, 4), sample(1, 87, 5), sample(2, 87, 5)]
    late = [sample(0, 70, 4), sample(1, 87, 4), sample(2, 87, 5)]
    assert (instability(at_once), instability(late)) == (0, 100)


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        pytest.param([3, 4, 4, 5], 0, id="up and up"),
        pytest.param([3, 5, 4], 1, id="up and down"),
        pytest.param([3, 5, 5, 4, 6], 2, id="up, down and up"),
    ],
)
def test_flips(sizes: list[int], count: int) -> None:
    assert flips(sizes) == count


def test_the_worst_second_is_no_longer_gap_and_no_shorter_one() -> None:
    rows = [(0.0, report()), (2.0, report(returned=10)), (2.1, report(returned=14))]
    assert worst(rows, lambda each: int(each["returned"])) == 5


def failed(at: float = 1.0) -> Failure:
    return Failure(kind="node dies", at=at, victims=lives(1), held=9)


def test_capacity_is_back_once_others_serve_in_the_victims_place() -> None:
    others = replace(sample(6, 100, 4), serving=lives(4, first=1))
    seen = [sample(0, 100, 4), sample(2, 100, 4), sample(4, 100, 4), others, sample(9, 100, 4)]
    assert repair(course(*seen), failed()).capacity_back == 5
    assert repair(course(*seen[:3]), failed()).capacity_back is None
    # A fleet that has been made smaller meanwhile is whole with fewer.
    smaller = sample(3, 100, 4, replicas=3)
    assert repair(course(seen[0], smaller, *seen[3:]), failed()).capacity_back == 2


def test_users_are_back_only_if_they_stay() -> None:
    counts = [100, 100, 60, 98, 90, 98, 99, 100, 100]
    rows = [(float(at), report(connected=count)) for at, count in enumerate(counts)]
    seen = Course(samples=[sample(0, 100, 3), sample(9, 100, 3)], reports=rows, failures=())
    assert repair(seen, failed(at=0.5)).users_back == 4.5
    cut_short = replace(seen, reports=rows[:7])
    assert repair(cut_short, failed(at=0.5)).users_back is None


def a_run(minutes: float = 2.0) -> results.Run:
    seen = course(
        *(sample(n, 70, 4) for n in range(9)), failures=(failed(), replace(failed(), at=2.0))
    )
    found = replace(figures(seen), minutes_above_70=minutes)
    names = [subject.name for subject in SUBJECTS]
    return run_of(
        "worldcup", {"cores": 2}, BUSY, dict.fromkeys(names, seen), dict.fromkeys(names, found)
    )


def test_a_results_file_is_added_to_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert kept(file) == ()
    runs = [a_run(), a_run(3.0)]
    file.write_text(as_json(runs))
    assert list(kept(file)) == runs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[]", "does not hold runs", id="something else"),
        pytest.param('{"setting": {}, "runs": []}', "of another setting", id="other settings"),
    ],
)
def test_a_file_that_cannot_be_added_to_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        kept(file)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([2.0], "2", id="one run"),
        pytest.param([1.26, 0.5, 3.0], "1.3 (0.5 to 3)", id="median and span"),
        pytest.param([4.0, None], "never (4 to never)", id="half never"),
        pytest.param([1234.5], "1,234", id="large"),
    ],
)
def test_a_cell(values: list[float | None], text: str) -> None:
    assert cell(values) == text


def test_the_table_has_a_column_for_each_subject() -> None:
    head, *rows = table([a_run(), a_run(4.0)]).splitlines()
    assert head.count("|") == len(SUBJECTS) + 2
    assert rows[1].startswith("| minutes above 70 % | 3 (2 to 4) | ")


def test_a_subject_that_was_in_one_run_has_that_runs_figures() -> None:
    first, *others = SUBJECTS
    whole, lone = a_run(), a_run(4.0)
    without = replace(lone, figures={s.name: lone.figures[s.name] for s in others})
    head, _, row, *_ = table([whole, without]).splitlines()
    assert f"| {first.title} (1 run) | {others[0].title} (2 runs) |" in head
    assert row.startswith("| minutes above 70 % | 2 | 3 (2 to 4) | ")


def test_a_run_is_drawn_the_same_way_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    for file in (first, second):
        save(a_run(), "title", file)
    assert first.read_bytes() == second.read_bytes()
    assert b"<svg" in first.read_bytes()


def test_all_durations_are_divided_by_the_same_factor() -> None:
    assert (scaled(15), scaled_seconds(300), scaled_seconds(15)) == ("750ms", 15, 1)
    ours, hpa = (BY_NAME[name].scaler["spec"] for name in ("operator", "hpa"))
    assert ours["scaling"]["scaleDown"][0]["for"] == "15000ms"
    assert hpa["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 15


def test_subjects_differ_in_who_looks_after_them_and_in_the_gate_alone() -> None:
    (ours, *_), (theirs, *_) = (BY_NAME[n].manifests(3) for n in ("operator", "hpa"))
    mine, other = (each["spec"]["template"]["spec"] for each in (ours, theirs))
    assert mine.pop("readinessGates")
    assert mine.pop("nodeSelector") != other.pop("nodeSelector")
    assert mine == other


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_failures_lie_apart_and_within_a_part(part: Any) -> None:
    assert 0 < part.crash_at < part.node_lost_at < 1
    assert (part.node_lost_at - part.crash_at) * part.seconds > 60


def test_what_comes_after_the_nodes_death_is_left_out_of_how_a_subject_scales() -> None:
    run = a_run()
    part = next(part for part in PARTS if part.name == run.part)
    end = part.node_lost_at * part.seconds
    full, hot = CAPACITY * 4, CAPACITY * 4 * 95 // 100
    curve = [[0.0, full // 2, 0, 4, 4], [30.0, hot, 0, 4, 4], [60.0, full // 2, 0, 4, 4]]
    late = [[end + 10, hot, 0, 4, 4], [end + 60, hot, 0, 4, 4]]
    told = table([replace(run, curves={name: [*curve, *late] for name in run.curves})])
    assert f"| of these above 90 % before the node dies | {30 * SPEED // 60} | " in told


def test_the_page_shows_what_was_measured() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "side-by-side.md").read_text(encoding="utf-8")
    runs = kept(docs / "measured" / "side-by-side.json")
    assert runs
    for part in PARTS:
        if found := [run for run in runs if run.part == part.name]:
            assert f"### {part.title}\n\n{table(found)}" in page
