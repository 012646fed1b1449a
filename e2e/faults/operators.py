"""Operators as processes: forked, watched, killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_TOOLS = str(Path(__file__).resolve().parents[1])


@dataclass(slots=True)
class Operator:
    """One operator process.

    Attributes:
        ended: set once it is gone.
    """

    pid: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        try:
            watched = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.ended.set()
            return
        asyncio.get_running_loop().add_reader(watched, self._over, watched)

    def _over(self, watched: int) -> None:
        asyncio.get_running_loop().remove_reader(watched)
        os.close(watched)
        self.ended.set()

    @property
    def lives(self) -> bool:
        """Whether it is there, for all that is known."""
        return not self.ended.is_set()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.lives:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, and wait for its end."""
        self.send(number)
        await self.ended.wait()


class Forkserver:
    """A process that forks operators of one source tree."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def running(cls, source: Path) -> AsyncIterator[Self]:
        """Fork operators of the tree `source`, the folder that has `imchat_operator` in it."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), _TOOLS])}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "faults.forkserver",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            yield cls(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

    async def start(self, environment: Mapping[str, str], log: Path) -> Operator:
        """Start an operator with this environment, added to ours; its output goes to a file.

        Raises:
            RuntimeError: the forking process has ended, as when the source can't be imported.
        """
        order = {"environment": {**os.environ, **environment}, "log": str(log)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            answer = await self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the forking process has ended: its standard error says why")
        return Operator(int(answer))
