"""Kubernetes' own controller beside ours: the same fleets, each with a HorizontalPodAutoscaler.

It runs as a kube-controller-manager of its own, with its default limits or with raised ones. The
figures are a custom metric of each fleet's own name, from a server on this machine.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import custom_metrics
from controlplane.leashed import Child
from controlplane.programs import find_programs
from controlplane.progress import silent
from custom_metrics import PodFigures
from loopback_node.api import Json
from scale_bench import fleet
from scale_bench.figures import Figure
from scale_bench.stage import Stage

_AUTOSCALERS: Final = f"/apis/autoscaling/v2/namespaces/{fleet.NAMESPACE}/horizontalpodautoscalers"
_PROGRAM: Final = "kube-controller-manager"
RAISED: Final = (
    "--kube-api-qps=1000",
    "--kube-api-burst=2000",
    "--concurrent-horizontal-pod-autoscaler-syncs=50",
)
_TARGET, _BUSY = 60, 85
_POLL_SECONDS: Final = 0.5
_SWEEP_SECONDS: Final = 330.0


@dataclass(slots=True)
class _Source:
    """All gateways are at 85; the metric's name is the fleet's."""

    pods: dict[str, list[str]] = field(default_factory=dict)

    async def figures(self, namespace: str | None, metric: str | None) -> Sequence[PodFigures]:
        found = self.pods.get(metric or "", ()) if namespace == fleet.NAMESPACE else ()
        value = {metric or "": _BUSY * 1000}
        labels = {"app": metric or "", "bench": "scale"}
        return [
            PodFigures(namespace=fleet.NAMESPACE, pod=pod, labels=labels, custom=value)
            for pod in found
        ]


def _autoscaler(name: str, most: int) -> Json:
    target = {"type": "AverageValue", "averageValue": str(_TARGET)}
    return {
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 2,
            "maxReplicas": most,
            "metrics": [
                {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}},
            ],
        },
    }


async def swept(stage: Stage, wanted: list[str], gateways: int) -> AsyncIterator[list[Figure]]:
    """Yield how long it takes to scale all of them once, with default limits and raised."""
    source = _Source()
    async with custom_metrics.serving(stage.kubeconfig, source), _autoscalers(stage, wanted):
        for name, flags in (("hpa", ()), ("hpa-raised", RAISED)):
            await fleet.resize(stage.api, wanted, gateways)
            await fleet.until_ready(stage.api, len(wanted) * gateways)
            source.pods = await _pods(stage)
            found = await _sweep(stage, wanted, name, flags)
            yield [Figure(name=n, size=len(wanted), values=(v,)) for n, v in found.items()]


async def _sweep(
    stage: Stage, wanted: list[str], name: str, flags: Sequence[str]
) -> dict[str, float]:
    program = find_programs(silent, names=(_PROGRAM,))[_PROGRAM]
    own = (f"--kubeconfig={stage.kubeconfig}", "--controllers=horizontal-pod-autoscaler-controller")
    command = [str(program), *own, "--leader-elect=false", "--secure-port=0", *flags]
    stage.audit.skip()
    began = time.time()
    child = Child(_PROGRAM, command, stage.folder / f"{name}.log")
    written: dict[str, float] = {}
    asked: list[float] = []
    try:
        while len(written) < len(wanted) and time.time() - began < _SWEEP_SECONDS:
            await asyncio.sleep(_POLL_SECONDS)
            for request in stage.audit.read(""):
                # The other controllers, of the control plane itself, have users of their own.
                if request.agent.startswith(_PROGRAM) and not request.user.startswith("system:"):
                    asked.append(request.at)
                if request.resource == "deployments/scale" and request.is_write:
                    written.setdefault(request.name, request.at)
    finally:
        child.kill()
    first, last = min(written.values()), max(written.values())
    span = last - first
    requests = sum(first <= at <= last for at in asked)
    return {
        f"{name}-scaled": len(written),
        f"{name}-first-to-last-write": span,
        f"{name}-requests-per-second": requests / span,
    }


@asynccontextmanager
async def _autoscalers(stage: Stage, wanted: list[str]) -> AsyncIterator[None]:
    def creation(name: str) -> Callable[[], Awaitable[object]]:
        return lambda: stage.api.create(_AUTOSCALERS, _autoscaler(name, 12))

    await fleet.together(creation(name) for name in wanted)
    try:
        yield
    finally:
        await stage.api.delete(_AUTOSCALERS)


async def _pods(stage: Stage) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    async for pod in fleet.pods(stage.api):
        found[pod["metadata"]["labels"]["app"]].append(pod["metadata"]["name"])
    return found
