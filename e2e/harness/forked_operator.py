"""An operator forked from a process that has imported all it needs.

It is a process of its own all the same, with its own environment, to be killed as any other. It
only starts in a tenth of a second instead of two, which is more than a quarter of what a suite
needs the processor for. The forking process ends with the one that asked for it.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["harness.operator_here", __name__])


class ForkedOperator:
    """One operator, with the part of Popen's interface that is in use."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._process = _FORKS.Process(target=_become, args=(dict(environment), log))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it has not ended in so many seconds.
        """
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(["imchat_operator"], timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.send_signal(signal.SIGKILL)


def _become(environment: dict[str, str], log: Path) -> None:
    from harness.operator_here import operate  # noqa: PLC0415 -- in the fork alone

    sys.exit(operate(environment, log))
