"""A Prometheus server as the source: asked in parts, within bounds, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from imchat_operator.cli.app import app
from imchat_operator.cli.sources import RangeQuery, prometheus_trace

START = datetime(2026, 3, 1, tzinfo=UTC)
MOST_POINTS = 11_000
"""What Prometheus itself answers with."""


@dataclass
class Server:
    """What was asked of a server, and what it answers if not with one series of a steady load."""

    url: str
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    body: bytes = b""

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return status and body for a request."""
        parts = urlsplit(path)
        if parts.path != "/prom/api/v1/query_range":
            return 404, b"not here"
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(query)
        return self.status, self.body or json.dumps(_steady(query)).encode()


def _steady(query: dict[str, str]) -> dict[str, Any]:
    start, end, step = (float(query[name]) for name in ("start", "end", "step"))
    points = int((end - start) // step) + 1
    if points > MOST_POINTS:
        return {"status": "error", "error": "exceeded maximum resolution"}
    values = [[start + n * step, "600"] for n in range(points)]
    return {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]},
    }


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a loopback address, below a path as behind an ingress."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = found.answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        found = Server(url=f"http://127.0.0.1:{listening.server_port}/prom/")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield found
        listening.shutdown()
        thread.join()


def query(server: Server, minutes: int = 60, step: timedelta = timedelta(minutes=1)) -> RangeQuery:
    """Return a query for some minutes of load."""
    end = START + timedelta(minutes=minutes)
    return RangeQuery(url=server.url, query="sum(connections)", start=START, end=end, step=step)


def test_a_range_query_is_a_trace(server: Server) -> None:
    found = prometheus_trace(query(server))
    assert (found.start, found.end) == (START, START + timedelta(hours=1))
    assert found.values == (600.0,) * 61
    assert server.asked == [
        {
            "query": "sum(connections)",
            "start": str(START.timestamp()),
            "end": str(START.timestamp() + 3600),
            "step": "60.0",
        }
    ]


def test_a_long_time_is_asked_for_in_parts_without_gap_or_overlap(server: Server) -> None:
    found = prometheus_trace(query(server, minutes=25_000))
    assert len(server.asked) == 3
    assert found.times == tuple(START + timedelta(minutes=n) for n in range(25_001))


def test_the_command_takes_it(server: Server, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: imchat.dev/v1alpha1\nkind: ImChatCluster\n"
        "spec: {targetRef: {name: gateway}, maxReplicas: 9}\n"
    )
    options = [
        f"--policy={policy}",
        "--trace=prometheus",
        "--capacity=600",
        "--output=json",
        f"--url={server.url}",
        "--query=sum(connections)",
        f"--start={START.isoformat()}",
        f"--end={(START + timedelta(hours=1)).isoformat()}",
    ]
    result = CliRunner().invoke(app, ["simulate", *options])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["podHours"] == 2
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        pytest.param(
            400,
            b'{"status":"error","errorType":"bad_data","error":"parse error at char 1"}',
            "Prometheus refuses the query: parse error at char 1",
            id="PromQL that is none",
        ),
        pytest.param(
            502, b"<html>", "answers with status 502, but not as Prometheus", id="a proxy"
        ),
        pytest.param(200, b"7" * 5_000_000, "has more than 4000000 bytes", id="too much"),
    ],
)
def test_an_answer_that_is_no_trace(
    server: Server, status: int, body: bytes, sentence: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(ValueError, match=sentence):
        prometheus_trace(query(server))


@pytest.mark.parametrize(
    ("minutes", "step", "sentence"),
    [
        pytest.param(0, 60, "--end must be at least one --step later than --start", id="no time"),
        pytest.param(525_600, 1, "are 31536000 points, the most is 500000", id="too many points"),
    ],
)
def test_what_can_t_be_asked_is_not_asked(
    server: Server, minutes: int, step: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        prometheus_trace(query(server, minutes, timedelta(seconds=step)))
    assert server.asked == []


def test_a_server_that_is_not_there_is_named() -> None:
    gone = Server(url="http://127.0.0.1:1/")
    with pytest.raises(ValueError, match=r"--url http://127\.0\.0\.1:1/ can't be asked: "):
        prometheus_trace(query(gone))


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="--url prom can't be asked: "):
        prometheus_trace(query(Server(url="prom")))
