"""Checks of a pod, as a kubelet makes them: a fresh connection each time, no redirects followed.

`verdict()` is one check: None when it is good, else the sentence that a kubelet would put into the
Event. `Streak` turns verdicts into what the thresholds say. Only the pod's own address is asked,
whatever `host` a manifest names.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from loopback_node.manifest import Exec, HttpGet, TcpSocket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loopback_node.manifest import Check, Probe
    from loopback_node.processes import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a container's checks happen: its address, its environment, its folder."""

    address: str
    env: Mapping[str, str]
    folder: Path
    runtime: Runtime
    http: aiohttp.ClientSession


@dataclass(slots=True, kw_only=True)
class Streak:
    """How many verdicts of one kind came in a row, and what the thresholds make of it.

    `passing` is None until a threshold is reached for the first time.
    """

    probe: Probe
    passing: bool | None = None
    _good: int = field(default=0, init=False)
    _bad: int = field(default=0, init=False)

    def add(self, *, good: bool) -> None:
        """Count one verdict."""
        self._good, self._bad = (self._good + 1, 0) if good else (0, self._bad + 1)
        if self._good >= self.probe.success_threshold:
            self.passing = True
        elif self._bad >= self.probe.failure_threshold:
            self.passing = False


async def verdict(check: Check, place: Place, limit: float | None) -> str | None:
    """What is wrong, or None; a check that takes more than `limit` seconds has failed."""
    try:
        async with asyncio.timeout(limit):
            match check:
                case HttpGet():
                    return await _http(check, place)
                case TcpSocket(port=port):
                    return await _tcp(place.address, port)
                case Exec(command=command):
                    return await _exec(command, place)
    except TimeoutError:
        return f"no answer within {limit}s"


async def _http(check: HttpGet, place: Place) -> str | None:
    url = f"{check.scheme}://{place.address}:{check.port}/{check.path.lstrip('/')}"
    try:
        async with place.http.get(
            url, headers=list(check.headers), allow_redirects=False, ssl=False
        ) as response:
            if HTTPStatus.OK <= response.status < HTTPStatus.BAD_REQUEST:
                return None
            return f"HTTP probe failed with statuscode: {response.status}"
    except aiohttp.ClientError as error:
        return f"Get {url!r}: {error}"


async def _tcp(address: str, port: int) -> str | None:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        return str(error)
    writer.close()
    return None


async def _exec(command: tuple[str, ...], place: Place) -> str | None:
    log = place.folder / f"exec-{secrets.token_hex(4)}.log"
    process = await place.runtime.start(command, place.env, folder=place.folder, log=log)
    try:
        code = await process.exit_code()
        return None if code == 0 else process.last_lines() or f"exit code {code}"
    finally:
        process.discard()
        log.unlink(missing_ok=True)


def probing_session() -> aiohttp.ClientSession:
    """An HTTP client that keeps no connection."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=0))
