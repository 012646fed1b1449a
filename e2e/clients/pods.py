"""The ready gateways of a cluster: pods selected by label, watched through the API server.

A pod counts as ready while its Ready condition is True (readiness gates included), it has an
address and nobody has deleted it: what a Service would send connections to. Each
change is heard `delay` seconds late, and while the API server is away the last known gateways
stay: as it is with kube-proxy.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kubernetes.aio.config import ConfigException

from clients.balancer import Endpoint
from loopback_node.api import TRANSIENT, Json, connected
from loopback_node.reflector import Change, Changed, Listed, Reflector


class ReadyPods:
    """An EndpointSource; `ready_pods()` makes one and keeps it true."""

    def __init__(self, first: Change, *, port: int, delay: float) -> None:
        self._port = port
        self._delay = delay
        self._now: dict[str, Endpoint] = {}
        self._take_in(first)
        self._heard = tuple(self._now.values())

    def ready(self) -> tuple[Endpoint, ...]:
        """The gateways that were ready `delay` seconds ago."""
        return self._heard

    def apply(self, change: Change) -> None:
        """Take in what the API server says; it is heard `delay` seconds later."""
        self._take_in(change)
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay, self._hear, tuple(self._now.values()))

    def _take_in(self, change: Change) -> None:
        match change:
            case Listed(items=pods):
                self._now = {}
                for pod in pods:
                    self._take(pod)
            case Changed(item=pod, gone=gone):
                self._now.pop(pod["metadata"]["name"], None)
                if not gone:
                    self._take(pod)

    def _take(self, pod: Json) -> None:
        if is_ready(pod):
            name = pod["metadata"]["name"]
            self._now[name] = Endpoint(name=name, host=pod["status"]["podIP"], port=self._port)

    def _hear(self, endpoints: tuple[Endpoint, ...]) -> None:
        self._heard = endpoints


def is_ready(pod: Json) -> bool:
    """Whether a Service would send new connections to the pod."""
    status = pod.get("status", {})
    conditions = status.get("conditions", ())
    return (
        "deletionTimestamp" not in pod["metadata"]
        and bool(status.get("podIP"))
        and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    )


@asynccontextmanager
async def ready_pods(
    kubeconfig: Path, *, namespace: str, selector: str, port: int, delay: float
) -> AsyncIterator[ReadyPods]:
    """The ready gateways of a namespace, kept true for as long as the block runs.

    Raises:
        ConnectionError: one sentence why the API server does not list the pods. Once it has,
            later losses are waited out.
    """
    path = f"/api/v1/namespaces/{namespace}/pods"
    await _check_access(kubeconfig, path, selector)
    async with connected(kubeconfig) as api:
        changes = Reflector(api, path, labelSelector=selector).changes()
        pods = ReadyPods(await anext(changes), port=port, delay=delay)
        watching = asyncio.create_task(_follow(changes, pods))
        try:
            yield pods
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def _check_access(kubeconfig: Path, path: str, selector: str) -> None:
    try:
        async with connected(kubeconfig) as api:
            await api.get(path, labelSelector=selector, limit=1)
    except (ConfigException, *TRANSIENT) as error:
        raise ConnectionError(f"{path} cannot be listed by {kubeconfig}: {error}") from error


async def _follow(changes: AsyncIterator[Change], pods: ReadyPods) -> None:
    async for change in changes:
        pods.apply(change)
