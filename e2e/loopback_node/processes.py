"""The node's container runtime: local processes, each the leader of a group of its own.

`Runtime.start()` starts one; none outlives the node process (see guard.py). `python` as first
word of a command means the interpreter that runs the node.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from loopback_node.warm import PYTHONS, WarmProcess, is_warm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HERE = Path(__file__).parent
_ISOLATED = (sys.executable, "-I", "-S")
# What a container sees of the node's own environment: how to find programs, nothing secret.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
_TAIL_BYTES = 2048
_TAIL_LINES = 20


class Process:
    """A started process group and the file its output goes to."""

    def __init__(
        self, process: asyncio.subprocess.Process | WarmProcess, log: Path, runtime: Runtime
    ) -> None:
        self._process = process
        self._log = log
        self._runtime = runtime

    @property
    def pid(self) -> int:
        """The leader's process id."""
        return self._process.pid

    async def exit_code(self) -> int:
        """Wait for the leader, then for nothing: the rest of its group is killed.

        Gives the code as a shell would: 128 + signal for one that a signal ended.
        """
        code = await self._process.wait()
        self.discard()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Ask the leader to end, as the first process of a container is asked."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End the whole group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self._process.kill()  # a fork may lead no group yet

    def discard(self) -> None:
        """End the whole group at once; nobody waits for it any more."""
        self.kill()
        self._runtime.forget(self)

    def last_lines(self) -> str:
        """The end of its output, at most 2048 bytes."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])


class Runtime:
    """Starts processes and sees to it that none outlives this one."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="loopback-node-"))
        self._guard = subprocess.Popen(
            [*_ISOLATED, _HERE / "guard.py", self.folder],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._running: set[Process] = set()

    async def start(
        self, command: Sequence[str], env: Mapping[str, str], *, folder: Path, log: Path
    ) -> Process:
        """Run a command in `folder`, its output going to the new file `log`.

        A command that cannot be run gives a process that ends with 128 and says why in its log.
        """
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        whole = {**inherited, **env}
        started: asyncio.subprocess.Process | WarmProcess
        if is_warm(command, env):
            started = WarmProcess(command, whole, folder=folder, log=log)
            os.write(self._pipe(), b"+%d\n" % started.pid)
        else:
            started = await self._launched(command, whole, folder, log)
        process = Process(started, log, self)
        self._running.add(process)
        return process

    async def _launched(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path
    ) -> asyncio.subprocess.Process:
        if command[0] in PYTHONS:
            command = [sys.executable, *command[1:]]
        pipe = self._pipe()
        with log.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *_ISOLATED,
                _HERE / "launch.py",
                str(pipe),
                *command,
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(pipe,),
                start_new_session=True,
            )

    def forget(self, process: Process) -> None:
        """Note that a process is over."""
        if process in self._running:
            self._running.remove(process)
            os.write(self._pipe(), b"-%d\n" % process.pid)

    def close(self) -> None:
        """Kill every process and remove the temporary folder."""
        for process in self._running:
            process.kill()
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait()

    def _pipe(self) -> int:
        if self._guard.stdin is None:
            raise RuntimeError("the guard has no pipe")
        return self._guard.stdin.fileno()
