"""What all clusters share: nodes, autoscalers, claims, and how each target was last seen.

Each is watched once: a watch holds a connection and is begun anew every few minutes, so what is not
a cluster's own does not have one per cluster.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from imchat_operator.models import TargetRef
from imchat_operator.shell.claims import Claims
from imchat_operator.shell.kube import AUTOSCALERS, NODES, Api, Json, Resource
from imchat_operator.shell.nodes import node
from imchat_operator.shell.objects import autoscaler, replicas_manager
from imchat_operator.shell.reflector import Reflector


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTarget:
    """Of a target: its resourceVersion, and who set its replicas last, empty if that is unknown."""

    version: str
    manager: str


class Caches:
    """The caches of one operator; `loops` have to run for as long as they are asked."""

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str] = (),
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Set them up.

        Args:
            api: the session with the API server.
            namespaces: those that are served; empty for all.
            on_change: called when a node or an autoscaler changed.
        """
        self._api = api
        self.claims = Claims()
        self.nodes = Reflector(api, NODES.path(), project=node, on_change=on_change)
        self._autoscalers = {
            namespace: Reflector(
                api, AUTOSCALERS.path(namespace), project=autoscaler, on_change=on_change
            )
            for namespace in namespaces or ("",)
        }
        self._targets: dict[str, Reflector[SeenTarget]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def loops(self) -> dict[str, Coroutine[None, None, None]]:
        """Return what keeps them, by its name."""
        autoscalers = self._autoscalers.items()
        return {
            "the nodes' cache": self.nodes.run(),
            **{f"the autoscalers' cache {name}".rstrip(): a.run() for name, a in autoscalers},
        }

    async def close(self) -> None:
        """End what `target` began."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def synced(self) -> None:
        """Wait until they are complete, and not of before the API server was away.

        Raises:
            ApiError, aiohttp.ClientError, TimeoutError: the API server can't tell.
        """
        caches: tuple[Reflector[Any], ...] = (self.nodes, *self._autoscalers.values())
        for cache in caches:
            await cache.synced.wait()
            await cache.resume()

    def rivals(self, namespace: str, ref: TargetRef) -> tuple[str, ...]:
        """Return the autoscalers of a target by name."""
        cache = self._autoscalers.get(namespace) or self._autoscalers[""]
        scaled = (namespace, ref.kind, ref.name)
        found = cache.items.values()
        return tuple(sorted(a.name for a in found if (a.namespace, a.kind, a.target) == scaled))

    def target(self, resource: Resource, namespace: str, uid: str) -> SeenTarget | None:
        """Return a target as of the last event, None where that is unknown.

        The first question about a kind begins a watch of it: of all its objects, whoever scales
        them, but next to nothing is kept of each.
        """
        path = resource.path(namespace if namespace in self._autoscalers else "")
        if path not in self._targets:
            cache = Reflector(self._api, path, project=_seen, on_change=lambda: None)
            self._targets[path] = cache
            self._tasks.append(asyncio.create_task(cache.run(), name=f"the cache of {path}"))
        return self._targets[path].items.get(uid)


def _seen(found: Json) -> SeenTarget:
    version = str(found["metadata"]["resourceVersion"])
    return SeenTarget(version=version, manager=replicas_manager(found))
