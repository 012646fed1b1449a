"""What a proxy is given: where it sends on to, and what a fault needs beside the connection."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The API server itself, for all proxies."""

    session: aiohttp.ClientSession
    server: str
    serving: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """What a fault needs beside the connection.

    Attributes:
        kill: ends an operator, by its seat, by `kill -9`.
        twin: starts another one beside it.
        frozen: stops an operator for as long as the block lasts, which begins once another one has
            taken over, as the function tells.
        touch: changes the object at a path a little, as somebody else.
        revision: of some time ago, for what is stale.
        compact: has etcd forget what was until now.
    """

    kill: Callable[[int], Awaitable[None]]
    twin: Callable[[], None]
    frozen: Callable[[int, Callable[[], bool]], AbstractAsyncContextManager[None]]
    touch: Callable[[str], Awaitable[None]]
    revision: Callable[[], int]
    compact: Callable[[], Awaitable[None]]
