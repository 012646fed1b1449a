"""Looking at one subject: its pods and replicas twice a second, its clients' reports."""

import threading
import time
from contextlib import suppress
from typing import Self

from urllib3.exceptions import HTTPError

from harness import Namespace, Users
from healing_bench.watch import Gateway, gateway
from peers_bench.course import Sample

_PERIOD_SECONDS = 0.5


class Watch:
    """Looks on, in a thread of its own, for as long as its block lasts."""

    def __init__(self, namespace: Namespace, users: Users) -> None:
        self._namespace = namespace
        self.users = users
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.samples: list[Sample] = []
        self.gateways: dict[str, Gateway] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            # A look that failed is a longer sample; there is nothing to be had of it.
            with suppress(OSError, HTTPError):
                self._look()
            due = max(due + _PERIOD_SECONDS, time.monotonic())
            self._over.wait(due - time.monotonic())

    def _look(self) -> None:
        pods = self._namespace.items("/api/v1", "pods")
        replicas = self._namespace.replicas()
        report = self.users.report()
        if not report.get("target"):
            return
        self.gateways = {p["metadata"]["name"]: gateway(p) for p in pods}
        seen = self.gateways.values()
        self.samples.append(
            Sample(
                at=time.monotonic(),
                wanted=report["target"],
                connected=report["connected"],
                serving=frozenset(g.life for g in seen if g.is_ready and not g.is_leaving),
                pods=len(pods),
                replicas=replicas,
            )
        )
