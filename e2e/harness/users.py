"""The client fleet as a process of its own, and its latest figures."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from harness.waiting import wait_for

_STOP_SECONDS = 20.0


class Users:
    """Clients that behave like people: they talk, wait for echoes, and come back after a close.

    Attributes:
        history: all figures so far, each with the monotonic moment at which it was read.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._latest: dict[str, Any] = {}
        self.history: list[tuple[float, dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    @contextmanager
    def connected(cls, kubeconfig: Path, namespace: str, *arguments: str) -> Iterator[Self]:
        """Run `python -m clients` on a namespace's gateways for as long as the block lasts."""
        command = [sys.executable, "-m", "clients", "--kubeconfig", str(kubeconfig)]
        process = subprocess.Popen(
            [*command, "--namespace", namespace, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        users = cls(process)
        try:
            yield users
        finally:
            users.leave()

    def leave(self) -> dict[str, Any]:
        """Have all leave politely; return the final figures."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        return self._latest

    def report(self) -> dict[str, Any]:
        """Return the latest figures (clients.report.Report), or an empty dict before the first."""
        return self._latest

    def wait_for_connected(self, count: int, *, seconds: float = 30.0) -> None:
        """Wait until so many clients are connected."""
        wait_for(
            lambda: self._latest.get("connected", 0) >= count,
            seconds=seconds,
            what=f"{count} users",
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._latest = json.loads(line)
                self.history.append((time.monotonic(), self._latest))
