"""Leaves nothing behind when a loopback node ends, however it ends.

    python guard.py FOLDER < pipe

Reads `+PID` (a process group began) and `-PID` (it is over) from its standard input, whose other
end the node process and, until they become their command, its new processes hold. At its end,
which comes with the node's, it kills what is left and removes the node's temporary FOLDER. It
stands in a session of its own, so that a Ctrl-C in the terminal does not reach it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Keep the list of groups up to date; at the end of the input, clean up."""
    groups: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            groups.add(pid)
        else:
            groups.discard(pid)
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
