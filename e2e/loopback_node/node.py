"""One Node that can be cut off.

Online, it keeps its Node object and Lease alive and plays the pods bound to it. Cut off, by the
annotation `CUT_OFF` on the Node, it does neither: with "alive" its pods run on and serve, as when
a machine's network to the control plane is gone; with "dead" they are killed, as when its power
is. When the annotation goes the node is online again and lists its pods anew: those deleted
meanwhile are killed, those to end do so, those that died start again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from loopback_node.cutoff import DEAD, cut_off
from loopback_node.pods import Pods

if TYPE_CHECKING:
    from loopback_node.addresses import AddressBlock
    from loopback_node.api import Json
    from loopback_node.pod import Host
    from loopback_node.registration import Registration

log = logging.getLogger(__name__)


class Node:
    """One Node; offline until `observe()` says that nothing cuts it off."""

    def __init__(self, registration: Registration, host: Host, block: AddressBlock) -> None:
        self._registration = registration
        self._pods = Pods(registration.name, host, block)
        self._online = host.online
        self._offline = asyncio.Event()

    def is_described_by(self, node: Json) -> bool:
        """Whether the Node object is of this process, not of one before it."""
        addresses = node["status"].get("addresses", ())
        return any(a["address"] == self._registration.address for a in addresses)

    def observe(self, node: Json | None) -> None:
        """Take notice of the Node object, None when there is none yet."""
        how = cut_off(node) if node else None
        if how is None:
            self._offline.clear()
            self._online.set()
            return
        if self._online.is_set():
            log.info("cut-off node=%s pods=%s", self._registration.name, how)
        self._online.clear()
        self._offline.set()
        if how == DEAD:
            self._pods.kill()

    async def run(self) -> None:
        """Be a node, for ever."""
        while True:
            await self._online.wait()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._registration.keep_alive()),
                    group.create_task(self._pods.follow()),
                ]
                await self._offline.wait()
                for task in tasks:
                    task.cancel()

    def kill(self) -> None:
        """End every process of its pods at once."""
        self._pods.kill()
