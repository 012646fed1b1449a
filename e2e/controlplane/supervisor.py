"""The process that runs one control plane: `python -m controlplane.supervisor SETTINGS`.

SETTINGS is the JSON of `Settings`. It starts etcd, kube-apiserver and kube-controller-manager and
writes one line of JSON to standard output: {"ready": ...} (the fields of `Running`) when the API
server can be used, or {"failed": "<why, with the last lines of the log>"}. It ends, and ends them,
when its parent does (see `leashed`), at SIGTERM, or when one of the three ends by itself, which it
tells on standard error. Its folder goes with it.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import commandlines
from .apiserver import ApiServer
from .commandlines import Layout, Ports
from .credentials import Credentials, make_credentials, write_kubeconfig
from .leashed import Child, Stopped, Tether, tether
from .protocol import Running, Settings
from .workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POLL_SECONDS: Final = 0.05
_READY_SECONDS: Final = 120.0  # a loaded CI machine; on an idle one it is 5
_ATTEMPTS: Final = 3
_PORT_TAKEN: Final = "address already in use"


class StartError(Exception):
    """One of the processes ended or did not become ready; the text has its last lines."""


class Stack:
    """The three processes on one set of ports."""

    def __init__(self, layout: Layout, credentials: Credentials, tie: Tether) -> None:
        self._layout = layout
        self._credentials = credentials
        self._tie = tie
        self._children: list[Child] = []
        self.api = ApiServer(
            layout.server, credentials.authority.certificate, credentials.admin_token
        )

    @property
    def pids(self) -> dict[str, int]:
        """Each program's process id."""
        return {child.program: child.pid for child in self._children}

    def start(self) -> None:
        """Start the three and wait until the API server can be used.

        Raises:
            StartError: one ended, or it took too long.
            Stopped: this process is to stop.
        """
        self._spawn("etcd", commandlines.etcd)
        self._wait_for("etcd", self._etcd_listens)
        self._spawn("kube-apiserver", commandlines.apiserver)
        self._wait_for("kube-apiserver", self.api.is_ready)
        self._spawn("kube-controller-manager", commandlines.controller_manager)
        self._wait_for("kube-controller-manager", self.api.has_basics)

    def watch(self) -> None:
        """Wait until one of the three ends by itself.

        Raises:
            StartError: one ended.
            Stopped: this process is to stop.
        """
        while True:
            self._check()
            self._tie.wait()

    def kill(self) -> None:
        """End all three."""
        for child in reversed(self._children):
            child.kill()

    def _spawn(self, program: str, command: Callable[[Layout, Credentials], list[str]]) -> None:
        log = self._layout.folder / f"{program}.log"
        self._children.append(Child(program, command(self._layout, self._credentials), log))

    def _wait_for(self, program: str, is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not is_true():
            self._check()
            if time.monotonic() > deadline:
                child = next(child for child in self._children if child.program == program)
                raise StartError(
                    f"{program} was not ready within {_READY_SECONDS:.0f} s. "
                    f"Its last lines:\n{child.last_lines()}"
                )
            self._tie.wait(_POLL_SECONDS)

    def _check(self) -> None:
        for child in self._children:
            if child.exit_status is not None:
                raise StartError(
                    f"{child.program} ended with exit status {child.exit_status}. "
                    f"Its last lines:\n{child.last_lines()}"
                )

    def _etcd_listens(self) -> bool:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self._layout.ports.etcd), timeout=1.0),
        ):
            return True
        return False


def free_ports() -> Ports:
    """Three ports that nobody listens on now. Another process may take one before we do."""
    with ExitStack() as sockets:
        listeners = [sockets.enter_context(socket.socket()) for _ in range(3)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        first, second, third = (listener.getsockname()[1] for listener in listeners)
        return Ports(apiserver=first, etcd=second, etcd_peer=third)


def started_stack(
    settings: Settings, folder: Path, tie: Tether, ports: Callable[[], Ports] = free_ports
) -> tuple[Stack, Running]:
    """Start the three on free ports, and on others where one was taken meanwhile.

    Raises:
        StartError: it can't be started; nothing is left running.
        Stopped: this process is to stop; nothing is left running.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        attempt_folder = folder / f"attempt-{attempt}"
        attempt_folder.mkdir(mode=0o700)
        stack, running = _prepared(settings, attempt_folder, tie, ports())
        try:
            stack.start()
            return stack, running(stack)
        except StartError as failure:
            stack.kill()
            if attempt == _ATTEMPTS or _PORT_TAKEN not in str(failure):
                raise
        except BaseException:
            stack.kill()
            raise
    raise AssertionError("the last attempt raises")


def _prepared(
    settings: Settings, folder: Path, tie: Tether, ports: Ports
) -> tuple[Stack, Callable[[Stack], Running]]:
    layout = Layout(
        folder=folder,
        programs={name: Path(path) for name, path in settings.programs.items()},
        ports=ports,
        address=settings.address,
        audit=settings.audit,
        flags=settings.flags,
    )
    credentials = make_credentials(folder, layout.addresses)
    kubeconfig = Path(settings.kubeconfig or folder / "kubeconfig")
    for path, token in (
        (kubeconfig, credentials.admin_token),
        (layout.controller_manager_kubeconfig, credentials.controller_manager_token),
    ):
        write_kubeconfig(
            path,
            server=layout.server,
            authority=credentials.authority.certificate,
            user={"token": token},
        )
    layout.audit_policy.write_text(commandlines.AUDIT_POLICY, encoding="utf-8")

    def running(stack: Stack) -> Running:
        return Running(
            server=layout.server,
            kubeconfig=str(kubeconfig),
            folder=str(folder),
            audit_log=str(layout.audit_log) if settings.audit else None,
            version=stack.api.version(),
            pids=stack.pids,
            ports=asdict(ports),
        )

    return Stack(layout, credentials, tie), running


def _tell(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run one control plane until it is to stop; 0 if it was asked to, 1 if it failed."""
    settings = Settings(**json.loads(sys.argv[1]))
    # A broken pipe: the parent is gone before it could hear that we are ready.
    with suppress(Stopped, BrokenPipeError), tether(settings.parent) as tie, workspace() as folder:
        try:
            stack, running = started_stack(settings, folder, tie)
        except StartError as failure:
            _tell({"failed": str(failure)})
            return 1
        try:
            _tell({"ready": asdict(running)})
            stack.watch()
        except StartError as failure:
            sys.stderr.write(f"The control plane stops: {failure}\n")
            return 1
        finally:
            stack.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
