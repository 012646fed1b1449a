"""Starts a supervisor from the outside and holds it by a pipe: when the pipe ends, it ends."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from .credentials import LOOPBACK
from .errors import ControlPlaneError
from .leashed import DETACH
from .programs import find_programs
from .progress import OnProgress, step
from .protocol import Running, Settings
from .workspace import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TICK_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """A supervisor that is ready, and what it told."""

    process: subprocess.Popen[bytes]
    running: Running

    def detach(self) -> None:
        """Let it live on when this process ends.

        Raises:
            ControlPlaneError: it has ended meanwhile.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(DETACH)
        try:
            self.process.stdin.close()
        except BrokenPipeError as error:
            raise ControlPlaneError("The control plane ended as soon as it was ready.") from error


@contextmanager
def supervised(  # noqa: PLR0913 - what a supervisor is told, and where its words go
    on_progress: OnProgress,
    *,
    audit: bool,
    flags: Mapping[str, Sequence[str]],
    address: str = LOOPBACK,
    kubeconfig: Path | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[Supervisor]:
    """A control plane for as long as the block lasts, or longer if it was detached.

    Raises:
        ControlPlaneError: the programs can't be had, or one did not start.
    """
    programs = {name: str(path) for name, path in find_programs(on_progress).items()}
    settings = Settings(
        parent=os.getpid(),
        programs=programs,
        kubeconfig=str(kubeconfig) if kubeconfig else None,
        audit=audit,
        flags=flags,
        address=address,
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "controlplane.supervisor", json.dumps(asdict(settings))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        cwd="/",  # it may live long, and no folder should have to stay for it
        start_new_session=True,  # Ctrl-C in a terminal is for us; the pipe tells it
    )
    try:
        yield Supervisor(process=process, running=_first_word(process, on_progress))
    finally:
        _let_go(process)


def _first_word(process: subprocess.Popen[bytes], on_progress: OnProgress) -> Running:
    assert process.stdout is not None
    with (
        step(on_progress, "Start etcd, kube-apiserver and kube-controller-manager") as tick,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(process.stdout, selectors.EVENT_READ)
        while not selector.select(_TICK_SECONDS):
            tick(None)
        line = process.stdout.readline()
        if not line:
            raise ControlPlaneError(
                f"The supervisor ended with exit status {process.wait()} before it was ready; "
                "its standard error (of `up`: supervisor.log in the state folder) tells why."
            )
        message = json.loads(line)
        if "failed" in message:
            raise ControlPlaneError(f"The control plane did not start: {message['failed']}")
        return Running(**message["ready"])


def _let_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    if process.stdin.closed:  # detached
        return
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its children die with it
        process.wait()
    sweep()
