"""What CI makes of real nodes that can't be had, and of those that fail."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("minutes", "fails", "nodes", "status", "told", "asked"),
    [
        pytest.param(30, "", 0, 0, "", "test faults-ci e2e-node", id="all is well"),
        pytest.param(30, "test", 0, 2, "", "test", id="the suites fail"),
        pytest.param(30, "faults-ci", 0, 2, "", "test faults-ci", id="a trial is a violation"),
        pytest.param(30, "", 69, 0, "can't have them", "test faults-ci", id="no nodes here"),
        pytest.param(30, "", 1, 1, "", "test faults-ci", id="an image can't be built"),
        pytest.param(30, "e2e-node", 0, 2, "", "test faults-ci e2e-node", id="real nodes fail"),
        pytest.param(12, "", 0, 0, "too little of the 12", "test faults-ci", id="no time is left"),
    ],
)
def test_only_what_failed_is_red(  # noqa: PLR0913, PLR0917 -- a table's columns
    tmp_path: Path,
    minutes: int,
    fails: str,
    nodes: int,
    status: int,
    told: str,
    asked: str,
) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    words = 'printf "%s " "$1" >> asked'
    program(tmp_path / "bin/make", f'{words}\ntest "$1" = "{fails}" && exit 2\nexit 0')
    program(tmp_path / ".venv/bin/python", f"exit {nodes}")
    environment = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CI_MINUTES": str(minutes),
    }
    done = subprocess.run(
        [tmp_path / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    assert (tmp_path / "asked").read_text().split() == asked.split()
    assert told in done.stdout
    assert ("left out" in done.stdout) == bool(told)
