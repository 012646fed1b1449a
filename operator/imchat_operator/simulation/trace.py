"""Load traces: what a service had to carry, from CSV text or from a Prometheus range query.

A trace is played as it was recorded: a value holds until the next point, nothing is interpolated
or smoothed. Nothing here reads files or asks servers; the texts come from the caller.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

# Eleven years of minutes; more is a file that was not meant.
MOST_POINTS = 5_800_000
_COLUMNS = ("timestamp", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Points in order of time: the load is `values[n]` from `times[n]` (UTC) on."""

    times: tuple[datetime, ...]
    values: tuple[float, ...]

    @property
    def start(self) -> datetime:
        """The first point's time."""
        return self.times[0]

    @property
    def end(self) -> datetime:
        """The last point's time; what its value would do after it is not known."""
        return self.times[-1]


def from_csv(name: str, lines: Iterable[str]) -> Trace:
    """Return the trace of a CSV text with the columns `timestamp` and `value`.

    Args:
        name: what the text is called in errors.
        lines: the text; its times are ISO 8601, in UTC where they have no offset.

    Raises:
        ValueError: one sentence that names the line and says what to do.
    """
    reader = csv.DictReader(lines)
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(
            f"{name} has no column {' and no column '.join(missing)}: "
            "its first line must name the columns timestamp and value"
        )
    points: list[tuple[datetime, float]] = []
    for row in reader:
        where = f"{name}, line {reader.line_num}"
        if len(points) == MOST_POINTS:
            raise ValueError(f"{where}: a trace has at most {MOST_POINTS} rows, cut it into parts")
        at = _instant(where, row["timestamp"])
        if points and at <= points[-1][0]:
            raise ValueError(
                f"{where}: {row['timestamp']} is not later than the row before it, "
                "sort the rows by time and keep one for each"
            )
        points.append((at, _load(where, row["value"])))
    return _trace(name, points)


def from_prometheus(answers: Iterable[Any]) -> Trace:
    """Return the trace of a range query that was asked in parts.

    Source: Prometheus' HTTP API, `GET /api/v1/query_range`.

    Args:
        answers: the JSON of each part, in order of time.

    Raises:
        ValueError: one sentence that says what to do about the query.
    """
    points = [point for answer in answers for point in _samples(answer)]
    if not points:
        raise ValueError("the query has no data in that time: correct --query, --start or --end")
    return _trace("--query", points)


def _samples(answer: Any) -> list[tuple[datetime, float]]:
    match answer:
        case {"status": "error", "error": str(why)}:
            raise ValueError(f"Prometheus refuses the query: {why}")
        case {"status": "success", "data": {"resultType": "matrix", "result": []}}:
            return []
        case {"data": {"resultType": "matrix", "result": [{"values": [*samples]}]}}:
            return [
                (datetime.fromtimestamp(at, UTC), _load(f"--query, at {at}", value))
                for at, value in samples
            ]
        case {"data": {"resultType": "matrix", "result": [*series]}}:
            raise ValueError(
                f"the query has {len(series)} series and a trace is one: "
                "put sum(...) around --query"
            )
        case _:
            raise ValueError("--url answers, but not as Prometheus does: correct it")


def _trace(name: str, points: list[tuple[datetime, float]]) -> Trace:
    if len(points) <= 1:
        raise ValueError(f"{name} has {len(points)} rows: a trace needs at least two")
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(points)):
        raise ValueError(f"{name} is not in order of time: sort its rows")
    return Trace(times=tuple(at for at, _ in points), values=tuple(value for _, value in points))


def _instant(where: str, text: str | None) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        raise ValueError(
            f"{where}: timestamp {text or ''!r} is no time, write it like 2026-03-01 18:00:00"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _load(where: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(
            f"{where}: value {text or ''!r} is no load, write a number that is not negative"
        )
    return value
