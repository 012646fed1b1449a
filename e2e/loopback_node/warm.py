"""A warm start: `python -m MODULE` forked from a process that has imported the module already.

What runs is a process of its own all the same, the leader of a group, with its own environment,
folder and output. It only starts in a few milliseconds instead of half a second of the processor's
time, of which a fleet on a machine of two cores has little.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import runpy
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopback_node.launch import raise_file_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PYTHONS = frozenset({"python", "python3"})
"""Words for the interpreter that runs the node."""
# What fleets on these nodes run.
_MODULES = frozenset({"gateway"})
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, *(f"{module}.__main__" for module in sorted(_MODULES))])


def is_warm(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a command is one of the modules, imported from where the node itself would."""
    match command:
        case [python, "-m", module, *_] if python in PYTHONS:
            return module in _MODULES and not any(name.startswith("PYTHON") for name in env)
        case _:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a fork becomes."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path
    log: Path


class WarmProcess:
    """A fork, with the part of asyncio's Process that is in use."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], *, folder: Path, log: Path
    ) -> None:
        """Fork it; the first one waits until the modules are imported.

        Args:
            command: `python -m MODULE`, and arguments.
            env: all of its environment.
            folder: where it runs.
            log: the new file that its output goes to.
        """
        log.write_bytes(b"")
        argv = tuple(command[2:])
        order = _Order(argv=argv, env=env, folder=folder, log=log)
        self._process = _FORKS.Process(target=_become, args=(order,), daemon=True)
        self._process.start()
        loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = loop.create_future()
        loop.add_reader(self._process.sentinel, self._ended)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        self._code.set_result(code)

    @property
    def pid(self) -> int:
        """Its process id, once it leads a group that of the group."""
        assert self._process.pid is not None
        return self._process.pid

    async def wait(self) -> int:
        """Wait for its end; give its exit code, or minus the signal that ended it."""
        return await asyncio.shield(self._code)

    def terminate(self) -> None:
        """Ask it to end.

        Raises:
            ProcessLookupError: it has ended.
        """
        if self._code.done():
            raise ProcessLookupError(self.pid)
        self._process.terminate()

    def kill(self) -> None:
        """End it at once, whether it leads a group yet or not."""
        if not self._code.done():
            self._process.kill()


def _become(order: _Order) -> None:
    os.setsid()
    raise_file_limit()
    output = os.open(order.log, os.O_WRONLY | os.O_APPEND)
    for target in (1, 2):
        os.dup2(output, target)
    os.close(output)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.env)
    module, *arguments = order.argv
    sys.argv = [module, *arguments]
    del sys.modules[f"{module}.__main__"]  # imported, but yet to be run
    runpy.run_module(module, run_name="__main__", alter_sys=True)
