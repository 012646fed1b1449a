"""The MaintenanceWindows: a cache of them, and the keeper of their status."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from pydantic import ValidationError

from imchat_operator.core.decision import Subject
from imchat_operator.core.snapshot import Cluster, Window
from imchat_operator.core.window_status import next_change, unreadable, window_status
from imchat_operator.models import (
    GROUP,
    VERSION,
    MaintenanceWindowStatus,
    WindowState,
    matches,
)
from imchat_operator.shell.events import Recorder
from imchat_operator.shell.gauges import GAUGES, window_samples
from imchat_operator.shell.health import Health
from imchat_operator.shell.kube import UNANSWERED, Api, ApiError, FencedError, Json, Resource
from imchat_operator.shell.resources import refusal, window, window_status_of
from imchat_operator.shell.wake import heard

_LOG = logging.getLogger(__name__)

WINDOWS = Resource(group=GROUP, version=VERSION, plural="maintenancewindows")

_LONGEST_PAUSE = 60.0
_RETRY = 5.0
_SETTLING = 1.0  # until Events that were promised are known to be posted
_MARGIN = 0.02
_LOOP = "the windows' loop"
_LONGEST_STEP = 180.0  # one window; a request to the API server is given up after 30 s


class Windows:
    """All windows by uid, as last seen.

    Attributes:
        listed: set once all that there were have been listed; before that none may be missing
            from what is decided.
    """

    def __init__(
        self,
        api: Api,
        on_change: Callable[[str], None],
        clusters: Callable[[str], tuple[Cluster, ...]],
        health: Health,
    ) -> None:
        self._api = api
        self._health = health
        self._on_change = on_change
        self._clusters = clusters
        self._recorders: dict[str, Recorder] = {}
        self._bodies: dict[str, Json] = {}
        self._read: dict[str, tuple[Json, Window | None]] = {}
        self._wake = asyncio.Event()
        self.listed = asyncio.Event()

    def of(self, namespace: str) -> tuple[Window, ...]:
        """Return the windows of a namespace; one that can't be read holds nothing."""
        bodies = [b for b in self._bodies.values() if b["metadata"]["namespace"] == namespace]
        return tuple(found for body in bodies if (found := self._window(body)) is not None)

    def _window(self, body: Json) -> Window | None:
        """Return a window as the core sees it: each version is read once, not by each cluster."""
        uid = body["metadata"]["uid"]
        seen, found = self._read.get(uid, (None, None))
        if seen is not body:
            found = _read(body)
            self._read[uid] = (body, found)
        return found

    def changed(self, body: Json) -> None:
        """Take over a window, new or changed."""
        uid = body["metadata"]["uid"]
        old = self._bodies.get(uid)
        if old is not None and _version(body) < _version(old):
            return  # the watch tells of it after the answer to a later write of ours
        self._bodies[uid] = body
        if old is None or old["metadata"]["generation"] != body["metadata"]["generation"]:
            self._wake.set()
            self._on_change(body["metadata"]["namespace"])

    def gone(self, uid: str) -> None:
        """Forget a window."""
        body = self._bodies.pop(uid, None)
        self._read.pop(uid, None)
        self._recorders.pop(uid, None)
        GAUGES.forget(uid)
        if body is not None:
            self._on_change(body["metadata"]["namespace"])

    def look_again(self) -> None:
        """Have the next look at every window begin now."""
        self._wake.set()

    def known(self) -> frozenset[str]:
        """Return the uids of all windows."""
        return frozenset(self._bodies)

    async def run(self) -> None:
        """Keep every window's status true until cancelled."""
        while True:
            # The set of windows may change at every await.
            pauses = [await self._kept(uid) for uid in tuple(self._bodies)]
            pause = min(pauses, default=_LONGEST_PAUSE)
            self._health.beat(_LOOP, pause + _LONGEST_STEP)
            await heard(self._wake, pause)
            self._wake.clear()

    async def _kept(self, uid: str) -> float:
        """Bring one window's status up to date; return the seconds until it may change."""
        self._health.beat(_LOOP, _LONGEST_STEP)
        body = self._bodies.get(uid)
        if body is None:
            return _LONGEST_PAUSE
        path = WINDOWS.path(body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            return await self._written(body, path)
        except ApiError as error:
            _LOG.info("%s: %s", path, error)
            await self._reread(uid, path)
        except Exception as error:  # noqa: BLE001 -- the loop's one boundary
            known = isinstance(error, (FencedError, *UNANSWERED))
            _LOG.warning("%s: %r", path, error, exc_info=not known)
        return _RETRY

    async def _reread(self, uid: str, path: str) -> None:
        try:
            body = await self._api.request("GET", path)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                self.gone(uid)
        except UNANSWERED as error:
            _LOG.warning("%s: %r", path, error)
        else:
            self._replace(uid, body)

    def _replace(self, uid: str, body: Json) -> None:
        """Take over a newer version of a window, unless it went meanwhile."""
        if uid in self._bodies and body["metadata"]["uid"] == uid:
            self._bodies[uid] = body

    async def _written(self, body: Json, path: str) -> float:
        try:
            found = window(body)
        except ValidationError as error:
            return await self._refused(body, path, refusal(error))
        namespace, now = body["metadata"]["namespace"], datetime.now(UTC)
        recorder = self._recorder(body)
        after = window_status(found, self._clusters_of(namespace, found), recorder.posted, now)
        if after != found.status:
            await self._store(body, path, after)
        if found.uid in self._bodies:
            GAUGES.show_window(namespace, found, window_samples(after))
        # Promised first, then posted: a crash in between posts them again, under the same names.
        await recorder.post(after.pending_events)
        if after.pending_events:
            return _SETTLING
        change = next_change(found, now)
        wait = (change - now).total_seconds() + _MARGIN if change else _LONGEST_PAUSE
        return min(_LONGEST_PAUSE, wait)

    async def _refused(self, body: Json, path: str, why: str) -> float:
        """Say what is wrong with a window that can't be understood, once for each version of it."""
        meta, before = body["metadata"], window_status_of(body)
        if before.state is WindowState.INVALID and before.observed_generation == meta["generation"]:
            await self._recorder(body).post(before.pending_events)
            return _LONGEST_PAUSE
        _LOG.warning("maintenance window %s is ignored: %s", meta["name"], why)
        subject = Subject(kind="MaintenanceWindow", name=meta["name"], uid=meta["uid"])
        after = unreadable(subject, before, meta["generation"], why, datetime.now(UTC))
        await self._store(body, path, after)
        return _SETTLING

    def _recorder(self, body: Json) -> Recorder:
        meta = body["metadata"]
        made = Recorder(self._api, meta["namespace"])
        return self._recorders.setdefault(meta["uid"], made)

    async def _store(self, body: Json, path: str, status: MaintenanceWindowStatus) -> None:
        full = {**body, "status": status.to_json(sparse=True)}
        written = await self._api.request("PUT", f"{path}/status", body=full)
        self._replace(body["metadata"]["uid"], written)

    def _clusters_of(self, namespace: str, found: Window) -> tuple[str, ...]:
        selector = found.spec.cluster_selector
        clusters = self._clusters(namespace)
        return tuple(c.name for c in clusters if matches(selector, c.labels))


def _version(body: Json) -> int:
    return int(body["metadata"].get("resourceVersion", "0"))


def _read(body: Json) -> Window | None:
    try:
        return window(body)
    except ValidationError:
        return None  # which its status tells
