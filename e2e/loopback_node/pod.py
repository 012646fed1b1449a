"""One pod on its node: its containers, its status on the API server, its end.

A `PodLife` runs the containers, reports every change at once (only changes: it compares with what
the API server has), and, once the pod is marked for deletion, ends the containers within the grace
period, reports the end and deletes the object. While its node is cut off it reports nothing.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from loopback_node.api import STRATEGIC_PATCH, TRANSIENT, ApiError
from loopback_node.container import ContainerLife, Terms
from loopback_node.deadline import Deadline
from loopback_node.manifest import Container, Impossible, pod_manifest
from loopback_node.moments import now_text
from loopback_node.probes import Place
from loopback_node.status import (
    ContainerView,
    PodView,
    Waiting,
    pasts,
    reported_status,
    status_patch,
)

if TYPE_CHECKING:
    import aiohttp

    from loopback_node.api import Api, Json
    from loopback_node.events import Recorder
    from loopback_node.manifest import ContainerRequest
    from loopback_node.processes import Runtime
    from loopback_node.status import Past

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
# What the API server says when the pod is not, or no longer, the one we know: the watch will tell.
_NOT_OURS = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a node offers its pods."""

    api: Api
    runtime: Runtime
    http: aiohttp.ClientSession
    events: Recorder
    address: str
    backoff_base: float
    online: asyncio.Event


class PodLife:
    """A pod bound to this node, from first sight to its deletion."""

    def __init__(self, pod: Json, address: str, host: Host) -> None:
        self._pod = pod
        self._host = host
        self._manifest = pod_manifest(pod, address=address, host_address=host.address)
        self._address = address
        self._start_time = pod.get("status", {}).get("startTime") or now_text()
        self._changed = asyncio.Event()
        self._deadline: Deadline | None = None
        past = pasts(pod, now_text())
        self._containers = {
            request.name: self._container(request, request.wanted, past.get(request.name))
            for request in self._manifest.containers
            if isinstance(request.wanted, Container)
        }
        self._running = len(self._containers)

    async def run(self) -> None:
        """Live until deleted from the API server; cancel it to stop at once, after `kill()`."""
        self.update(self._pod)
        async with asyncio.TaskGroup() as group:
            for container in self._containers.values():
                group.create_task(self._run(container))
            await self._report()

    def update(self, pod: Json) -> None:
        """Take notice of a newer version of the object."""
        if int(pod["metadata"]["resourceVersion"]) < int(self._pod["metadata"]["resourceVersion"]):
            return
        self._pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._stop(pod["metadata"].get("deletionGracePeriodSeconds", 0))
        self._changed.set()

    def report(self) -> None:
        """Compare with the API server's version again."""
        self._changed.set()

    def kill(self) -> None:
        """End every process at once."""
        for container in self._containers.values():
            container.kill()

    def forget(self) -> None:
        """Remove what the pod left on disk."""
        shutil.rmtree(self._host.runtime.folder / self._manifest.uid, ignore_errors=True)

    def _stop(self, grace: float) -> None:
        if self._deadline:
            self._deadline.shorten(grace)
            return
        log.info("stopping pod=%s grace=%gs", self._manifest, grace)
        self._deadline = Deadline(grace)
        for container in self._containers.values():
            container.stop(self._deadline)

    async def _run(self, container: ContainerLife) -> None:
        await container.run()
        self._running -= 1
        self._changed.set()

    async def _report(self) -> None:
        """Publish each change; returns when the pod is over and deleted."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self._host.online.is_set():
                continue
            was_over = self._is_over
            try:
                await self._publish()
                if was_over:  # and not only now: its end has to be published first
                    await self._delete()
                    return
            except TRANSIENT as error:
                if isinstance(error, ApiError) and error.code in _NOT_OURS:
                    continue
                log.info("report-failed pod=%s why=%r", self._manifest, error)
                await asyncio.sleep(_RETRY_SECONDS)
                self._changed.set()

    async def _publish(self) -> None:
        patch = status_patch(self._pod, reported_status(self._pod, self._view, now_text()))
        if patch:
            path = f"{self._manifest.path}/status"
            self.update(await self._host.api.patch(path, patch, STRATEGIC_PATCH))

    async def _delete(self) -> None:
        preconditions = {"uid": self._manifest.uid}
        await self._host.api.delete(
            self._manifest.path, {"gracePeriodSeconds": 0, "preconditions": preconditions}
        )
        log.info("deleted pod=%s", self._manifest)

    @property
    def _is_over(self) -> bool:
        return self._deadline is not None and self._running == 0

    @property
    def _view(self) -> PodView:
        return PodView(
            containers=tuple(map(self._container_view, self._manifest.containers)),
            address=self._address,
            host_address=self._host.address,
            start_time=self._start_time,
            restart_policy=self._manifest.restart_policy,
            over=self._is_over,
        )

    def _container_view(self, request: ContainerRequest) -> ContainerView:
        if isinstance(request.wanted, Impossible):
            return ContainerView(
                name=request.name,
                image=request.image,
                state=Waiting(reason=request.wanted.reason, message=request.wanted.message),
                last=None,
                restarts=0,
                ready=False,
                started=False,
            )
        return self._containers[request.name].view

    def _container(
        self, request: ContainerRequest, wanted: Container, past: Past | None
    ) -> ContainerLife:
        folder = self._host.runtime.folder / self._manifest.uid / request.name
        folder.mkdir(parents=True)
        place = Place(
            address=self._address,
            env={"HOSTNAME": self._manifest.name, **wanted.env},
            folder=folder,
            runtime=self._host.runtime,
            http=self._host.http,
        )
        terms = Terms(
            pod=str(self._manifest),
            image=request.image,
            restart_policy=self._manifest.restart_policy,
            grace_period=self._manifest.grace_period,
            backoff_base=self._host.backoff_base,
            told=self._changed.set,
            note=self._note,
        )
        return ContainerLife(wanted, place, terms, past)

    def _note(self, kind: str, reason: str, message: str) -> None:
        if self._host.online.is_set():
            self._host.events.add(self._pod, kind, reason, message)
