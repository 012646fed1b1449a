"""Builds a program from the Go modules that go.mod pins. Minutes, once: Go caches, and so do we."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from .leashed import Child
from .progress import OnProgress, step
from .versions import GO, KUBERNETES, PROGRAMS

if TYPE_CHECKING:
    from pathlib import Path

_TICK_SECONDS: Final = 1.0
_VERSION_PACKAGE: Final = "k8s.io/component-base/version"
# Measured with nothing cached on 2 cores.
_MINUTES: Final = {"etcd": 0.5, "kube-apiserver": 7.5, "kube-controller-manager": 2.5}


class BuildError(Exception):
    """It can't be built; the text says why and what to do."""


def build(program: str, target: Path, on_progress: OnProgress, module: Path) -> None:
    """Build the program's package in the folder of a go.mod, which is only read.

    Raises:
        BuildError: there is no Go, or it failed.
    """
    go = shutil.which("go")
    if go is None:
        raise BuildError(
            "there is no `go` on the PATH to build it with. "
            f"Connect to the internet, or install Go {GO} or newer."
        )
    log = target.with_name(f"{target.name}.log")
    text = f"Build {program} from source (about {_MINUTES[program]} min on 2 cores)"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with step(on_progress, text) as tick:
        child = Child(
            program, _command(go, program, target), log, folder=module, environment=environment
        )
        try:
            while child.wait(_TICK_SECONDS) is None:
                tick(None)
            if child.exit_status != 0:
                raise BuildError(f"`go build` failed. Its last lines:\n{child.last_lines()}")
        finally:
            child.kill()
            log.unlink(missing_ok=True)


def _command(go: str, program: str, target: Path) -> list[str]:
    major, minor, _ = KUBERNETES.removeprefix("v").split(".", 2)
    version = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X {_VERSION_PACKAGE}.{name}={value}" for name, value in version.items())
    return [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        f"-ldflags=-s -w {flags}",
        f"-o={target}",
        PROGRAMS[program],
    ]
