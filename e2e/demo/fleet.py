"""What the demo shows of the fleet: looked at twice a second, with the replicas over time."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

from harness import Namespace, Users
from harness.namespace import is_true

_PERIOD_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """One gateway: its pod, node, state in a word, and client connections."""

    name: str
    node: str
    state: str
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The fleet at one moment. `report` is clients.report.Report as JSON."""

    gateways: tuple[GatewayRow, ...] = ()
    replicas: int = 0
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)


class Fleet:
    """Looks at the cluster and the users, and keeps what it saw of the replicas."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._begun = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.users: Users | None = None
        self.view = View()
        self.sizes: list[tuple[float, int]] = []
        self.most_clients = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._begun

    def _look_on(self) -> None:
        while not self._over.wait(_PERIOD_SECONDS):
            try:
                self.view = self._look()
            except OSError:  # the API server is starting, or stopping
                continue
            self.most_clients = max(self.most_clients, self.view.report.get("connected", 0))
            if self.view.replicas and self.view.replicas != (self.sizes or [(0, 0)])[-1][1]:
                self.sizes.append((self.elapsed(), self.view.replicas))

    def _look(self) -> View:
        report = self.users.report() if self.users else {}
        held = report.get("byGateway", {})
        status = self._namespace.status()
        draining = {d["pod"]: d["phase"] for d in status.get("drains", [])}
        pods = self._namespace.items("/api/v1", "pods")
        return View(
            gateways=tuple(
                GatewayRow(
                    name=p["metadata"]["name"],
                    node=p["spec"].get("nodeName", ""),
                    state=draining.get(p["metadata"]["name"]) or _state(p),
                    connections=held.get(p["metadata"]["name"], 0),
                )
                for p in pods
            ),
            replicas=self._namespace.replicas(),
            conditions={c["type"]: c for c in status.get("conditions", [])},
            report=report,
        )


def _state(pod: dict[str, Any]) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    if is_true(pod, "Ready"):
        return "Ready"
    for container in pod["status"].get("containerStatuses", []):
        if "waiting" in container["state"]:
            return str(container["state"]["waiting"].get("reason", "Waiting"))
    return "NotReady"
