"""A gateway process for a test or a benchmark: started, waited for, ended with its block.

async with running("127.9.0.1") as gateway:
    ...  # http://127.9.0.1:8080 answers
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import randrange
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

PORT = 8080
REFERENCE = ("-m", "gateway")
_EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
EXAMPLE = (str(_EXAMPLES / "gateway.py"),)
PRESTOP_EXAMPLE = (str(_EXAMPLES / "prestop_gateway.py"),)
START_SECONDS = 30.0
CALL = ClientTimeout(total=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """A gateway on port 8080 of an address."""

    address: str

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, str]:
        """Status and text of one HTTP request.

        Raises:
            aiohttp.ClientError: nothing there.
            TimeoutError: no answer within five seconds.
        """
        url = f"http://{self.address}:{PORT}{path}"
        async with (
            ClientSession(timeout=CALL) as session,
            session.request(method, url, json=body) as response,
        ):
            return response.status, await response.text()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayProcess(Reachable):
    """A gateway process that has answered at least once."""

    process: asyncio.subprocess.Process


def loopback_address() -> str:
    """Some address of 127.64.0.0/10, so that parallel test runs hardly ever meet."""
    return f"127.{randrange(64, 128)}.{randrange(256)}.{randrange(1, 255)}"  # noqa: S311


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0
) -> None:
    """Wait until the condition holds; TimeoutError if it does not within the seconds."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if await holds if isinstance(holds, Awaitable) else holds:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(
    address: str = "", program: Sequence[str] = REFERENCE, **environment: str
) -> AsyncIterator[GatewayProcess]:
    """A gateway on port 8080 of a loopback address (default: some), killed at the end.

    `program` is what Python runs; the keywords are variables of its environment.

    Raises:
        RuntimeError: it ended or did not answer within 30 seconds.
    """
    address = address or loopback_address()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *program),
        env={**os.environ, "POD_IP": address, "POD_NAME": address, **environment},
    )
    gateway = GatewayProcess(address=address, process=process)
    try:
        await _until_it_answers(gateway)
        yield gateway
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _until_it_answers(gateway: GatewayProcess) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while gateway.process.returncode is None:
                with suppress(ClientError, OSError):
                    await gateway.call("GET", "/readyz")
                    return
                await asyncio.sleep(0.02)
    raise RuntimeError(f"the gateway on {gateway.address} did not come up; its log says why")
