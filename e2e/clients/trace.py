"""Load traces: what a service really had to carry, row by row.

A trace is played as it was recorded. Each row's value holds for one step of the trace, with
nothing interpolated or smoothed between rows. Where rows are missing the load is unknown, so
such a gap takes no time: the next row follows at once, and `Row.gap` says what was left out.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

NO_GAP = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the value from `at` on, and how much time without rows lay before it."""

    at: datetime
    value: float
    gap: timedelta = NO_GAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Rows in order of time (naive, UTC); `step` is the time between two of them, gaps aside."""

    name: str
    step: timedelta
    rows: tuple[Row, ...]

    def part(self, start: datetime | None, hours: float | None) -> "Trace":
        """The rows from `start` (default: the first) on, for that many hours (default: all).

        Raises:
            ValueError: there are none; the sentence says what the trace covers.
        """
        first = start or self.rows[0].at
        length = (
            timedelta(hours=hours) if hours is not None else self.rows[-1].at - first + self.step
        )
        rows = tuple(row for row in self.rows if first <= row.at < first + length)
        if not rows:
            raise ValueError(
                f"{self.name} has no rows within {length} from {first}; "
                f"it goes from {self.rows[0].at} to {self.rows[-1].at}"
            )
        return Trace(name=self.name, step=self.step, rows=(replace(rows[0], gap=NO_GAP), *rows[1:]))


def trace_of(name: str, points: Iterable[tuple[datetime, float]]) -> Trace:
    """A trace of (time, value) points.

    Raises:
        ValueError: one sentence that names the row (counted from 1) and what is wrong with it.
    """
    known = tuple(points)
    for number, (_, value) in enumerate(known, start=1):
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{name}, row {number}: {value} is no load")
    distances = [later - earlier for (earlier, _), (later, _) in pairwise(known)]
    for number, distance in enumerate(distances, start=2):
        if distance <= NO_GAP:
            raise ValueError(f"{name}, row {number} is not later than the row before it")
    if not distances:
        raise ValueError(f"{name} has {len(known)} rows, but a trace needs two or more")
    [(step, _)] = Counter(distances).most_common(1)
    rows = [Row(at=known[0][0], value=known[0][1])]
    for (at, value), distance in zip(known[1:], distances, strict=True):
        rows.append(Row(at=at, value=value, gap=max(distance - step, NO_GAP)))
    return Trace(name=name, step=step, rows=tuple(rows))


def moment(text: str) -> datetime:
    """The time that an ISO 8601 text means, as naive UTC; ValueError if it means none."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def csv_trace(path: Path) -> Trace:
    """The trace in a CSV file with the columns `timestamp` (ISO 8601) and `value`.

    Raises:
        ValueError: one sentence that names the file, the line and what is wrong with it.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return trace_of(path.name, _csv_points(path.name, csv.DictReader(file)))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the trace {path} cannot be read: {error}") from error


def _csv_points(name: str, lines: "csv.DictReader[str]") -> Iterable[tuple[datetime, float]]:
    if not {"timestamp", "value"} <= set(lines.fieldnames or ()):
        raise ValueError(f"{name} must have the columns timestamp,value in its first line")
    for line in lines:
        try:
            yield moment(line["timestamp"]), float(line["value"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}, line {lines.line_num}: {error}") from error
