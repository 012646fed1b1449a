"""etcd behind the API server, by the address and the keys that the API server was started with."""

import asyncio
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Self

import aiohttp

_SECONDS = 1.0


class Storage:
    """One etcd; closed by whoever opened it."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    @classmethod
    def of_apiserver(cls, pid: int) -> Self:
        """Return the etcd of a running API server."""
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
        flags = dict(w.removeprefix("--etcd-").split("=", 1) for w in words if "--etcd-" in w)
        context = ssl.create_default_context(cafile=flags["cafile"])
        context.load_cert_chain(flags["certfile"], flags["keyfile"])
        connector = aiohttp.TCPConnector(ssl=context)
        return cls(flags["servers"], aiohttp.ClientSession(connector=connector))

    async def compact(self) -> None:
        """Forget every revision before the present one, a little later.

        Whoever keeps up has gone on to a later one by then, and goes on.
        """
        key = b64encode(b"/").decode()
        found = await self._call("kv/range", {"key": key, "limit": "1"})
        await asyncio.sleep(_SECONDS)
        await self._call("kv/compaction", {"revision": found["header"]["revision"]})

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _call(self, what: str, body: dict[str, str]) -> dict[str, dict[str, str]]:
        async with self._session.post(f"{self._server}/v3/{what}", json=body) as answer:
            answer.raise_for_status()
            found: dict[str, dict[str, str]] = await answer.json()
            return found
