"""What metrics.k8s.io says of a namespace's gateways, as a test sets it: any load, exactly."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from custom_metrics import Figures, PodFigures
from harness.manifests import CPU_MILLIS, MEMORY_MEBIBYTES
from harness.namespace import Namespace

_LABELS = {"app": "gateway"}


class Usage:
    """Sets the usage of one namespace's gateways, in percent of what they request."""

    def __init__(self, namespace: Namespace, figures: Figures) -> None:
        self._namespace = namespace
        self._figures = figures

    def put(self, cpu: float, *, memory: float = 1.0, age: timedelta = timedelta()) -> None:
        """Give all gateways that there are now the same usage, measured so long ago."""
        self.put_each(dict.fromkeys(self._namespace.pod_names(), cpu), memory=memory, age=age)

    def put_each(
        self, cpu: Mapping[str, float], *, memory: float = 1.0, age: timedelta = timedelta()
    ) -> None:
        """Give each of these gateways its own CPU usage; all change at the same time."""
        self._figures.put(
            *(
                PodFigures(
                    namespace=self._namespace.name,
                    pod=pod,
                    labels=_LABELS,
                    usage={"gateway": _usage(percent, memory)},
                    timestamp=datetime.now(UTC) - age,
                )
                for pod, percent in cpu.items()
            )
        )


def _usage(cpu: float, memory: float) -> dict[str, str]:
    return {
        "cpu": f"{round(cpu / 100 * CPU_MILLIS * 1e6)}n",
        "memory": f"{round(memory / 100 * MEMORY_MEBIBYTES * 1024)}Ki",
    }
