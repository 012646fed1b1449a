"""The figures that are served, and where they come from."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFigures:
    """What is known of one pod.

    Attributes:
        namespace: the pod's namespace.
        pod: its name.
        labels: what selectors of requests are matched with; not read from the cluster.
        custom: custom metrics by name, in milli-units.
        usage: per container, quantities by resource, such as {"gateway": {"cpu": "250m"}}.
        timestamp: when it was measured; aware.
        window_seconds: over how long it was measured.
    """

    namespace: str
    pod: str
    labels: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, int] = field(default_factory=dict)
    usage: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timestamp: datetime = field(default_factory=_now)
    window_seconds: int = 60


class Source(Protocol):
    """Where the server gets figures from, once per request."""

    async def figures(self, namespace: str | None, metric: str | None) -> Sequence[PodFigures]:
        """Return the figures of a namespace (None: of all).

        `metric` is the custom metric that was asked for, None for resource usage; figures that
        lack it may be among the result.
        """


class Figures:
    """Figures in memory; safe to change from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pods: dict[tuple[str, str], PodFigures] = {}

    def put(self, *figures: PodFigures) -> None:
        """Replace what is known of these pods; a request sees all of them changed or none."""
        with self._lock:
            self._pods.update({(f.namespace, f.pod): f for f in figures})

    def forget(self, namespace: str, pod: str) -> None:
        """Know nothing more of a pod."""
        with self._lock:
            self._pods.pop((namespace, pod), None)

    async def figures(
        self,
        namespace: str | None,
        metric: str | None,  # noqa: ARG002 - the server picks it
    ) -> Sequence[PodFigures]:
        """Return the figures of a namespace (None: of all), by name."""
        with self._lock:
            found = sorted(self._pods.items())
        return [f for (where, _), f in found if namespace in {None, where}]
