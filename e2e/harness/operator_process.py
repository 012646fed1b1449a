"""The operator as a process of its own, to be started, killed and started again.

It has the rights of an installation, not the administrator's (harness.rights).
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Self

from harness.forked_operator import ForkedOperator
from harness.namespace import Namespace
from harness.rights import operator_kubeconfig
from harness.waiting import wait_for

_STOP_SECONDS = 15.0
_START_SECONDS = 30.0
_ENDS = {0, 3}  # told to; deposed


class OperatorProcess:
    """One operator that serves one namespace; output goes to a file."""

    def __init__(  # noqa: PLR0913 -- two of them by keyword, in one place each
        self,
        kubeconfig: Path,
        namespace: str,
        log: Path,
        environment: Mapping[str, str] = MappingProxyType({}),
        own_kubeconfig: Path | None = None,
        *,
        forked: bool = False,
    ) -> None:
        """Nothing starts yet.

        Args:
            kubeconfig: an administrator's, to give the operator its rights.
            namespace: the one that it serves.
            log: where its output is added.
            environment: variables of its own.
            own_kubeconfig: the operator's; by default one with the rights of an installation.
            forked: begin as a fork of a process that has imported it (harness.forked_operator):
                sooner, but not for who measures it, or has it load a library first.
        """
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._log = log
        self._environment = environment
        self._health_port = 0
        self._metrics_port = 0
        self._own_kubeconfig = own_kubeconfig
        self._is_forked = forked
        self._process: subprocess.Popen[bytes] | ForkedOperator | None = None

    @classmethod
    @contextmanager
    def running(
        cls, kubeconfig: Path, namespace: str, log: Path, *, forked: bool = False
    ) -> Iterator[Self]:
        """Run it for as long as the block lasts, healthy from the beginning."""
        operator = cls(kubeconfig, namespace, log, forked=forked)
        with operator.started():
            operator.wait_until_healthy()
            yield operator

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run it for as long as the block lasts; it is starting while the block begins."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start it, without waiting until it is healthy."""
        self._health_port, self._metrics_port = _free_port(), _free_port()
        if self._own_kubeconfig is None:
            self._own_kubeconfig = self._granted()
        environment = {
            **os.environ,
            "IMCHAT_GATEWAY_NETWORKS": "127.0.0.0/8",  # where the loopback node has its pods
            **self._environment,
            "KUBECONFIG": str(self._own_kubeconfig),
            "IMCHAT_NAMESPACES": self._namespace,
            "IMCHAT_ADDRESS": "127.0.0.1",
            "IMCHAT_METRICS_PORT": str(self._metrics_port),
            "IMCHAT_HEALTH_PORT": str(self._health_port),
        }
        self._process = (
            ForkedOperator(environment, self._log)
            if self._is_forked
            else _interpreted(environment, self._log)
        )

    def _granted(self) -> Path:
        """Give it the rights of an installation, and no others."""
        namespace = Namespace(kubeconfig=self._kubeconfig, name=self._namespace)
        written = self._log.with_name(f"{self._log.name}.kubeconfig")
        written.touch(mode=0o600)
        written.write_text(operator_kubeconfig(namespace), encoding="utf-8")
        return written

    def wait_until_healthy(self) -> None:
        """Wait until it says that it is healthy."""
        wait_for(self._is_healthy, seconds=_START_SECONDS, what="/readyz")

    def _is_healthy(self) -> bool:
        assert self._process is not None
        self._assert_lives(self._process)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health_port}/readyz", timeout=2):
                return True
        except OSError:
            return False

    @property
    def pid(self) -> int | None:
        """Its process while it runs; None before it was started, and once it has ended."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def freeze(self) -> None:
        """Stop its process in its tracks, as a machine that is suspended does."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def wait_until_ended(self, seconds: float) -> int:
        """Wait until it has ended by itself; return its exit code.

        Raises:
            TimeoutError: it has not, in so many seconds.
        """
        assert self._process is not None
        process = self._process
        wait_for(lambda: process.poll() is not None, seconds=seconds, what="the operator's end")
        self._process = None
        return int(process.wait())

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def memory(self) -> int:
        """The bytes of its address space."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[0]
        return int(pages) * resource.getpagesize()

    def end(self) -> None:
        """End it as kill -9 does, unless it has ended by itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as kill -9 does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Kubernetes does; it has to end in order, or as one that leads no more."""
        code = self._end(signal.SIGTERM)
        assert code in _ENDS, f"the operator ended with {code}:\n{self.log()}"

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._assert_lives(self._process)
        self._process.send_signal(number)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._process = None
        return code

    def _assert_lives(self, process: subprocess.Popen[bytes] | ForkedOperator) -> None:
        assert process.poll() is None, f"the operator ended:\n{self.log()}"

    def metrics(self) -> dict[str, float]:
        """Return the samples of its `/metrics`, by name and labels as the text format has them."""
        with urllib.request.urlopen(self.metrics_url, timeout=5) as answer:  # noqa: S310 -- http
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    @property
    def metrics_url(self) -> str:
        """Where it is scraped."""
        return f"http://127.0.0.1:{self._metrics_port}/metrics"

    @property
    def health_url(self) -> str:
        """Where its loops say whether they go on."""
        return f"http://127.0.0.1:{self._health_port}/healthz"

    def log(self) -> str:
        """Return all it has printed so far."""
        return self._log.read_text(errors="replace")


def _interpreted(environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "imchat_operator"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
