"""Runs Prometheus for as long as a block lasts, and lets a test stop and start it.

Prometheus takes in what service discovery tells every 5 s (a constant of its own), so a new
gateway's first sample comes up to 5 s and a scrape interval after its address.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import yaml

from controlplane.leashed import Child
from controlplane.progress import OnProgress, silent
from prometheus_server.program import PrometheusError, find_prometheus
from prometheus_server.targets import told

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 20.0
_TICK_SECONDS: Final = 0.05
_CALL_SECONDS: Final = 5.0


class PrometheusServer:
    """One Prometheus with its port and its data; `running()` makes one."""

    def __init__(self, program: Path, folder: Path, configuration: dict[str, Any]) -> None:
        self._address = f"127.0.0.1:{_free_port()}"
        self._log = folder / "log"
        file = folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        self._command = [
            str(program),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self._address}",
        ]
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where it answers while it runs."""
        return f"http://{self._address}"

    def start(self) -> None:
        """Start it with the data that it has, and wait until it answers queries.

        Call it from the thread that lives longest: the program ends with that one.

        Raises:
            PrometheusError: it ended, or was not ready within 30 s; the text has its last lines.
        """
        child = self._child = Child("prometheus", self._command, self._log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if child.wait(_TICK_SECONDS) is not None or time.monotonic() > deadline:
                self._end(child)
                raise PrometheusError(f"Prometheus is not ready. Its log:\n{child.last_lines()}")

    def stop(self) -> None:
        """End it as Kubernetes does, and wait for its end; nothing if it does not run."""
        if self._child is not None:
            self._end(self._child)

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The result of an instant query: `metric` and `value` of each series.

        Raises:
            OSError: it does not answer, or refuses the query.
        """
        answer = self._get("/api/v1/query?" + urlencode({"query": promql}))
        result: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return result

    def _is_ready(self) -> bool:
        with suppress(OSError):
            self._get("/-/ready")
            return True
        return False

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=_CALL_SECONDS) as response:  # noqa: S310 - our own
            return bytes(response.read())

    def _end(self, child: Child) -> None:
        self._child = None
        if child.exit_status is None:
            os.kill(child.pid, signal.SIGTERM)
            child.wait(_STOP_SECONDS)
        child.kill()


@contextmanager
def running(  # noqa: PLR0913 - what a scrape configuration says
    kubeconfig: Path,
    namespace: str,
    *,
    selector: str = "app=gateway",
    port: int = 8080,
    interval: float = 1.0,
    on_progress: OnProgress = silent,
) -> Iterator[PrometheusServer]:
    """A Prometheus that is ready, until the block ends, or this process does, however it ends.

    Args:
        kubeconfig: of a user that may list and watch the pods of the namespace.
        namespace: where the gateways are.
        selector: the gateways' labels.
        port: the container port that has /metrics.
        interval: seconds between two scrapes.
        on_progress: is told what takes long when the program has to be fetched.

    Raises:
        PrometheusError: the program can't be had, or does not start.
    """
    program = find_prometheus(on_progress)
    with (
        tempfile.TemporaryDirectory(prefix="imchat-prometheus-") as folder,
        told(kubeconfig, namespace, selector=selector, port=port) as targets,
    ):
        server = PrometheusServer(program, Path(folder), _configuration(targets, interval))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _configuration(targets: str, interval: float) -> dict[str, Any]:
    """Ask for the targets each second; more often than it takes them in is no use."""
    period = f"{round(interval * 1000)}ms"
    discovery = {"url": targets, "refresh_interval": "1s"}
    return {
        "global": {"scrape_interval": period, "scrape_timeout": period},
        "scrape_configs": [{"job_name": "gateways", "http_sd_configs": [discovery]}],
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
