"""A control plane starts, is found again, ends when it is to, and leaves nothing behind.

Each test has its own state folder and its own folder for temporary files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from controlplane import leash
from controlplane.instance import start_time
from controlplane.kubectl import kubectl
from controlplane.locations import CONTEXT_VARIABLE, STATE_VARIABLE
from controlplane.versions import KUBERNETES

Eventually: TypeAlias = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("programs")  # getting them would take longer than a test may

PROGRAMS = {"etcd", "kube-apiserver", "kube-controller-manager"}


@dataclass(frozen=True)
class Place:
    """Where a test's control planes keep their things."""

    state: Path
    temporary: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment that says so."""
        rest = {name: value for name, value in os.environ.items() if name != CONTEXT_VARIABLE}
        return {**rest, STATE_VARIABLE: str(self.state), "TMPDIR": str(self.temporary)}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m controlplane` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "controlplane", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def python(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run Python; it is gone at the end."""
        with subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def state_fields(self) -> dict[str, Any]:
        """What `up` wrote down."""
        fields: dict[str, Any] = json.loads((self.state / "state.json").read_text("utf-8"))
        return fields

    def pids(self) -> list[int]:
        """The supervisor's and the programs' process ids."""
        fields = self.state_fields()
        return [fields["pid"], *fields["running"]["pids"].values()]

    def is_tidy(self) -> bool:
        """Whether no temporary file is left."""
        return not list(self.temporary.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(state=tmp_path / "state", temporary=tmp_path / "temporary")
    made.temporary.mkdir()
    yield made
    made.command("down")


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if start_time(pid) is not None]


def test_two_ups_at_once_start_one_that_status_finds_and_down_ends_without_a_trace(
    place: Place,
) -> None:
    assert place.command("status").returncode == 1
    kubeconfig = place.state / "kubeconfig"
    with (
        place.python("-m", "controlplane", "up") as one,
        place.python("-m", "controlplane", "up") as other,
    ):
        export = f"export KUBECONFIG={kubeconfig}\n"
        assert [one.communicate(timeout=60)[0], other.communicate(timeout=60)[0]] == [export] * 2
        assert (one.returncode, other.returncode) == (0, 0)
    pids = place.pids()
    assert len(alive(pids)) == 4

    account = kubectl("get", "serviceaccount", "default", kubeconfig=kubeconfig)
    assert account.returncode == 0, account.stderr
    status = place.command("status")
    assert status.returncode == 0
    for told in (KUBERNETES, str(kubeconfig), *map(str, pids)):
        assert told in status.stdout

    again = place.command("up")
    assert (again.returncode, again.stdout) == (0, export)
    assert "Already up" in again.stderr
    assert place.command("up", "--context", "kind-other").returncode == 1
    assert place.pids() == pids

    assert place.command("down").returncode == 0
    assert alive(pids) == []
    assert place.is_tidy()
    assert {path.name for path in place.state.iterdir()} == {".lock"}
    assert place.command("status").returncode == 1


def test_down_leaves_a_process_alone_that_got_the_pid_of_one_that_is_gone(place: Place) -> None:
    with place.python("-c", "input()") as stranger:
        place.state.mkdir()
        running: dict[str, Any] = dict.fromkeys(("server", "kubeconfig", "folder", "version"), "")
        running |= {"audit_log": None, "pids": {"etcd": stranger.pid}, "ports": {}}
        fields = {"pid": stranger.pid, "started": "another time", "running": running}
        (place.state / "state.json").write_text(json.dumps(fields), encoding="utf-8")
        assert "ended by itself" in place.command("status").stdout
        assert place.command("down").returncode == 0
        assert stranger.poll() is None
        assert not (place.state / "state.json").exists()


def test_ctrl_c_ends_up_in_the_foreground_and_leaves_nothing(
    place: Place, eventually: Eventually
) -> None:
    with place.python("-m", "controlplane", "up", "--foreground") as command:
        assert command.stdout is not None
        assert command.stdout.readline().startswith("export KUBECONFIG=")
        pids = place.pids()
        assert len(alive(pids)) == 4
        command.send_signal(signal.SIGINT)
        assert command.wait(10) == 130
    assert eventually(lambda: not alive(pids))
    assert place.is_tidy()
    assert "Nothing is up" in place.command("status").stdout


# The fork without exec keeps a copy of the pipe that the supervisor watches.
HOLD = """
import json, os, signal, controlplane
with controlplane.running() as control_plane:
    if (sibling := os.fork()) == 0:
        os.closerange(0, 3)
        signal.sigtimedwait([signal.SIGTERM], 60)
        os._exit(0)
    print(json.dumps({**control_plane.pids, "sibling": sibling}), flush=True)
    input()
    os.kill(sibling, signal.SIGTERM)
"""


def test_kill_9_of_the_parent_leaves_nothing(place: Place, eventually: Eventually) -> None:
    with place.python("-c", HOLD) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        sibling = pids.pop("sibling")
        assert set(pids) == PROGRAMS | {"supervisor"}
        assert len(alive(list(pids.values()))) == 4
        parent.kill()
        eventually(lambda: not alive(list(pids.values())))
        eventually(place.is_tidy)
        assert alive([sibling])
        os.kill(sibling, signal.SIGTERM)


def test_kill_9_of_the_supervisor_leaves_nothing(place: Place, eventually: Eventually) -> None:
    with place.python("-c", HOLD) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        del pids["sibling"]
        os.kill(pids["supervisor"], signal.SIGKILL)
        eventually(lambda: not alive(list(pids.values())))
        assert parent.poll() is None
        parent.communicate("\n", timeout=30)
        assert parent.returncode == 0
    assert place.is_tidy()


def test_when_one_of_the_three_ends_the_others_do_and_status_tells_which(
    place: Place, eventually: Eventually
) -> None:
    assert place.command("up").returncode == 0
    pids = place.pids()
    os.kill(place.state_fields()["running"]["pids"]["etcd"], signal.SIGKILL)
    eventually(lambda: not alive(pids))
    eventually(place.is_tidy)
    status = place.command("status")
    assert status.returncode == 1
    assert "etcd ended with exit status -9. Its last lines:" in status.stdout


def test_a_start_that_fails_shows_the_last_lines_and_leaves_nothing(place: Place) -> None:
    failed = place.command("up", "--flag", "kube-apiserver=--no-such-flag")
    assert failed.returncode == 1
    assert "kube-apiserver ended with exit status 1. Its last lines:" in failed.stderr
    assert "unknown flag: --no-such-flag" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert place.is_tidy()
    assert place.command("status").returncode == 1


TAKEN = """
import os, socket, sys
from pathlib import Path
from dataclasses import replace
from controlplane import supervisor
from controlplane.leashed import tether
from controlplane.locations import cache_folder
from controlplane.programs import find_programs
from controlplane.protocol import Settings
from controlplane.workspace import workspace

programs = {name: str(path) for name, path in find_programs(lambda _: None).items()}
settings = Settings(parent=os.getppid(), programs=programs, kubeconfig=None, audit=False, flags={})
asked = 0

def ports():
    global asked
    asked += 1
    free = supervisor.free_ports()
    return replace(free, etcd=taken.getsockname()[1]) if asked == 1 else free

with (
    socket.create_server(("127.0.0.1", 0)) as taken,
    tether(os.getppid()) as tie,
    workspace() as folder,
):
    stack, running = supervisor.started_stack(settings, folder, tie, ports)
    stack.kill()
    print(asked, running.version)
"""


def test_a_port_that_was_taken_meanwhile_is_given_up_for_another(place: Place) -> None:
    with place.python("-c", TAKEN) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == f"2 {KUBERNETES}\n"


def test_where_the_kernel_does_not_help_a_watcher_ends_the_command_with_the_pipe(
    place: Place, eventually: Eventually
) -> None:
    watcher = (
        "import runpy, sys; "
        f"follow = runpy.run_path({leash.__file__!r})['follow']; "
        "sys.exit(follow([sys.executable, '-c', "
        "'import os, time; print(os.getpid(), flush=True); time.sleep(60)'], 0))"
    )
    with place.python("-c", watcher) as watching:
        assert watching.stdout is not None
        assert watching.stdin is not None
        command = int(watching.stdout.readline())
        assert alive([command]) == [command]
        watching.stdin.close()
        eventually(lambda: not alive([command]))
        assert watching.wait(30) == -signal.SIGKILL % 256


LEAVE = """
from controlplane.workspace import workspace
with workspace() as folder:
    (folder / "data").write_text("much")
    print(folder, flush=True)
    input()
"""


def test_folders_of_the_killed_are_removed_by_the_next_and_those_in_use_are_not(
    place: Place,
) -> None:
    with place.python("-c", LEAVE) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().strip())
    assert (left / "data").exists()
    with place.python("-c", LEAVE) as first, place.python("-c", LEAVE) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        folders = [Path(each.stdout.readline().strip()) for each in (first, second) if each.stdout]
        assert not left.exists()
        assert all((folder / "data").exists() for folder in folders)
    place.command("down")
    assert place.is_tidy()
