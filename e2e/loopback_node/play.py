"""Plays all nodes of one process: wires registration, pods and binder to one API server.

`play()` runs until it is cancelled; then it ends as machines that are taken away: every process is
killed, the pods and the Nodes leave the API server.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopback_node.addresses import AddressBlock
from loopback_node.api import TRANSIENT, connected
from loopback_node.binder import Binder, is_ready
from loopback_node.events import Recorder
from loopback_node.node import Node
from loopback_node.pod import Host
from loopback_node.probes import probing_session
from loopback_node.processes import Runtime
from loopback_node.reflector import Changed, Listed, Reflector
from loopback_node.registration import NODES, PREFIX_LABEL, Registration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiohttp

    from loopback_node.api import Api, Json

log = logging.getLogger(__name__)

_LEAVE_SECONDS = 5.0
# kube-controller-manager takes these off once it has seen that a Node is Ready.
_CLOSED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a node process is told; intervals in seconds."""

    kubeconfig: Path
    nodes: int
    prefix: str
    schedule: bool
    lease_interval: float
    restart_backoff: float

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its Nodes."""
        return tuple(f"{self.prefix}-{index}" for index in range(self.nodes))


async def play(settings: Settings, ready: Callable[[str], None]) -> None:
    """Play the nodes until cancelled; `ready` is called once with the address block.

    That is when all nodes are Ready and the control plane has taken their first taint off.
    """
    with closing(Runtime()) as runtime, closing(AddressBlock()) as block:
        log.info("playing nodes=%d addresses=%s logs=%s", settings.nodes, block, runtime.folder)
        async with connected(settings.kubeconfig, runtime.folder) as api, probing_session() as http:
            machines = _Machines(settings, api, http, runtime, block)
            try:
                await machines.run(lambda: ready(str(block)))
            finally:
                machines.kill()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVE_SECONDS):
                        await _leave(api, settings.names)


class _Machines:
    """All nodes of this process, and the Node objects as the API server has them."""

    def __init__(
        self,
        settings: Settings,
        api: Api,
        http: aiohttp.ClientSession,
        runtime: Runtime,
        block: AddressBlock,
    ) -> None:
        self._settings = settings
        self._api = api
        self._events = Recorder(api)
        self._objects: dict[str, Json] = {}
        self._binder = Binder(api, self._objects, self._events)
        self._nodes = {}
        for index, name in enumerate(settings.names):
            address = block.node_address(index)
            registration = Registration(
                api=api,
                name=name,
                prefix=settings.prefix,
                address=address,
                interval=settings.lease_interval,
            )
            host = Host(
                api=api,
                runtime=runtime,
                http=http,
                events=self._events,
                address=address,
                backoff_base=settings.restart_backoff,
                online=asyncio.Event(),
            )
            self._nodes[name] = Node(registration, host, block)

    async def run(self, ready: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(ready))
            group.create_task(self._events.run())
            for node in self._nodes.values():
                group.create_task(node.run())
            if self._settings.schedule:
                group.create_task(self._binder.run())

    def kill(self) -> None:
        for node in self._nodes.values():
            node.kill()

    async def _follow(self, ready: Callable[[], None]) -> None:
        """Tell each node of its Node object, and `ready` when all can take pods."""
        told = False
        selector = f"{PREFIX_LABEL}={self._settings.prefix}"
        async for change in Reflector(self._api, NODES, labelSelector=selector).changes():
            match change:
                case Listed(items=items):
                    self._replace({node["metadata"]["name"]: node for node in items})
                case Changed(item=node, gone=True):
                    self._objects.pop(node["metadata"]["name"], None)
                case Changed(item=node):
                    self._objects[node["metadata"]["name"]] = node
                    self._observe(node["metadata"]["name"])
            self._binder.look_again()
            if not told and all(map(self._is_open, self._settings.names)):
                told = True
                ready()

    def _replace(self, objects: dict[str, Json]) -> None:
        self._objects.clear()
        self._objects.update(objects)
        for name in self._nodes:
            self._observe(name)

    def _observe(self, name: str) -> None:
        if name in self._nodes:
            self._nodes[name].observe(self._objects.get(name))

    def _is_open(self, name: str) -> bool:
        node = self._objects.get(name)
        return (
            node is not None
            and is_ready(node)
            and not any(taint["key"] in _CLOSED for taint in node["spec"].get("taints", ()))
            and self._nodes[name].is_described_by(node)
        )


async def _leave(api: Api, names: tuple[str, ...]) -> None:
    """Take the Nodes and the pods bound to them off the API server, as far as it answers."""
    try:
        for name in names:
            await api.delete(f"{NODES}/{name}")
            bound = await api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={name}")
            for pod in bound["items"]:
                metadata = pod["metadata"]
                path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
                preconditions = {"uid": metadata["uid"]}
                await api.delete(path, {"gracePeriodSeconds": 0, "preconditions": preconditions})
    except TRANSIENT as error:
        log.info("leave-failed why=%r", error)
