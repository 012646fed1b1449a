"""Runs a command that ends when the process that started it ends, however that one ends.

    python leash.py PARENT_PID COMMAND [ARGUMENT...]

PARENT_PID is the starter's own pid; its death before this program could look is noticed too.

On Linux the kernel does it: this program asks for SIGKILL at its parent's death
(PR_SET_PDEATHSIG) and then becomes the command, so the pid is the command's. The signal is tied
to the *thread* that started it, which therefore has to be one that lives as long as its process.

Elsewhere this program stays as a watcher: its standard input has to be a pipe whose other end only
the parent holds, and at its end the command is killed. A watcher that is itself killed with
SIGKILL leaves its command behind; kill the process group instead.

It imports the standard library only and runs as a file, to start in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def become(command: list[str], parent: int) -> None:
    """Turn this process into the command, to be killed with its parent (Linux). Never returns.

    Raises:
        OSError: the kernel refused, or the command can't be run.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit(1)  # the parent died before the request: no signal will come
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.execvp(command[0], command)  # noqa: S606 - a list of our own, no shell


def follow(command: list[str], leash: int) -> int:
    """Run the command until it ends or the pipe `leash` does; give its exit status."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def kill_at_end() -> None:
        while os.read(leash, 1024):
            pass
        process.kill()

    threading.Thread(target=kill_at_end, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    if sys.platform == "linux":
        become(sys.argv[2:], int(sys.argv[1]))
    sys.exit(follow(sys.argv[2:], sys.stdin.fileno()))
