"""Child processes that end with this one, and this process's own tie to its parent.

Down: `Child` starts a program through `leash.py`. Up: `Tether` notices that the parent is gone
(the pipe on standard input ends, or the parent's pid is no longer ours) or that a signal asks to
stop. A parent that writes "detach" into the pipe lets this process live on without it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

DETACH: Final = b"detach\n"
_LEASH: Final = Path(__file__).with_name("leash.py")
_STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_PARENT_CHECK_SECONDS: Final = 2.0
_TAIL_LINES: Final = 15


def leashed_command(command: list[str]) -> list[str]:
    """The command, to be killed when this process ends. Start it from the main thread."""
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]


class Child:
    """A running program with its log file."""

    def __init__(
        self,
        program: str,
        command: list[str],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it, in a process group of its own: Ctrl-C in a terminal is for us alone."""
        self.program = program
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                leashed_command(command),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, up to so long; how it ended, or None."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def last_lines(self) -> str:
        """The end of its log, after its first two lines: some say why there, and then how to."""
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            first, last = list(islice(lines, 2)), deque(lines, _TAIL_LINES + 1)
        if len(last) > _TAIL_LINES:
            last[0] = "[...]\n"
        return "".join([*first, *last]).rstrip()

    def kill(self) -> None:
        """End it and all that it started, at once: what it wrote is thrown away anyway."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


class Stopped(Exception):  # noqa: N818 - not an error: a reason to end
    """The parent is gone, or a signal asks to stop."""


class Tether:
    """Waits on behalf of this process; use `tether()`."""

    def __init__(self, parent: int, wakeups: socket.socket) -> None:
        self._parent = parent
        self._wakeups = wakeups
        self._attached = True

    def wait(self, seconds: float | None = None) -> None:
        """Wait for so long (None: until something happens); a child's end wakes it earlier.

        Raises:
            Stopped: the parent is gone, or a signal asks to stop.
        """
        watched: list[socket.socket | int] = [self._wakeups]
        if self._attached:
            watched.append(sys.stdin.fileno())
            seconds = min(seconds or _PARENT_CHECK_SECONDS, _PARENT_CHECK_SECONDS)
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._wakeups in ready and _STOP_SIGNALS & set(self._wakeups.recv(1024)):
            raise Stopped
        if sys.stdin.fileno() in ready:
            if os.read(sys.stdin.fileno(), 1024) != DETACH:
                raise Stopped
            self._attached = False
        # A sibling that inherited the pipe could hold it open; the pid tells the truth.
        if self._attached and os.getppid() != self._parent:
            raise Stopped


@contextmanager
def tether(parent: int) -> Iterator[Tether]:
    """Tie this process to its parent, whose pid has to be given as the parent knows it."""
    reader, writer = socket.socketpair()
    reader.settimeout(0)
    writer.settimeout(0)
    with reader, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, _ignored)  # the wake-up descriptor tells which came
        yield Tether(parent, reader)


def _ignored(_number: int, _frame: FrameType | None) -> None:
    pass
