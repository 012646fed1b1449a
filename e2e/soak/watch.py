"""Looking on: the operator's process, the fleet, the streak that lasts; once a second."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from harness import Namespace, OperatorProcess
from soak.fleet import LASTING

_PERIOD_SECONDS = 1.0
_RESTART_SECONDS = 1.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a life of the operator's process holds; `age` is its seconds since the start."""

    at: float
    pid: int
    age: float
    resident: int
    files: int
    sockets: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The fleets at a moment.

    Attributes:
        at: monotonic seconds.
        clock: the same by the wall's clock.
        replicas: of the fleet that is tried.
        since: since when the streak of the fleet that remembers is; empty if it is not.
        repairs: when those of the fleet that is tried began.
        status_bytes: how long its status is.
    """

    at: float
    clock: datetime
    replicas: int
    since: str
    repairs: tuple[str, ...]
    status_bytes: int


class Watch:
    """Looks on; starts the operator again where it has ended, as its kubelet would.

    Attributes:
        ended: when the operator ended by itself (monotonic seconds).
    """

    def __init__(self, namespace: Namespace, operator: OperatorProcess) -> None:
        self._namespace = namespace
        self._operator = operator
        self._lives: dict[int, float] = {}
        self.is_down_on_purpose = threading.Event()
        self.resources: list[Resources] = []
        self.sights: list[Sight] = []
        self.ended: list[float] = []

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look on for as long as the block lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self._look_on, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look_on(self, over: threading.Event) -> None:
        while not over.wait(_PERIOD_SECONDS):
            self._keep_alive()
            with suppress(OSError):
                self._weigh()
            # The API server stands still now and then.
            with suppress(OSError, HTTPError, ApiException):
                self._see()

    def _keep_alive(self) -> None:
        if self._operator.pid is None and not self.is_down_on_purpose.is_set():
            self.ended.append(time.monotonic())
            self._operator.wait_until_ended(1)
            time.sleep(_RESTART_SECONDS)
            self._operator.start()

    def _weigh(self) -> None:
        pid, now = self._operator.pid, time.monotonic()
        if pid is None:
            return
        process = Path("/proc", str(pid))
        links = [_target(each) for each in (process / "fd").iterdir()]
        self.resources.append(
            Resources(
                at=now,
                pid=pid,
                age=now - self._lives.setdefault(pid, now),
                resident=int((process / "statm").read_text().split()[1]) * _PAGE,
                files=len(links),
                sockets=sum(each.startswith("socket:") for each in links),
                threads=len(list((process / "task").iterdir())),
            )
        )

    def _see(self) -> None:
        status = self._namespace.status()
        self.sights.append(
            Sight(
                at=time.monotonic(),
                clock=datetime.now(UTC),
                replicas=self._namespace.replicas(),
                since=_since(self._namespace.cluster(LASTING).get("status", {})),
                repairs=tuple(status.get("repairsBegun", ())),
                status_bytes=len(str(status)),
            )
        )


def _target(link: Path) -> str:
    with suppress(OSError):  # closed since it was listed
        return str(link.readlink())
    return ""


def _since(status: dict[str, Any]) -> str:
    return next((str(s["since"]) for s in status.get("streaks", ())), "")
