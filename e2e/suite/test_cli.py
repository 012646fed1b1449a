"""`kubectl imchat` on a real API server, beside an operator, with the rights of docs/cli.md."""

import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from controlplane.kubectl import kubectl_path
from controlplane.users import kubeconfig_of
from harness import Namespace, Users
from harness.manifests import gateways, steady

_ROOT = Path(__file__).resolve().parents[2]
_FAST = {"unresponsiveFor": "2s", "notReadyFor": "3s", "restarts": 2}
_SECONDS = 120.0
_CALL = "import sys; from imchat_operator import cli; sys.argv[0] = {!r}; cli.{}()"


@pytest.fixture(scope="module")
def programs_on_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the console scripts of the package, as an installation makes them."""
    folder = tmp_path_factory.mktemp("bin")
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name, where in project["scripts"].items():
        module, _, function = where.partition(":")
        assert module == "imchat_operator.cli"
        script = folder / name
        script.write_text(f"#!{sys.executable}\n{_CALL.format(name, function)}\n")
        script.chmod(0o755)
    return folder


class Duty:
    """Somebody on duty, with a kubeconfig of their own."""

    def __init__(self, kubeconfig: Path, namespace: str, programs: Path) -> None:
        self._kubeconfig = kubeconfig
        self._programs = programs
        self._namespace = namespace

    def imchat(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `imchat` in the namespace."""
        return self.run(*self.command(*arguments))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this environment."""
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def document(self, *arguments: str) -> dict[str, Any]:
        """Run `imchat` and return the JSON that it prints."""
        done = self.imchat(*arguments, "-o", "json")
        assert done.returncode in {0, 1}, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of `imchat` in the namespace."""
        return [str(self._programs / "imchat"), *arguments, "-n", self._namespace]

    @property
    def environment(self) -> dict[str, str]:
        """Where the scripts and the cluster are."""
        path = f"{self._programs}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "KUBECONFIG": str(self._kubeconfig), "COLUMNS": "150"}


@pytest.fixture(scope="module")
def roles(kubeconfig: Path) -> Iterator[list[str]]:
    """The roles of docs/cli.md, as it shows them."""
    blocks = (_ROOT / "docs" / "cli.md").read_text("utf-8").split("```yaml\n")[1:]
    manifests = [block.split("```")[0] for block in blocks]
    everywhere = Namespace(kubeconfig=kubeconfig, name="default")
    everywhere.kubectl("apply", "-f", "-", manifest="---\n".join(manifests))
    names = [yaml.safe_load(m)["metadata"]["name"] for m in manifests]
    yield names
    everywhere.kubectl("delete", "clusterrole", *names)


def user(control_plane: ControlPlane, namespace: Namespace, programs: Path, *roles: str) -> Duty:
    """Return somebody who has these roles in the namespace."""
    name = f"{namespace.name}-{len(roles)}"
    for role in roles:
        binding = f"{name}-{role}"
        namespace.kubectl(
            "create", "rolebinding", binding, f"--clusterrole={role}", f"--user={name}"
        )
    return Duty(kubeconfig_of(control_plane, name), namespace.name, programs)


@pytest.fixture
def fleet(namespace: Namespace) -> Namespace:
    """Three gateways that never scale by themselves, and are ready."""
    namespace.apply(gateways(replicas=3), steady(healing=_FAST, minReplicas=3))
    namespace.wait_until(lambda: namespace.status().get("readyReplicas") == 3)
    return namespace


@pytest.mark.usefixtures("operator")
def test_somebody_on_duty_sees_pauses_resumes_and_drains(
    fleet: Namespace, control_plane: ControlPlane, roles: list[str], programs_on_path: Path
) -> None:
    duty = user(control_plane, fleet, programs_on_path, *roles)
    with Users.connected(fleet.kubeconfig, fleet.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        fleet.wait_until(lambda: fleet.condition("CapacityPressure").get("status") == "False")
        seen = duty.document("status", "chat")
        assert seen["ready"]
        assert {g["name"] for g in seen["gateways"]} == fleet.pod_names()
        assert {g["state"] for g in seen["gateways"]} == {"Serving"}
        # The API server proxies to no loopback address, and these pods have such.
        assert all(n.startswith("connections are not shown for each") for n in seen["notes"])
        assert [t["reason"] for t in seen["latest"]]
        table = duty.imchat("status")
        assert table.returncode == 0, table.stderr
        assert f"{fleet.name}/chat: 3 of 3 gateways ready, 3 wanted (3 to 6)" in table.stdout

        paused = duty.imchat("pause", "chat", "--reason", "cup final", "--only", "scale-down")
        assert paused.returncode == 0, paused.stderr
        fleet.wait_until(lambda: "Paused" in str(fleet.status().get("sizing", {})))
        why = duty.document("explain", "chat")
        assert why["steps"][0]["reason"] == "TargetUtilization"
        assert why["steps"][-1] == {"reason": "AtMinimum", "size": 3, "why": "minReplicas is 3"}
        assert {"direction": "ScaleDown", "reason": "Paused"}.items() <= why["obstacles"][0].items()
        assert "cup final" in why["obstacles"][0]["why"]
        assert why["loads"][0]["signal"] == "connections"
        assert duty.imchat("resume", "chat").returncode == 0
        fleet.wait_until(lambda: "obstacles" not in fleet.status()["sizing"])

        leaving = min(fleet.pod_names())
        drained = duty.imchat("drain", leaving, "--yes", "--wait", "--timeout", "90s")
        assert drained.returncode == 0, drained.stdout + drained.stderr
        assert f"{leaving} is replaced by " in drained.stdout
        assert ", 0 connections cut" in drained.stdout
        assert leaving not in fleet.pod_names()
        assert users.leave()["dropped"] == 0


def test_who_may_only_look_is_refused_and_who_may_nothing_is_told_so(
    namespace: Namespace, control_plane: ControlPlane, roles: list[str], programs_on_path: Path
) -> None:
    namespace.apply(gateways(replicas=1), steady())
    onlooker = user(control_plane, namespace, programs_on_path, roles[0])
    nobody = user(control_plane, namespace, programs_on_path)
    assert onlooker.imchat("status").returncode == 1, "nobody looks after it: it is not Ready"
    refused = onlooker.imchat("pause", "chat", "--reason", "r")
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    assert "cannot patch resource" in refused.stderr
    assert refused.stderr.endswith("ask for the rights that docs/cli.md lists\n")
    assert "annotations" not in namespace.cluster()["metadata"] or (
        "imchat.dev/pause-healing" not in namespace.cluster()["metadata"]["annotations"]
    )
    lost = nobody.imchat("explain")
    assert (lost.returncode, lost.stderr.count("\n")) == (3, 1)
    assert "cannot list resource" in lost.stderr
    wrong = onlooker.imchat("status", "--context", "elsewhere")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("there is no context 'elsewhere': `kubectl config get-contexts`")


def test_a_watch_tells_each_change_once_and_ends_at_control_c(
    namespace: Namespace, programs_on_path: Path
) -> None:
    namespace.apply(gateways(replicas=1), steady())
    duty = Duty(namespace.kubeconfig, namespace.name, programs_on_path)
    command = duty.command("status", "chat", "--watch", "-o", "json")
    with subprocess.Popen(
        command, env=duty.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        try:
            lines = _lines(watch)
            namespace.wait_until(lambda: not lines.empty(), seconds=_SECONDS)
            assert json.loads(lines.get())["paused"] == []
            namespace.kubectl("annotate", "imc", "chat", "imchat.dev/pause-healing=INC-7")
            expected = [{"what": "Healing", "reason": "INC-7", "by": "annotation"}]
            namespace.wait_until(
                lambda: not lines.empty() and json.loads(lines.get())["paused"] == expected,
                seconds=_SECONDS,
            )
            watch.send_signal(signal.SIGINT)
            assert watch.wait(30) == 0
            assert watch.stderr is not None
            assert watch.stderr.read() == ""
        finally:
            watch.kill()


def _lines(process: subprocess.Popen[str]) -> Queue[str]:
    """Return the lines that a process prints, as they come."""
    found: Queue[str] = Queue()
    assert process.stdout is not None

    def read(lines: Iterator[str]) -> None:
        for line in lines:
            found.put(line)

    threading.Thread(target=read, args=(process.stdout,), daemon=True).start()
    return found


def test_kubectl_finds_the_plugin_and_its_completion(
    namespace: Namespace, programs_on_path: Path
) -> None:
    namespace.apply(gateways(replicas=1), steady())
    duty = Duty(namespace.kubeconfig, namespace.name, programs_on_path)
    usage = duty.run(kubectl_path(), "imchat", "explain", "--help")
    assert "Usage: kubectl imchat explain" in usage.stdout
    shown = duty.run(kubectl_path(), "imchat", "explain", "chat", "-n", namespace.name)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"{namespace.name}/chat: ")
    words = ("imchat", "explain", "-n", namespace.name, "")
    completed = duty.run(kubectl_path(), "__complete", *words)
    assert completed.stdout.splitlines()[0] == "chat", completed.stderr
