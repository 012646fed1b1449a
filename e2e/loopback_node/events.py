"""Events on pods, as a kubelet posts them, but few: a repeated one is counted, not posted anew.

They are posted one after the other by one task, and dropped rather than queued without end: an
Event is a courtesy, a pod's life never waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopback_node.api import TRANSIENT
from loopback_node.moments import now_text

if TYPE_CHECKING:
    from loopback_node.api import Api, Json

log = logging.getLogger(__name__)

_QUEUED = 200
_REMEMBERED = 1000
_RECOUNT_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class _Note:
    """One Event, how often it happened, and when it was last posted by the loop's clock."""

    event: Json
    count: int = 0
    posted: float | None = None
    exists: bool = False


class Recorder:
    """Posts Events on pods."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._notes: OrderedDict[str, _Note] = OrderedDict()
        self._queue: asyncio.Queue[_Note] = asyncio.Queue(_QUEUED)

    def add(self, pod: Json, kind: str, reason: str, message: str) -> None:
        """Note an Event of this type; the same one again raises its count, at most every 10 s."""
        text = "\0".join((pod["metadata"]["uid"], kind, reason, message))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        note = self._notes.get(digest)
        if note is None:
            event = _event(pod, digest) | {
                "type": kind,
                "reason": reason,
                "message": message[:1024],
            }
            note = self._notes[digest] = _Note(event=event)
            if len(self._notes) > _REMEMBERED:
                self._notes.popitem(last=False)
        note.count += 1
        now = asyncio.get_running_loop().time()
        is_due = note.posted is None or now - note.posted >= _RECOUNT_SECONDS
        if is_due and not self._queue.full():
            note.posted = now
            self._queue.put_nowait(note)

    async def run(self) -> None:
        """Post what is noted, for ever."""
        while True:
            note = await self._queue.get()
            try:
                await self._post(note)
            except TRANSIENT as error:
                log.info("event-lost reason=%s why=%r", note.event["reason"], error)

    async def _post(self, note: _Note) -> None:
        path = f"/api/v1/namespaces/{note.event['metadata']['namespace']}/events"
        seen = {"count": note.count, "lastTimestamp": now_text()}
        if not note.exists:
            note.exists = True
            await self._api.create(path, note.event | seen)
        else:
            await self._api.patch(f"{path}/{note.event['metadata']['name']}", seen)


def _event(pod: Json, digest: str) -> Json:
    metadata = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name'][:200]}.{digest}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "source": {"component": "loopback-node", "host": pod["spec"].get("nodeName", "")},
        "firstTimestamp": now_text(),
    }
