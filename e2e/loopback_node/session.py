"""Loopback nodes for as long as a block lasts: what suites and the demo use.

with loopback_node.running(kubeconfig, nodes=3) as nodes:
    ...
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STOP_SECONDS = 15.0


class NotReadyError(Exception):
    """The nodes did not become Ready in time, or their process ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopbackNodes:
    """A running node process: its pid, its Nodes' names, its block of addresses (CIDR)."""

    pid: int
    names: tuple[str, ...]
    addresses: str


@contextmanager
def running(  # noqa: PLR0913 - the command's options
    kubeconfig: Path,
    *,
    nodes: int = 3,
    prefix: str = "imchat-node",
    scheduler: bool = True,
    lease_interval: float = 10.0,
    restart_backoff: float = 10.0,
    log: Path | None = None,
    ready_within: float = 60.0,
) -> Iterator[LoopbackNodes]:
    """Play `nodes` Nodes until the block ends, or this process does, however it ends.

    Args:
        kubeconfig: the API server to play for.
        nodes: how many, 1 to 200, called `prefix`-0, `prefix`-1, ...
        prefix: of the names; two processes on one API server need two.
        scheduler: bind unbound pods to these Nodes, round robin.
        lease_interval: seconds between renewals of a Node's Lease.
        restart_backoff: seconds of CrashLoopBackOff's first wait.
        log: where the process writes what it does; standard error by default.
        ready_within: seconds to wait until the Nodes can take pods.

    Raises:
        NotReadyError: they could not in that time, or their process ended.
    """
    command = [sys.executable, "-m", "loopback_node", "--until-stdin-closes"]
    command += ["--kubeconfig", str(kubeconfig), "--nodes", str(nodes), "--prefix", prefix]
    command += ["--lease-interval", str(lease_interval), "--restart-backoff", str(restart_backoff)]
    if not scheduler:
        command.append("--no-scheduler")
    with _output(log) as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    with process:
        try:
            announced = json.loads(_first_line(process, ready_within))
            yield LoopbackNodes(
                pid=process.pid,
                names=tuple(announced["ready"]),
                addresses=announced["addresses"],
            )
        finally:
            _stop(process)


@contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes] | None]:
    if log is None:
        yield None
    else:
        with log.open("ab") as file:
            yield file


def _first_line(process: subprocess.Popen[bytes], within: float) -> bytes:
    if process.stdout is None:
        raise RuntimeError("the node process has no standard output")
    descriptor, line = process.stdout.fileno(), b""
    deadline = time.monotonic() + within
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise NotReadyError(
                f"the loopback nodes were not Ready within {within:g}s: "
                "are the API server and kube-controller-manager up?"
            )
        chunk = os.read(descriptor, 4096)
        if not chunk:
            raise NotReadyError(f"the loopback node process ended with status {process.wait()}")
        line += chunk
    return line


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
