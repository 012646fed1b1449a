"""Every revision of the objects that a trial is judged by, watched without any proxy between."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import aiohttp

from faults.history import CLUSTER, DEPLOYMENT, EVENT, POD, STATEFUL_SET, WINDOW, Json, Seen
from loopback_node.api import Api

_ROOTS = {
    POD: "/api/v1",
    EVENT: "/api/v1",
    DEPLOYMENT: "/apis/apps/v1",
    STATEFUL_SET: "/apis/apps/v1",
    CLUSTER: "/apis/imchat.dev/v1alpha1",
    WINDOW: "/apis/imchat.dev/v1alpha1",
}
AUTOSCALER = "horizontalpodautoscalers"
BUDGET = "poddisruptionbudgets"
_ELSEWHERE = {AUTOSCALER: "/apis/autoscaling/v2", BUDGET: "/apis/policy/v1"}


def path(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the URL path of a collection, of all namespaces or of one, or of an object."""
    middle = f"/namespaces/{namespace}" if namespace else ""
    root = {**_ROOTS, **_ELSEWHERE}[kind]
    return f"{root}{middle}/{kind}" + (f"/{name}" if name else "")


class GapError(Exception):
    """The API server forgot revisions before they were read: nothing can be said of the trial."""


class Ledger:
    """One namespace's revisions, and how its objects are now."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.now: dict[tuple[str, str], Json] = {}
        self.changed = asyncio.Event()

    def add(self, seen: Seen) -> None:
        """Take one more revision in."""
        self.seen.append(seen)
        if seen.change == "DELETED":
            self.now.pop((seen.kind, seen.name), None)
        else:
            self.now[seen.kind, seen.name] = seen.body
        self.changed.set()

    def all(self, kind: str) -> list[Json]:
        """Return the objects of a kind that there are now."""
        return [body for (found, _), body in self.now.items() if found == kind]

    def one(self, kind: str, name: str) -> Json:
        """Return an object as it is now; empty if there is none."""
        return self.now.get((kind, name), {})


class Records:
    """The ledgers of all namespaces, filled by one watch for each kind."""

    def __init__(self, api: Api, heard: Callable[[Seen], None]) -> None:
        self._api = api
        self._heard = heard
        self.ledgers: defaultdict[str, Ledger] = defaultdict(Ledger)

    async def run(self) -> None:
        """Watch for ever.

        Raises:
            GapError: revisions were lost.
        """
        async with asyncio.TaskGroup() as group:
            for kind in _ROOTS:
                group.create_task(self._follow(kind))

    async def _follow(self, kind: str) -> None:
        listed = await self._api.get(path(kind))
        version = listed["metadata"]["resourceVersion"]
        while True:
            query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
            try:
                async for event in self._api.stream(path(kind), **query):
                    if event["type"] == "ERROR":
                        raise GapError(f"{kind}: {event['object'].get('message')}")
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._note(kind, event)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.1)  # taken up again where it broke off

    def _note(self, kind: str, event: dict[str, Any]) -> None:
        body = event["object"]
        seen = Seen(
            at=time.monotonic(),
            revision=int(body["metadata"]["resourceVersion"]),
            change=event["type"],
            kind=kind,
            body=body,
        )
        self.ledgers[body["metadata"]["namespace"]].add(seen)
        self._heard(seen)
