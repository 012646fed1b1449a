"""What long steps look like where there is no terminal, and what the command line refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from controlplane import ControlPlaneError, running
from controlplane.console import plain
from controlplane.locations import CONTEXT_VARIABLE
from controlplane.progress import Progress, remark, step


def test_plain_lines_tell_begin_and_end_and_twice_a_minute_that_it_goes_on() -> None:
    lines: list[str] = []
    report = plain(lines.append)
    for second in range(65):
        report(Progress(step="Build", seconds=second, fraction=second / 100))
    report(Progress(step="Build", seconds=65.0, finished=True))
    assert lines == [
        "Build ... 0 s (0%)",
        "Build ... 30 s (30%)",
        "Build ... 60 s (60%)",
        "Build: done in 65.0 s",
    ]


def test_a_step_that_fails_is_not_told_as_done() -> None:
    lines: list[str] = []
    report = plain(lines.append)
    with pytest.raises(ValueError, match="broken"), step(report, "Download"):
        raise ValueError("broken")
    remark(report, "It is not used")
    assert lines == ["Download ... 0 s", "It is not used"]


def test_flags_for_a_program_that_there_is_not_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)
    with (
        pytest.raises(ControlPlaneError, match="no programs kubelet to give flags to; there are"),
        running(flags={"kubelet": ["--v=2"]}),
    ):
        pytest.fail("it was started")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["up", "--flag", "kubelet=--v=2"], "'kubelet=--v=2' is not PROGRAM=--FLAG"),
        (["up", "--flag", "etcd"], "'etcd' is not PROGRAM=--FLAG with a PROGRAM of etcd, kube-"),
        ([], "the following arguments are required: up|down|status"),
    ],
    ids=["a program that there is not", "no flag", "no command"],
)
def test_a_wrong_command_line_is_refused_with_what_to_write(
    arguments: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "controlplane", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
