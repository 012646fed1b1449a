"""Traces: read as recorded, and every line that is no load is named."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imchat_operator.simulation.trace import Trace, from_csv, from_prometheus

START = datetime(2026, 3, 1, 18, tzinfo=UTC)


def matrix(*series: list[list[Any]]) -> dict[str, Any]:
    """Return the answer of a Prometheus server: one list of [seconds, text] for each series."""
    result = [{"metric": {}, "values": values} for values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@pytest.mark.parametrize(
    ("rows", "times"),
    [
        pytest.param(
            ["2026-03-01 18:00:00,1", "2026-03-01 18:01:00,2.5"],
            (START, START + timedelta(minutes=1)),
            id="times without offset are UTC",
        ),
        pytest.param(
            ["2026-03-01T19:00:00+01:00,1", "2026-03-01T18:01:00Z,2.5"],
            (START, START + timedelta(minutes=1)),
            id="times with an offset are brought to UTC",
        ),
    ],
)
def test_csv_is_read_as_recorded(rows: list[str], times: tuple[datetime, ...]) -> None:
    assert from_csv("t.csv", ["timestamp,value", *rows]) == Trace(times=times, values=(1.0, 2.5))


def test_columns_may_come_in_any_order_among_others() -> None:
    lines = ["value,host,timestamp", "1,a,2026-03-01 18:00:00", "2,b,2026-03-01 18:01:00"]
    assert from_csv("t.csv", lines).values == (1.0, 2.0)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        pytest.param(
            ["time,value", "2026-03-01 18:00:00,1"],
            "t.csv has no column timestamp: its first line must name the columns timestamp "
            "and value",
            id="a column is missing",
        ),
        pytest.param(
            [],
            "t.csv has no column timestamp and no column value: its first line must name the "
            "columns timestamp and value",
            id="the file is empty",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00,1"],
            "t.csv has 1 rows: a trace needs at least two",
            id="one row is no trace",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00,1", "yesterday,2"],
            "t.csv, line 3: timestamp 'yesterday' is no time, write it like 2026-03-01 18:00:00",
            id="a time that is none",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00,many"],
            "t.csv, line 2: value 'many' is no load, write a number that is not negative",
            id="a value that is no number",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00"],
            "t.csv, line 2: value '' is no load, write a number that is not negative",
            id="a line that ends early",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00,nan"],
            "t.csv, line 2: value 'nan' is no load, write a number that is not negative",
            id="not a number",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00,-1"],
            "t.csv, line 2: value '-1' is no load, write a number that is not negative",
            id="a negative value",
        ),
        pytest.param(
            ["timestamp,value", "2026-03-01 18:00:00,1", "2026-03-01 18:00:00,2"],
            "t.csv, line 3: 2026-03-01 18:00:00 is not later than the row before it, "
            "sort the rows by time and keep one for each",
            id="a time that comes twice",
        ),
    ],
)
def test_a_line_that_is_no_load_is_named(lines: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        from_csv("t.csv", lines)


def test_the_parts_of_a_range_query_are_one_trace() -> None:
    first, second = START.timestamp(), START.timestamp() + 60
    answers = [matrix([[first, "1"]]), matrix(), matrix([[second, "2.5"]])]
    times = (START, START + timedelta(minutes=1))
    assert from_prometheus(answers) == Trace(times=times, values=(1.0, 2.5))


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        pytest.param(
            [matrix([[0, "1"]], [[0, "2"]])],
            "the query has 2 series and a trace is one: put sum(...) around --query",
            id="several series are not summed silently",
        ),
        pytest.param(
            [matrix(), matrix()],
            "the query has no data in that time: correct --query, --start or --end",
            id="no data",
        ),
        pytest.param(
            [{"status": "error", "errorType": "bad_data", "error": "parse error"}],
            "Prometheus refuses the query: parse error",
            id="Prometheus' own sentence is passed on",
        ),
        pytest.param(
            [{"data": {"resultType": "vector", "result": []}}],
            "--url answers, but not as Prometheus does: correct it",
            id="another API",
        ),
        pytest.param(
            [matrix([[0, "1"], [60, "NaN"]])],
            "--query, at 60: value 'NaN' is no load, write a number that is not negative",
            id="a sample that is no load",
        ),
    ],
)
def test_what_is_wrong_with_a_query_is_said(answers: list[Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        from_prometheus(answers)
