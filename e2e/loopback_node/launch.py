"""Becomes a container's process, once the guard knows of it.

    python launch.py GUARD_FD COMMAND [ARGUMENT...]

Runs as a file and imports next to nothing, to start in milliseconds. It leads a process group of
its own already; it tells the guard so, lets go of the guard's pipe and becomes the command. A
command that cannot be run ends with 128 and a sentence on standard error, as containerd reports
it.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

_FILES = 65536


def main() -> None:
    """Register this process group and become the command."""
    guard, command = int(sys.argv[1]), sys.argv[2:]
    os.write(guard, b"+%d\n" % os.getpid())
    os.close(guard)
    raise_file_limit()
    try:
        os.execvp(command[0], command)  # noqa: S606 - an argument list, no shell
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]!r}: {error.strerror}\n")
        sys.exit(128)


def raise_file_limit() -> None:
    """Allow many connections, as container runtimes do and login shells do not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
