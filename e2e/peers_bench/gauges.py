"""What the HPA controller is told: the gateways' own gauges, read at the moment that it asks.

That is fresher than any adapter: the operator reads the same endpoint itself.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from custom_metrics import PodFigures
from harness import Namespace
from peers_bench.subjects import METRIC

_GAUGE = re.compile(r"^imchat_gateway_connections (\d+)", re.MULTILINE)
_PORT = 8080
_TIMEOUT = aiohttp.ClientTimeout(total=1.0)  # as the operator has it


class Gauges:
    """A source of figures for custom.metrics.k8s.io (custom_metrics.Source)."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._namespaces: dict[str, Namespace] = {}

    async def figures(self, namespace: str | None, metric: str | None) -> Sequence[PodFigures]:
        """The connections of each gateway of a namespace that tells them."""
        if namespace is None or metric != METRIC:
            return ()
        known = self._namespaces.setdefault(
            namespace, Namespace(kubeconfig=self._kubeconfig, name=namespace)
        )
        pods = await asyncio.to_thread(known.pods)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            found = await asyncio.gather(*(_of(session, pod) for pod in pods))
        return [each for each in found if each is not None]


async def _of(session: aiohttp.ClientSession, pod: dict[str, object]) -> PodFigures | None:
    metadata, status = pod["metadata"], pod["status"]
    assert isinstance(metadata, dict)
    assert isinstance(status, dict)
    if not (address := status.get("podIP")):
        return None
    try:
        async with session.get(f"http://{address}:{_PORT}/metrics") as answer:
            told = _GAUGE.search(await answer.text())
    except (aiohttp.ClientError, TimeoutError):
        return None
    if told is None:
        return None
    return PodFigures(
        namespace=metadata["namespace"],
        pod=metadata["name"],
        labels=metadata["labels"],
        custom={METRIC: int(told[1]) * 1000},
    )
