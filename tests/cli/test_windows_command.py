"""`imchat windows` as users call it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from icalendar import Calendar
from tests.core.fleet import utc
from typer.testing import CliRunner, Result

from imchat_operator.cli.app import app

SAMPLES = Path(__file__).parents[2] / "crds" / "samples"
FIRST_SUNDAYS = [
    {
        "name": "first-sunday",
        "start": "2026-02-01T01:00:00Z",
        "end": "2026-02-01T05:00:00Z",
    },
    {
        "name": "first-sunday",
        "start": "2026-03-01T01:00:00Z",
        "end": "2026-03-01T05:00:00Z",
    },
    {
        "name": "first-sunday",
        "start": "2026-04-05T00:00:00Z",
        "end": "2026-04-05T04:00:00Z",
    },
]


def windows(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["windows", *arguments])


def sample(*arguments: str) -> Result:
    return windows("-f", str(SAMPLES / "maintenancewindow.yaml"), *arguments)


def manifest(name: str, *schedules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "MaintenanceWindow",
        "metadata": {"name": name},
        "spec": {"schedules": list(schedules), **spec},
    }


def written(folder: Path, *manifests: dict[str, Any]) -> str:
    path = folder / "windows.yaml"
    path.write_text(yaml.safe_dump_all(manifests))
    return str(path)


def rule(**fields: Any) -> dict[str, Any]:
    usual = {"rrule": "FREQ=DAILY", "startTime": "02:00", "duration": "4h", "timeZone": "UTC"}
    return {"recurring": {k: v for k, v in {**usual, **fields}.items() if v is not None}}


def test_json_is_a_list_of_openings_in_utc() -> None:
    result = sample("--from", "2026-01-15", "--months", "3", "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == FIRST_SUNDAYS


def test_half_a_year_is_shown_from_the_day_on() -> None:
    found = json.loads(sample("--from", "2026-01-15", "-o", "json").stdout)
    assert [entry["start"][:10] for entry in found] == [
        "2026-02-01",
        "2026-03-01",
        "2026-04-05",
        "2026-05-03",
        "2026-06-07",
        "2026-07-05",
    ]


def test_people_get_a_table_in_their_zone() -> None:
    result = sample("--from", "2026-02-28", "--months", "2", "--zone", "America/New_York")
    assert result.exit_code == 0, result.stderr
    for text in (
        "first-sunday",
        "Sat 2026-02-28 20:00 -0500",
        "Sat 2026-04-04 20:00 -0400",
        "Silence",
    ):
        assert text in result.stdout


def test_a_calendar_is_one_that_icalendar_reads(tmp_path: Path) -> None:
    path = tmp_path / "windows.ics"
    arguments = ("--from", "2026-01-15", "--months", "3", "--ics", str(path))
    assert sample(*arguments).exit_code == 0
    first = path.read_bytes()
    events = Calendar.from_ical(first).walk("VEVENT")
    assert [(e.decoded("dtstart"), e.decoded("dtend")) for e in events] == [
        (utc(entry["start"][:-1]), utc(entry["end"][:-1])) for entry in FIRST_SUNDAYS
    ]
    assert len({str(e["uid"]) for e in events}) == 3
    assert str(events[0]["summary"]) == "Maintenance: first-sunday"
    assert "Healing, ScaleDown and Rebalance are held" in str(events[0]["description"])
    sample(*arguments)
    assert path.read_bytes() == first, "the same windows give the same file"


def test_several_windows_are_in_order_and_less_what_is_excluded(tmp_path: Path) -> None:
    zone = {"timeZone": "UTC"}
    path = written(
        tmp_path,
        manifest("late", rule(startTime="22:00", duration="3h")),
        manifest("early", rule(), exclusions=[{"date": "2026-01-02", **zone}]),
    )
    result = windows("-f", path, "--from", "2026-01-01", "--months", "1", "-o", "json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [(e["name"], e["start"]) for e in found[:4]] == [
        ("early", "2026-01-01T02:00:00Z"),
        ("late", "2026-01-01T22:00:00Z"),
        ("late", "2026-01-02T22:00:00Z"),
        ("early", "2026-01-03T02:00:00Z"),
    ]
    assert len(found) == 31 + 30


def test_years_of_hourly_openings_are_all_there(tmp_path: Path) -> None:
    hourly = {"recurring": {"cron": "0 * * * *", "duration": "30m", "timeZone": "UTC"}}
    path = written(tmp_path, manifest("hourly", hourly))
    result = windows("-f", path, "--from", "2026-01-01", "--months", "12", "-o", "json")
    found = json.loads(result.stdout)
    assert len(found) == 365 * 24
    assert len({e["start"] for e in found}) == 365 * 24


def test_an_emergency_that_nobody_approved_is_left_out(tmp_path: Path) -> None:
    once = {"once": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T02:00:00Z"}}
    asked = {"type": "Emergency", "reason": "r", "ticket": "t", "requestedBy": "alice"}
    path = written(tmp_path, manifest("now", once, **asked))
    result = windows("-f", path, "--from", "2026-01-01", "-o", "json")
    assert json.loads(result.stdout) == []
    assert result.stderr == "now is left out: nobody has approved it\n"


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        pytest.param(
            rule(timeZone="Mars/Olympus"),
            "broken: spec.schedules[0].recurring.timeZone: "
            "'Mars/Olympus' is no time zone that this operator knows",
            id="a zone that nobody knows",
        ),
        pytest.param(
            rule(rrule="FREQ=HOURLY"),
            "broken: spec.schedules[0].recurring.rrule: "
            "'FREQ=HOURLY': FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY",
            id="a rule of hours",
        ),
        pytest.param(
            rule(cron="0 2 * * *"),
            "{path}: spec.schedules[0].recurring: needs either rrule or cron",
            id="a rule and a cron",
        ),
        pytest.param(
            rule(rrule=None, cron="0 2 * * *"),
            "{path}: spec.schedules[0].recurring.startTime: goes with rrule; "
            "cron tells the time of day itself",
            id="a cron with a time of day",
        ),
        pytest.param(
            {},
            "{path}: spec.schedules[0]: needs either once or recurring",
            id="no schedule at all",
        ),
        pytest.param(
            {"once": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:59Z"}},
            "{path}: spec.schedules[0].once.end: must be at least a minute later than start",
            id="less than a minute",
        ),
        pytest.param(
            rule(colour="red"),
            "{path}: spec.schedules[0].recurring.colour: "
            "is no field of this API: correct or remove it",
            id="a field that there is not",
        ),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    schedule: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = written(tmp_path, manifest("broken", schedule))
    result = windows("-f", path, "--from", "2026-01-01")
    assert (result.exit_code, result.stderr) == (2, sentence.replace("{path}", path) + "\n")


def test_a_zone_that_nobody_knows_is_refused() -> None:
    result = sample("--zone", "Mars/Olympus")
    assert result.exit_code == 2
    assert "Mars/Olympus" in result.stderr


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kubectl's configuration is, of which there is none yet."""
    path = tmp_path / "kubeconfig"
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


@contextmanager
def served(kubeconfig: Path, status: int, body: dict[str, Any]) -> Iterator[list[str]]:
    """Be an API server that always answers the same; yield the paths that it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        kubeconfig.write_text(yaml.safe_dump(context(server.server_port)))
        yield asked
        server.shutdown()
        thread.join()


def context(port: int) -> dict[str, Any]:
    return {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "chat"}}
        ],
    }


def test_without_files_the_windows_of_the_cluster_are_shown(kubeconfig: Path) -> None:
    stored = manifest("nightly", rule())
    stored["metadata"] |= {"creationTimestamp": "2025-01-01T00:00:00Z", "uid": "u1"}
    with served(kubeconfig, 200, {"items": [stored]}) as asked:
        result = windows("--from", "2026-01-01", "--months", "1", "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)) == 31
    assert asked == ["/apis/imchat.dev/v1alpha1/namespaces/chat/maintenancewindows?limit=500"]


def test_a_cluster_that_refuses_is_told(kubeconfig: Path) -> None:
    with served(kubeconfig, 403, {}) as asked:
        result = windows("--from", "2026-01-01", "-n", "other")
    sentence = "forbidden: ask for the rights that docs/cli.md lists, or name files with -f\n"
    assert (result.exit_code, result.stderr) == (3, sentence)
    assert asked == ["/apis/imchat.dev/v1alpha1/namespaces/other/maintenancewindows?limit=500"]


@pytest.mark.usefixtures("kubeconfig")
def test_without_files_a_cluster_is_needed() -> None:
    result = windows("--from", "2026-01-01")
    assert result.exit_code == 2
    assert "name files with -f" in result.stderr
