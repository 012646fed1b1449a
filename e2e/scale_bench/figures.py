"""What was measured: figures by name and size, one value a run, and the file that keeps them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import linear_regression, mean, median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure at one size.

    Attributes:
        name: what it is; `table` has the words for it.
        size: clusters, pods or gateways, as the name has it.
        values: one for each run.
    """

    name: str
    size: int
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the runs."""
        return median(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that is known; `context` tells the machine and the versions of each part's latest run."""

    context: dict[str, Any]
    figures: tuple[Figure, ...] = ()

    def with_run(self, part: str, context: dict[str, Any], found: Iterable[Figure]) -> "Results":
        """These results with a part measured anew, in the place of what it measured before."""
        new = {(f.name, f.size): f for f in found}
        others = tuple(f for f in self.figures if (f.name, f.size) not in new)
        figures = (*others, *new.values())
        return replace(self, context={**self.context, part: context}, figures=figures)


def together(runs: Iterable[Iterable[Figure]]) -> tuple[Figure, ...]:
    """The figures of several runs as one, value by value."""
    values: dict[tuple[str, int], tuple[float, ...]] = {}
    for run in runs:
        for each in run:
            key = (each.name, each.size)
            values[key] = (*values.get(key, ()), *each.values)
    return tuple(Figure(name=n, size=s, values=v) for (n, s), v in values.items())


def as_json(results: Results) -> str:
    """The text of a results file."""
    return json.dumps(asdict(results), indent=1) + "\n"


def kept(file: Path | None) -> Results:
    """What a results file holds already.

    Raises:
        ValueError: it is no such file.
    """
    if file is None or not file.exists():
        return Results(context={})
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        figures = tuple(Figure(**{**f, "values": tuple(f["values"])}) for f in found["figures"])
        return Results(context=found["context"], figures=figures)
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{file} does not hold figures of this benchmark: {error}") from error


def percentile(values: Iterable[float], percent: float) -> float:
    """The value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def slope_error(points: Sequence[tuple[float, float]]) -> float:
    """Half of the interval that has the slope of `line` with 95 %, were the points independent."""
    intercept, slope = line(points)
    places = [x for x, _ in points]
    rest = sum((y - intercept - slope * x) ** 2 for x, y in points)
    spread = sum((x - mean(places)) ** 2 for x in places)
    return 1.96 * sqrt(rest / (len(points) - 2) / spread)


def line(points: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Intercept and slope of the line of least squares."""
    slope, intercept = linear_regression(*zip(*points, strict=True))
    return intercept, slope
