"""A cache of pods as a plain `@kopf.index`: what a build of the operator has instead of its own.

It is the same to all that ask it, and filled by kopf's list and watch.
"""

from typing import Any, Generic, TypeVar

import kopf
from kopf._core.engines.indexing import OperatorIndexers

from imchat_operator.shell import reflector
from imchat_operator.shell.login import configured, web_session

T = TypeVar("T")


class Reflector(reflector.Reflector[T], Generic[T]):
    """The pods of a namespace, as kopf has them in its index."""

    async def catch_up(self) -> bool:
        """Know no more than the index does."""
        return False

    async def run(self) -> None:
        """Keep the cache until cancelled."""
        registry, indexers = kopf.OperatorRegistry(), OperatorIndexers()

        @kopf.on.startup(registry=registry)
        async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
            settings.posting.enabled = False
            settings.scanning.disabled = True

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            configuration = await configured()
            session = await web_session(configuration)
            return kopf.AiohttpSession(server=configuration.host, aiohttp_session=session)

        @kopf.index("", "v1", "pods", id="objects", registry=registry)
        async def objects(body: kopf.Body, uid: str, **_: Any) -> dict[str, T]:
            return {uid: self._project(dict(body))}

        @kopf.on.event("", "v1", "pods", registry=registry)
        async def changed(**_: Any) -> None:
            index = indexers.indices["objects"].items()
            self.items = {uid: next(iter(found)) for uid, found in index}
            self.synced.set()
            self._on_change()

        await kopf.operator(
            registry=registry,
            indexers=indexers,
            standalone=True,
            namespaces=[self._path.split("/")[-2]],
            identity="index",  # type: ignore[arg-type]  # a str by a private name
        )
