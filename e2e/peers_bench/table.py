"""The Markdown tables of docs/side-by-side.md: a figure a row, a subject a column.

Each cell has the median of the runs and, where there are several, the least and the most.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median

from peers_bench.course import HOT, WARM
from peers_bench.results import Run
from peers_bench.setting import CAPACITY, PARTS, SPEED, WARM_UP_SECONDS
from peers_bench.subjects import SUBJECTS

SUBJECT_NAMES = {subject.name: subject.title for subject in SUBJECTS}
_WHOLE = 100  # from there on tenths say nothing
_Value = Callable[[Run, str], float | None]
"""A figure of a subject, by its name, in a run."""


def _of(name: str) -> _Value:
    return lambda run, subject: run.figures[subject][name]


def _repair(number: int, name: str) -> _Value:
    return lambda run, subject: run.figures[subject]["repairs"][number][name]


def _before_the_loss(percent: int) -> _Value:
    """Minutes above a utilization while all nodes live: how it scales, without how it heals."""

    def minutes(run: Run, subject: str) -> float:
        part = next(each for each in PARTS if each.name == run.part)
        end = part.node_lost_at * part.seconds - WARM_UP_SECONDS
        rows = [row for row in run.curves[subject] if row[0] <= end]
        above = [
            later[0] - at
            for (at, wanted, _, serving, _), later in pairwise(rows)
            if wanted * 100 > percent * CAPACITY * serving
        ]
        return sum(above) * SPEED / 60

    return minutes


ROWS: Mapping[str, _Value] = {
    "minutes above 70 %": _of("minutes_above_70"),
    "minutes above 90 %": _of("minutes_above_90"),
    "of these above 70 % before the node dies": _before_the_loss(WARM),
    "of these above 90 % before the node dies": _before_the_loss(HOT),
    "pod-hours": _of("pod_hours"),
    "connections cut without a close frame": _of("cut"),
    "closed as their pod was removed (1001)": _of("ended"),
    "moved by a drain at its pace (1012)": _of("moved"),
    "taken from clients in the worst second": _of("worst_ends"),
    "clients back in the worst second": _of("worst_returns"),
    "attempts refused": _of("refused"),
    "messages without an answer": _of("unanswered"),
    "seconds without service, all clients": _of("without_service"),
    "flips": _of("flips"),
    "too few gateways, % of the time": _of("under_time"),
    "too few, mean % of the demand": _of("under_accuracy"),
    "too many gateways, % of the time": _of("over_time"),
    "too many, mean % of the demand": _of("over_accuracy"),
    "instability, %": _of("instability"),
    "crash: users back, s": _repair(0, "users_back"),
    "crash: capacity back, s": _repair(0, "capacity_back"),
    "node dies: its clients": _repair(1, "held"),
    "node dies: users back, s": _repair(1, "users_back"),
    "node dies: capacity back, s": _repair(1, "capacity_back"),
}


def table(runs: Sequence[Run]) -> str:
    """The table of the runs of one part; a subject's column is of the runs that it was in."""
    shown = {
        subject: found
        for subject in SUBJECT_NAMES
        if (found := [run for run in runs if subject in run.figures])
    }
    head = [f"{SUBJECT_NAMES[name]} ({_runs(len(found))})" for name, found in shown.items()]
    rows = [["", *head], ["---", *("---:" for _ in shown)]]
    for title, value in ROWS.items():
        cells = (cell([value(run, name) for run in found]) for name, found in shown.items())
        rows.append([title, *cells])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def cell(values: Sequence[float | None]) -> str:
    """Median, and the span of several; `never` counts as longer than anything."""
    known = sorted(float("inf") if v is None else v for v in values)
    middle = median(known)
    if known[0] == known[-1]:
        return _number(middle)
    return f"{_number(middle)} ({_number(known[0])} to {_number(known[-1])})"


def _number(value: float) -> str:
    if value == float("inf"):
        return "never"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.1f}" if value < _WHOLE else f"{value:,.0f}"
