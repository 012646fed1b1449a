"""The one control plane that `up` leaves running, as its state folder remembers it.

`state.json` names the supervisor by its pid and start time, so that a pid that was given to another
process since is never taken for it. Nothing here ends what is not named there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .cluster import of_context
from .errors import ControlPlaneError
from .kubectl import cache_beside
from .locks import locked
from .progress import silent
from .protocol import Running
from .session import Supervisor, supervised
from .workspace import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .progress import OnProgress

_STOP_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalState:
    """A local control plane: its supervisor's pid and start time, and what it told."""

    pid: int
    started: str
    running: Running

    @property
    def context(self) -> None:
        """No context: it is ours."""

    @property
    def kubeconfig(self) -> str:
        """The path of the administrator's kubeconfig."""
        return self.running.kubeconfig

    def is_alive(self) -> bool:
        """Whether its supervisor runs."""
        return start_time(self.pid) == self.started


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextState:
    """A cluster of the user's own, which `up` was told to use."""

    context: str
    kubeconfig: str
    server: str
    version: str

    def is_alive(self) -> bool:
        """Always: it is not ours to judge."""
        return True


State = LocalState | ContextState


class AlreadyUpError(ControlPlaneError):
    """Something is up already, which is not touched."""

    def __init__(self, state: State) -> None:
        super().__init__("One is up already; `python -m controlplane down` ends it.")
        self.state = state


class Instance:
    """What lies in one state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / "state.json"
        self._kubeconfig = folder / "kubeconfig"
        self._log = folder / "supervisor.log"

    def state(self) -> State | None:
        """What `up` left, dead or alive; None if nothing."""
        with suppress(FileNotFoundError):
            fields = json.loads(self._state.read_text(encoding="utf-8"))
            if "context" in fields:
                return ContextState(**fields)
            return LocalState(**{**fields, "running": Running(**fields["running"])})
        return None

    def last_words(self) -> str:
        """What the supervisor said when it ended by itself."""
        with suppress(FileNotFoundError):
            return self._log.read_text(encoding="utf-8", errors="replace").strip()
        return ""

    def use_context(self, context: str, *, allow_any: bool) -> ContextState:
        """Use the user's own cluster from now on.

        Raises:
            AlreadyUpError: something is up.
            ControlPlaneError: it can't be used.
        """
        with self._locked(silent):
            self._require_nothing_up()
            cluster = of_context(context, self._kubeconfig, allow_any=allow_any)
            state = ContextState(
                context=context,
                kubeconfig=str(cluster.kubeconfig),
                server=cluster.server,
                version=cluster.version,
            )
            self._write(state)
            return state

    def start(
        self,
        on_progress: OnProgress,
        on_ready: Callable[[LocalState], None],
        *,
        foreground: bool,
        audit: bool,
        flags: Mapping[str, Sequence[str]],
    ) -> None:
        """Start a local control plane; in the foreground, stay until it ends or a Ctrl-C.

        Raises:
            AlreadyUpError: something is up.
            ControlPlaneError: it can't be started, or it ended by itself.
        """
        with ExitStack() as stack:
            with self._locked(on_progress):
                self._require_nothing_up()
                log = None if foreground else stack.enter_context(self._log.open("wb"))
                supervisor = stack.enter_context(
                    supervised(
                        on_progress, audit=audit, flags=flags, kubeconfig=self._kubeconfig, log=log
                    )
                )
                state = _state_of(supervisor)
                self._write(state)
                if foreground:
                    stack.callback(self._forget_own, state)
                else:
                    supervisor.detach()
            on_ready(state)
            if foreground and supervisor.process.wait() != 0:
                raise ControlPlaneError("The control plane ended by itself.")

    def stop(self, on_progress: OnProgress) -> State | None:
        """End what `up` started; a context is only forgotten. Gives what was there."""
        with self._locked(on_progress):
            state = self.state()
            if isinstance(state, LocalState):
                _end(state)
            self._forget()
            sweep()
            return state

    def _forget_own(self, state: LocalState) -> None:
        with self._locked(silent):
            if self.state() == state:  # not another that was started since a `down`
                self._forget()

    def _require_nothing_up(self) -> None:
        state = self.state()
        if state is not None and state.is_alive():
            raise AlreadyUpError(state)
        self._forget()

    def _write(self, state: State) -> None:
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
        new.replace(self._state)

    def _forget(self) -> None:
        for path in (self._state, self._kubeconfig, self._log):
            path.unlink(missing_ok=True)
        shutil.rmtree(cache_beside(self._kubeconfig), ignore_errors=True)

    @contextmanager
    def _locked(self, on_progress: OnProgress) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder / ".lock", on_progress, "Wait for another `up` or `down`"):
            yield


def start_time(pid: int) -> str | None:
    """When a process started, in the system's own words; None if it is gone or a zombie."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError):
            # The program's name, in brackets, may hold anything; what follows it does not.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            status, ticks = fields.split()[0], fields.split()[19]
            return None if status == "Z" else ticks
        return None
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    status, _, started = told.partition(" ")
    return None if not told or status.startswith("Z") else started.strip()


def _state_of(supervisor: Supervisor) -> LocalState:
    pid = supervisor.process.pid
    return LocalState(pid=pid, started=start_time(pid) or "", running=supervisor.running)


def _end(state: LocalState) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not state.is_alive():
            return
        with suppress(ProcessLookupError):
            os.kill(state.pid, number)
        deadline = time.monotonic() + _STOP_SECONDS
        while state.is_alive() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    if state.is_alive():
        raise ControlPlaneError(f"The supervisor (pid {state.pid}) does not end.")
