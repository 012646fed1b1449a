"""A list of objects kept true by a watch.

`changes()` first yields `Listed` (everything there is), then a `Changed` for each event. After
410 Gone, when history has been compacted away, it lists again: whoever consumes it drops what is
no longer in a later `Listed`. Connection losses and API server restarts are waited out with a
bounded back-off, going on from the last resourceVersion.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from loopback_node.api import TRANSIENT, ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loopback_node.api import Api, Json

log = logging.getLogger(__name__)

_PAGE = 500
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Everything that is there."""

    items: tuple[Json, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One object, as it is after the change or as it was before it went (`gone`)."""

    item: Json
    gone: bool


Change = Listed | Changed


class Reflector:
    """One resource of the API server, narrowed by selectors that the API server applies."""

    def __init__(self, api: Api, path: str, **selectors: str) -> None:
        self._api = api
        self._path = path
        self._selectors = selectors
        self._version = ""
        self._delay = _FIRST_DELAY

    async def changes(self) -> AsyncIterator[Change]:
        """Every change, for ever."""
        while True:
            try:
                if not self._version:
                    yield await self._listed()
                async for changed in self._watched():
                    yield changed
            except TRANSIENT as error:
                if isinstance(error, ApiError) and error.code == HTTPStatus.GONE:
                    self._version = ""
                log.info("watch-lost path=%s why=%r", self._path, error)
            await self._back_off()

    async def _listed(self) -> Listed:
        items: list[Json] = []
        page: dict[str, str] = {}
        while True:
            answer = await self._api.get(self._path, limit=_PAGE, **self._selectors, **page)
            items.extend(answer["items"])
            metadata = answer["metadata"]
            if not metadata.get("continue"):
                self._version = metadata["resourceVersion"]
                return Listed(items=tuple(items))
            page = {"continue": metadata["continue"]}

    async def _watched(self) -> AsyncIterator[Changed]:
        stream = self._api.stream(
            self._path,
            **self._selectors,
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=self._version,
            timeoutSeconds=random.randint(240, 480),  # noqa: S311 - spreads reconnects, no secret
        )
        async for event in stream:
            item = event["object"]
            if event["type"] == "ERROR":
                raise ApiError(item.get("code", 500), item.get("message", ""))
            self._version = item["metadata"]["resourceVersion"]
            self._delay = _FIRST_DELAY
            if event["type"] != "BOOKMARK":
                yield Changed(item=item, gone=event["type"] == "DELETED")

    async def _back_off(self) -> None:
        await asyncio.sleep(self._delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
        self._delay = min(self._delay * 2, _LONGEST_DELAY)
