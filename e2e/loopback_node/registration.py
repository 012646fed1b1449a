"""A Node object and its Lease, kept alive as a kubelet does.

The Lease is renewed every `interval` seconds and lasts four times that; the Node's own heartbeat
follows every five minutes. Conditions other than Ready are written once, when the Node is made, so
that a test may set one (MemoryPressure, ...) and it stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from loopback_node.api import STRATEGIC_PATCH, TRANSIENT, ApiError
from loopback_node.moments import now_micro_text, now_text

if TYPE_CHECKING:
    from loopback_node.api import Api, Json

log = logging.getLogger(__name__)

PREFIX_LABEL = "loopback.imchat.dev/prefix"
NODES = "/api/v1/nodes"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_STATUS_SECONDS = 300.0
_RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The Node `name` at `address`; `interval` in seconds."""

    api: Api
    name: str
    prefix: str
    address: str
    interval: float

    async def keep_alive(self) -> None:
        """Register, or report again after an absence, and send heartbeats, for ever."""
        while True:
            try:
                uid = await self._register()
                break
            except TRANSIENT as error:
                log.info("register-failed node=%s why=%r", self.name, error)
                await asyncio.sleep(_RETRY_SECONDS)
        log.info("online node=%s", self.name)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_for_ever(uid))
            group.create_task(self._heartbeat_for_ever())

    async def _register(self) -> str:
        """Make the Node, or bring the one that is there up to date; gives its uid."""
        try:
            node = await self.api.create(NODES, self._node())
        except ApiError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            node = await self.api.get(f"{NODES}/{self.name}")
            await self._report(node)
        uid: str = node["metadata"]["uid"]
        await self._renew(uid)
        return uid

    async def _renew_for_ever(self, uid: str) -> None:
        while True:
            await asyncio.sleep(self.interval)
            try:
                await self._renew(uid)
            except TRANSIENT as error:
                log.info("renew-failed node=%s why=%r", self.name, error)

    async def _heartbeat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_STATUS_SECONDS)
            try:
                await self._report(await self.api.get(f"{NODES}/{self.name}"))
            except TRANSIENT as error:
                log.info("heartbeat-failed node=%s why=%r", self.name, error)

    async def _renew(self, uid: str) -> None:
        renewed = {"spec": {"renewTime": now_micro_text()}}
        try:
            await self.api.patch(f"{_LEASES}/{self.name}", renewed)
        except ApiError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            await self.api.create(_LEASES, self._lease(uid))

    async def _report(self, node: Json) -> None:
        """Say that the Node is Ready, here and alive."""
        observed = next((c for c in node["status"]["conditions"] if c["type"] == "Ready"), None)
        ready = _condition("Ready", "True", "KubeletReady", "loopback node is posting ready status")
        if observed and observed["status"] == "True":
            ready["lastTransitionTime"] = observed["lastTransitionTime"]
        status = {"conditions": [ready], "addresses": [{"$patch": "replace"}, *self._addresses()]}
        path = f"{NODES}/{self.name}"
        await self.api.patch(path, {"metadata": {"labels": self._labels()}})
        await self.api.patch(f"{path}/status", {"status": status}, STRATEGIC_PATCH)

    def _node(self) -> Json:
        capacity = {"pods": "110", "cpu": str(os.cpu_count() or 1), "memory": "8Gi"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": self._labels()},
            "status": {
                "addresses": self._addresses(),
                "capacity": capacity,
                "allocatable": capacity,
                "conditions": [
                    _condition("Ready", "True", "KubeletReady", "loopback node is ready"),
                    *(
                        _condition(kind, "False", "Sufficient", "not measured")
                        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
                    ),
                ],
                "nodeInfo": {
                    "architecture": _architecture(),
                    "bootID": "",
                    "containerRuntimeVersion": "loopback://1",
                    "kernelVersion": platform.release(),
                    "kubeProxyVersion": "",
                    "kubeletVersion": "loopback",
                    "machineID": "",
                    "operatingSystem": "linux",
                    "osImage": "loopback node",
                    "systemUUID": "",
                },
            },
        }

    def _labels(self) -> dict[str, str]:
        return {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": _architecture(),
            PREFIX_LABEL: self.prefix,
        }

    def _addresses(self) -> list[Json]:
        return [
            {"type": "InternalIP", "address": self.address},
            {"type": "Hostname", "address": self.name},
        ]

    def _lease(self, uid: str) -> Json:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Node", "name": self.name, "uid": uid}
                ],
            },
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": max(1, round(4 * self.interval)),
                "renewTime": now_micro_text(),
            },
        }


def _condition(kind: str, status: str, reason: str, message: str) -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now_text(),
        "lastTransitionTime": now_text(),
    }


def _architecture() -> str:
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
