"""A cluster that the user names is used as it is, if its name says that it is for tests."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import controlplane
from controlplane.locations import CONTEXT_VARIABLE, STATE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("kind-mine", "imchat-mine", "production")


@pytest.fixture
def named(
    control_plane: controlplane.ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The user's own kubeconfig, in two files, with several contexts and none chosen."""
    config = yaml.safe_load(control_plane.kubeconfig.read_text(encoding="utf-8"))
    (context,) = config["contexts"]
    config["contexts"] = [{**context, "name": name} for name in NAMES]
    config["current-context"] = "production"
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        gone = f"https://127.0.0.1:{taken.getsockname()[1]}"
    other = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "gone", "cluster": {"server": gone}}],
        "users": [{"name": "gone", "user": {"token": "none"}}],
        "contexts": [{"name": "kind-gone", "context": {"cluster": "gone", "user": "gone"}}],
    }
    files = []
    for name, content in (("first", config), ("second", other)):
        files.append(str(tmp_path / name))
        (tmp_path / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(files))
    monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)
    return dict(config)


def contexts_in(kubeconfig: Path) -> list[str]:
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    return [each["name"] for each in config["contexts"]]


@pytest.mark.parametrize("context", ["kind-mine", "imchat-mine"])
@pytest.mark.usefixtures("named")
def test_a_context_that_is_named_for_tests_is_used_and_nothing_is_started(
    control_plane: controlplane.ControlPlane, context: str
) -> None:
    with controlplane.running(context=context, audit=True) as used:
        assert (used.server, used.version) == (control_plane.server, control_plane.version)
        assert (used.pids, used.audit_log) == ({}, None)
        assert contexts_in(used.kubeconfig) == [context]
        assert used.kubeconfig.stat().st_mode & 0o077 == 0
    assert not used.kubeconfig.exists()


@pytest.mark.usefixtures("named")
def test_the_environment_names_a_context_too(
    control_plane: controlplane.ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTEXT_VARIABLE, "kind-mine")
    with controlplane.running() as used:
        assert (used.server, used.pids) == (control_plane.server, {})


@pytest.mark.usefixtures("named")
def test_any_other_name_is_refused_unless_that_is_said_too(
    control_plane: controlplane.ControlPlane,
) -> None:
    refusal = r"The context 'production' starts with neither kind- nor imchat-: .*any-context"
    with (
        pytest.raises(controlplane.ControlPlaneError, match=refusal),
        controlplane.running(context="production"),
    ):
        pytest.fail("it was used")
    with controlplane.running(context="production", allow_any_context=True) as used:
        assert used.server == control_plane.server


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("kind-nobody", r"no usable context 'kind-nobody' .* has: .*kind-mine, production"),
        ("kind-gone", r"The API server https://127\.0\.0\.1:\d+ does not answer: .*refused"),
    ],
)
def test_a_context_that_can_not_be_used_is_told_in_a_sentence(context: str, told: str) -> None:
    with (
        pytest.raises(controlplane.ControlPlaneError, match=re.compile(told, re.DOTALL)),
        controlplane.running(context=context),
    ):
        pytest.fail("it was used")


@pytest.mark.usefixtures("named")
def test_up_status_and_down_leave_a_named_cluster_as_it_is(
    control_plane: controlplane.ControlPlane, tmp_path: Path
) -> None:
    state = tmp_path / "state"

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "controlplane", *arguments]
        environment = {**os.environ, STATE_VARIABLE: str(state)}
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    refused = command("up", "--context", "production")
    assert (refused.returncode, refused.stdout) == (1, "")
    up = command("up", "--context", "kind-mine")
    assert (up.returncode, up.stdout) == (0, f"export KUBECONFIG={state / 'kubeconfig'}\n")
    assert contexts_in(state / "kubeconfig") == ["kind-mine"]
    status = command("status")
    assert status.returncode == 0
    assert f"on {control_plane.server}, your own cluster kind-mine" in status.stdout
    assert "its cluster is left as it is" in command("down").stderr
    assert not (state / "kubeconfig").exists()
    with controlplane.running(context="kind-mine") as used:
        assert used.version == control_plane.version
