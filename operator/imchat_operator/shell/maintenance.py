"""The MaintenanceWindows: a cache of them, and the keeper of their status."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
from pydantic import ValidationError

from imchat_operator.core.decision import Subject
from imchat_operator.core.snapshot import Window
from imchat_operator.core.status import announcements, pending_events
from imchat_operator.core.windows import window_status
from imchat_operator.models import (
    GROUP,
    VERSION,
    MaintenanceWindowStatus,
    WindowState,
)
from imchat_operator.shell import telemetry
from imchat_operator.shell.kube import Api, ApiError, Json, Resource
from imchat_operator.shell.objects import window

_LOG = logging.getLogger(__name__)

WINDOWS = Resource(group=GROUP, version=VERSION, plural="maintenancewindows")

_NOT_FOUND = 404
_LONGEST_PAUSE = 60.0
_RETRY = 5.0


class Windows:
    """All windows by uid, as last seen."""

    def __init__(self, api: Api, on_change: Callable[[str], None]) -> None:
        self._api = api
        self._on_change = on_change
        self._bodies: dict[str, Json] = {}
        self._wake = asyncio.Event()

    def of(self, namespace: str) -> tuple[Window, ...]:
        """Return the windows of a namespace; one that can't be read holds nothing."""
        bodies = [b for b in self._bodies.values() if b["metadata"]["namespace"] == namespace]
        return tuple(found for body in bodies if (found := _read(body)) is not None)

    def changed(self, body: Json) -> None:
        """Take over a window, new or changed."""
        uid = body["metadata"]["uid"]
        old = self._bodies.get(uid)
        self._bodies[uid] = body
        if old is None or old["metadata"]["generation"] != body["metadata"]["generation"]:
            self._wake.set()
            self._on_change(body["metadata"]["namespace"])

    def gone(self, uid: str) -> None:
        """Forget a window."""
        body = self._bodies.pop(uid, None)
        if body is not None:
            self._on_change(body["metadata"]["namespace"])

    def known(self) -> frozenset[str]:
        """Return the uids of all windows."""
        return frozenset(self._bodies)

    async def run(self) -> None:
        """Keep every window's status true until cancelled."""
        while True:
            # The set of windows may change at every await.
            pauses = [await self._kept(uid) for uid in tuple(self._bodies)]
            try:
                async with asyncio.timeout(min(pauses, default=_LONGEST_PAUSE)):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def _kept(self, uid: str) -> float:
        """Bring one window's status up to date; return the seconds until it may change."""
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
            known = isinstance(error, aiohttp.ClientError | TimeoutError | OSError)
            _LOG.warning("%s: %r", path, error, exc_info=not known)
        return _RETRY

    async def _reread(self, uid: str, path: str) -> None:
        try:
            body = await self._api.request("GET", path)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                self.gone(uid)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _LOG.warning("%s: %r", path, error)
        else:
            self._replace(uid, body)

    def _replace(self, uid: str, body: Json) -> None:
        """Take over a newer version of a window, unless it went meanwhile."""
        if uid in self._bodies and body["metadata"]["uid"] == uid:
            self._bodies[uid] = body

    async def _written(self, body: Json, path: str) -> float:
        found = _read(body)
        if found is None:
            return _LONGEST_PAUSE
        meta, now = body["metadata"], datetime.now(UTC)
        before = MaintenanceWindowStatus.model_validate(body.get("status") or {})
        after = window_status(found, before, meta["generation"], now)
        if after != before:
            subject = Subject(kind="MaintenanceWindow", name=found.name, uid=found.uid)
            told = announcements(subject, before.conditions, after.conditions)
            # Dated by the window's own clock, so that a second posting makes no second Event.
            events = pending_events(f"{meta['generation']}", told, _since(found, before, after))
            await telemetry.post(self._api, meta["namespace"], events)
            full = {**body, "status": after.to_json(sparse=True)}
            written = await self._api.request("PUT", f"{path}/status", body=full)
            self._replace(found.uid, written)
        boundaries = [t for t in (after.opens, after.closes) if t is not None and t > now]
        wait = (min(boundaries) - now).total_seconds() if boundaries else _LONGEST_PAUSE
        return min(_LONGEST_PAUSE, wait + 0.02)


def _since(
    found: Window, before: MaintenanceWindowStatus, after: MaintenanceWindowStatus
) -> datetime:
    """Return when a window came into its new state."""
    if after.state is WindowState.OPEN and after.opens is not None:
        return after.opens
    return before.closes or found.created_at


def _read(body: Json) -> Window | None:
    try:
        return window(body)
    except ValidationError as error:
        _LOG.warning("maintenance window %s is ignored: %s", body["metadata"]["name"], error)
        return None
