"""The pods bound to one node: each a `PodLife` in a task of its own.

`follow()` keeps them as the API server lists them: new ones begin, changed ones are told, those
that are gone are killed at once (a forced deletion, or one that happened while cut off).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopback_node.manifest import declared_ports
from loopback_node.pod import PodLife
from loopback_node.reflector import Changed, Listed, Reflector
from loopback_node.status import is_finished

if TYPE_CHECKING:
    from loopback_node.addresses import AddressBlock
    from loopback_node.api import Json
    from loopback_node.pod import Host

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    life: PodLife
    task: asyncio.Task[None]
    address: str


class Pods:
    """The pods of the node with this name."""

    def __init__(self, node: str, host: Host, block: AddressBlock) -> None:
        self._node = node
        self._host = host
        self._block = block
        self._entries: dict[str, _Entry] = {}

    async def follow(self) -> None:
        """Play what the API server lists, for ever."""
        reflector = Reflector(
            self._host.api, "/api/v1/pods", fieldSelector=f"spec.nodeName={self._node}"
        )
        async for change in reflector.changes():
            match change:
                case Listed(items=items):
                    present = {pod["metadata"]["uid"] for pod in items}
                    for uid in self._entries.keys() - present:
                        self._drop(uid)
                    for pod in items:
                        self._take(pod)
                case Changed(item=pod, gone=True):
                    self._drop(pod["metadata"]["uid"])
                case Changed(item=pod):
                    self._take(pod)

    def kill(self) -> None:
        """End every process at once and forget the pods, as a machine that loses its power."""
        for uid in tuple(self._entries):
            self._drop(uid)

    def _take(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        entry = self._entries.get(uid)
        if entry:
            entry.life.update(pod)
        elif self._host.online.is_set() and not is_finished(pod):
            self._begin(uid, pod)

    def _begin(self, uid: str, pod: Json) -> None:
        try:
            address = self._block.take(declared_ports(pod))
            life = PodLife(pod, address, self._host)
        except Exception as error:  # the boundary: one pod's trouble never disturbs another
            log.exception("pod-refused node=%s", self._node)
            self._host.events.add(pod, "Warning", "FailedCreatePodSandBox", repr(error))
            return
        task = asyncio.create_task(self._play(life))
        self._entries[uid] = _Entry(life=life, task=task, address=address)

    async def _play(self, life: PodLife) -> None:
        try:
            await life.run()
        except Exception:  # the boundary: one pod's trouble never disturbs another
            log.exception("pod-broken node=%s", self._node)
            life.kill()

    def _drop(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        if entry:
            entry.life.kill()
            entry.task.cancel()
            entry.life.forget()
            self._block.give_back(entry.address)
