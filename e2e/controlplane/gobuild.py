"""Builds a program from the Go modules that go.mod pins, or Helm or kwok from its own.

Minutes, once: Go caches, and so do we.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from .leashed import Child
from .progress import OnProgress, step
from .versions import GO, HELM, KUBERNETES, KWOK, PACKAGES

_TICK_SECONDS: Final = 1.0
_VERSION_PACKAGE: Final = "k8s.io/component-base/version"
# Measured on 2 cores: a node's after the control plane's, all others with nothing cached.
_MINUTES: Final = {
    "etcd": 0.5,
    "helm": 3,
    "kube-apiserver": 7.5,
    "kube-controller-manager": 2.5,
    "kube-proxy": 2.5,
    "kube-scheduler": 2,
    "kubelet": 4,
    "kwok": 2,
}
_HELM_PACKAGE: Final = f"helm.sh/helm/v4/cmd/helm@{HELM}"
_KWOK_PACKAGE: Final = f"sigs.k8s.io/kwok/cmd/kwok@{KWOK}"


class BuildError(Exception):
    """It can't be built; the text says why and what to do."""


def build(program: str, target: Path, on_progress: OnProgress, module: Path) -> None:
    """Build the program's package in the folder of a go.mod, which is only read.

    Raises:
        BuildError: there is no Go, or it failed.
    """
    log = target.with_name(f"{target.name}.log")
    _run(program, _command(_go(), program, target), log, on_progress, folder=module)


def build_helm(target: Path, on_progress: OnProgress) -> None:
    """Build Helm at the version that we name, as its own module says.

    Raises:
        BuildError: there is no Go, or it failed.
    """
    _install("helm", _HELM_PACKAGE, target, on_progress)


def build_kwok(target: Path, on_progress: OnProgress) -> None:
    """Build kwok at the version that we name, as its own module says.

    Raises:
        BuildError: there is no Go, or it failed.
    """
    _install("kwok", _KWOK_PACKAGE, target, on_progress)


def _install(program: str, package: str, target: Path, on_progress: OnProgress) -> None:
    command = [_go(), "install", "-trimpath", "-ldflags=-s -w", package]
    with TemporaryDirectory(prefix=f"{program}-") as name:
        folder = Path(name)
        _run(program, command, folder / "log", on_progress, folder=folder, GOBIN=name)
        shutil.move(folder / program, target)


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise BuildError(
            "there is no `go` on the PATH to build it with. "
            f"Connect to the internet, or install Go {GO} or newer."
        )
    return go


def _run(
    program: str,
    command: list[str],
    log: Path,
    on_progress: OnProgress,
    *,
    folder: Path,
    **environment: str,
) -> None:
    text = f"Build {program} from source (about {_MINUTES[program]} min on 2 cores)"
    everything = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **environment}
    with step(on_progress, text) as tick:
        child = Child(program, command, log, folder=folder, environment=everything)
        try:
            while child.wait(_TICK_SECONDS) is None:
                tick(None)
            if child.exit_status != 0:
                raise BuildError(f"`go {command[1]}` failed. Its last lines:\n{child.last_lines()}")
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
        PACKAGES[program],
    ]
