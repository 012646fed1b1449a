"""A cache of one collection, kept by list and watch.

Paged, selected by the API server, holding only what `project` keeps. After a gap that the API
server can't fill (410 Gone) everything is listed again and what is not listed is dropped: no
ghosts. A broken connection is taken up again where it broke, with back-off.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Generic, TypeVar

import aiohttp

from imchat_operator.shell.kube import FAILED, Api, ApiError, Json

_LOG = logging.getLogger(__name__)
_SHORTEST_WATCH, _LONGEST_WATCH = 300, 600  # spread, so that not all are begun anew together
_LONGEST_SILENCE = 150  # two bookmarks were missed: the API server sends one every minute or so
_LONGEST_PAUSE = 30.0
_LOOKS = 3
# An API server that refuses watches alone must not be asked for lists in their place all the time.
_BETWEEN_LISTS = 10.0
# The server ends a watch itself; this is for a connection that has died unnoticed.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_LONGEST_SILENCE)

T = TypeVar("T")


class _GoneError(Exception):
    """The watch can't be continued: list again."""


class Reflector(Generic[T]):
    """The objects of a collection by uid, as of the last event received.

    Attributes:
        items: what `project` made of each object.
        synced: set once the first list is complete.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        project: Callable[[Json], T],
        on_change: Callable[[], None],
        query: Mapping[str, str] | None = None,
    ) -> None:
        self._api = api
        self._path = path
        self._query = dict(query or {})
        self._project = project
        self._on_change = on_change
        self.items: dict[str, T] = {}
        self.synced = asyncio.Event()
        self._version = 0  # of the latest that was heard
        self._listed_at = 0  # of the last list
        self._awake = asyncio.Event()  # not while it waits to ask the API server again
        self._awake.set()
        self._resumed_at = -_BETWEEN_LISTS
        self._one_at_a_time = asyncio.Lock()

    async def catch_up(self) -> bool:
        """List what a watch may be late to tell; return whether that was news.

        Raises:
            ApiError, aiohttp.ClientError, TimeoutError: the API server can't tell.
        """
        before = self.items
        for _ in range(_LOOKS):
            listed, version = await self._projected()
            if int(version) >= self._version:
                self._take(listed, int(version))
                return self.items != before
            # The watch was faster: what it has told since is not in that list.
        return self.items != before

    async def resume(self) -> None:
        """Where the API server was away, list now what else would be of before it was for a while.

        Raises:
            ApiError, aiohttp.ClientError, TimeoutError: the API server is away still. That it does
                not let us see them any more is none: what is known stays.
        """
        async with self._one_at_a_time:
            now = asyncio.get_running_loop().time()
            if self._awake.is_set() or now - self._resumed_at < _BETWEEN_LISTS:
                return
            try:
                is_news = await self.catch_up()
            except ApiError as error:
                if error.status == HTTPStatus.FORBIDDEN:
                    return
                raise
            self._resumed_at = now
            self._awake.set()
        if is_news:
            self._on_change()

    async def run(self) -> None:
        """Keep the cache until cancelled."""
        version = ""
        failures = 0
        while True:
            try:
                version = version or await self._listed()
                version = await self._watched(version)
                failures = 0
            except _GoneError:
                version = ""
            except Exception as error:  # noqa: BLE001 -- the loop's one boundary
                failures += 1
                known = isinstance(error, FAILED)
                if not known:
                    version = ""  # what could not be read must not be skipped
                pause = _pause(failures)
                _LOG.warning("%s: %r, again in %.1fs", self._path, error, pause, exc_info=not known)
                await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        self._awake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        self._awake.set()

    async def _listed(self) -> str:
        listed, version = await self._projected()
        before = self.items
        self._take(listed, int(version))
        # Nobody has judged by a cache that was not complete: there is nothing to judge anew.
        if self.synced.is_set() and self.items != before:
            self._on_change()
        self.synced.set()
        return version

    def _take(self, listed: dict[str, T], version: int) -> None:
        """Have what a list tells take the place of what was known."""
        self.items = listed
        self._version = self._listed_at = version

    async def _projected(self) -> tuple[dict[str, T], str]:
        """List all, a page at a time: of whole objects next to nothing is kept."""
        found, version = dict[str, T](), ""
        async for page in self._api.pages(self._path, self._query):
            found.update({o["metadata"]["uid"]: self._project(o) for o in page["items"]})
            version = page["metadata"]["resourceVersion"]
        return found, version

    async def _watched(self, version: str) -> str:
        query = {
            **self._query,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(_SHORTEST_WATCH, _LONGEST_WATCH)),  # noqa: S311
        }
        try:
            async for event in self._api.watch(self._path, query, _TIMEOUT):
                version = self._applied(event)
        except ApiError as error:
            if error.status == HTTPStatus.GONE:
                raise _GoneError from error
            raise
        except (aiohttp.ClientError, TimeoutError) as error:
            _LOG.info("%s: watch broke off (%r), goes on at %s", self._path, error, version)
            await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 -- jitter
        return version

    def _applied(self, event: Json) -> str:
        seen = event["object"]
        if event["type"] == "ERROR":
            if seen.get("code") == HTTPStatus.GONE:
                raise _GoneError
            raise ApiError(seen.get("code", 0), seen.get("reason", ""), seen.get("message", ""))
        version: str = seen["metadata"]["resourceVersion"]
        if int(version) <= self._listed_at:
            return version  # what a list has told since, and what came of it
        self._version = max(self._version, int(version))
        if event["type"] == "BOOKMARK":
            return version
        uid = seen["metadata"]["uid"]
        before = self.items.get(uid)
        if event["type"] == "DELETED":
            self.items.pop(uid, None)
            self._on_change()
        else:
            # What compares equal may still differ in what is no reason to wake, as its version.
            self.items[uid] = after = self._project(seen)
            if after != before:
                self._on_change()
        return version


def _pause(failures: int) -> float:
    return min(_LONGEST_PAUSE, 0.1 * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1)  # noqa: S311 -- jitter
