"""One loop per ImChatCluster, begun and ended as the objects come and go.

kopf's watch tells at once; a list at the beginning and every minute tells what the watch missed
(kopf delivers no deletion that happened while its watch was broken). No loop decides before the
first list: kopf tells of a cluster whether or not it has told of the windows yet that hold it, and
of an older one that has its workload.
"""

import asyncio
import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from imchat_operator.core.snapshot import Cluster
from imchat_operator.settings import Settings
from imchat_operator.shell.caches import Caches
from imchat_operator.shell.health import Health
from imchat_operator.shell.kube import FAILED, Json, Resource
from imchat_operator.shell.leadership import Mandate
from imchat_operator.shell.maintenance import WINDOWS, Windows
from imchat_operator.shell.observe import Clients
from imchat_operator.shell.reconcile import ClusterLoop, places_for_passes
from imchat_operator.shell.stored import CLUSTERS

_LOG = logging.getLogger(__name__)
_RESYNC = 60.0
_RETRY = 1.0  # until the first list, without which no cluster is served
_LONGEST_STEP = 300.0  # lists page by page; a request to the API server is given up after 30 s


class Supervisor:
    """Owns every task of the operator but kopf's; an async context manager."""

    def __init__(
        self, clients: Clients, settings: Settings, mandate: Mandate, health: Health
    ) -> None:
        self._clients = clients
        self._mandate = mandate
        self._health = health
        self._api = api = clients.api
        self._settings = settings
        self._caches = Caches(api, settings.namespaces, self._wake_everything)
        self._claims = self._caches.claims
        self._windows = Windows(api, self._wake_namespace, self._clusters_in, health)
        self._loops: dict[str, tuple[str, ClusterLoop, asyncio.Task[None]]] = {}
        self._places = places_for_passes()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loops = {
            **self._caches.loops(),
            "the windows' loop": self._windows.run(),
            "the resync": self._resync(),
        }
        for name, work in loops.items():
            self._keep(asyncio.create_task(work, name=name))
        return self

    async def synced(self) -> None:
        """Wait until the caches that all clusters share are complete."""
        await self._caches.synced()
        await self._windows.listed.wait()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every task; what is under way goes on from status with the next operator."""
        tasks = [*self._tasks, *(task for _, _, task in self._loops.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._caches.close()

    def cluster_changed(self, body: Json) -> None:
        """Begin to serve a cluster, or tell its loop of the change."""
        meta = body["metadata"]
        if meta["uid"] in self._loops:
            _, known, _ = self._loops[meta["uid"]]
            known.changed(body)
            self._wake(self._claims.changed(meta["uid"], known.claim))
            return
        loop = ClusterLoop(
            self._clients,
            self._caches,
            self._windows,
            self._mandate,
            self._health,
            self._places,
            body,
        )
        task = asyncio.create_task(loop.run(), name=f"{meta['namespace']}/{meta['name']}")
        task.add_done_callback(self._over)
        self._loops[meta["uid"]] = (meta["namespace"], loop, task)
        self._wake(self._claims.changed(meta["uid"], loop.claim))
        self._windows.look_again()

    def cluster_gone(self, uid: str) -> None:
        """End a cluster's loop: nothing was being drained, or its finalizer would keep it."""
        if uid in self._loops:
            _, loop, task = self._loops.pop(uid)
            task.cancel()
            loop.forget()
            self._tasks.add(task)
            self._wake(self._claims.gone(uid))

    def window_changed(self, body: Json) -> None:
        """Take over a maintenance window."""
        self._windows.changed(body)

    def window_gone(self, uid: str) -> None:
        """Forget a maintenance window."""
        self._windows.gone(uid)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("%s ended and should not have", task.get_name(), exc_info=error)
            self._health.died(task.get_name(), repr(error))

    def _wake(self, uids: Iterable[str]) -> None:
        for uid in self._loops.keys() & uids:
            self._loops[uid][1].wake()

    def _wake_everything(self) -> None:
        for _, loop, _ in self._loops.values():
            loop.wake()

    def _wake_namespace(self, namespace: str) -> None:
        for where, loop, _ in self._loops.values():
            if where == namespace:
                loop.wake()

    def _clusters_in(self, namespace: str) -> tuple[Cluster, ...]:
        return tuple(loop.cluster for where, loop, _ in self._loops.values() if where == namespace)

    async def _resync(self) -> None:
        while True:
            self._health.beat("the resync", _RESYNC + _LONGEST_STEP)
            try:
                await self._resynced()
            except FAILED as error:
                _LOG.warning("resync failed: %r", error)
            await asyncio.sleep(_RESYNC if self._windows.listed.is_set() else _RETRY)

    async def _resynced(self) -> None:
        # What the watch tells of while the lists are under way may be missing from them.
        known_clusters, known_windows = frozenset(self._loops), self._windows.known()
        clusters = await self._listed(CLUSTERS)
        windows = await self._listed(WINDOWS)
        for uid in known_clusters - clusters.keys():
            self.cluster_gone(uid)
        for uid in known_windows - windows.keys():
            self.window_gone(uid)
        for body in windows.values():
            self.window_changed(body)
        self._windows.listed.set()
        for body in clusters.values():
            self.cluster_changed(body)

    async def _listed(self, resource: Resource) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for namespace in self._settings.namespaces or ("",):
            items, _ = await self._api.items(resource.path(namespace), {})
            found.update((o["metadata"]["uid"], o) for o in items)
        return found
