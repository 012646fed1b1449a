"""Finds the programs of a control plane and of nodes, and Helm: there, downloaded, or built.

In this order, for each program by itself: the folder that KUBEBUILDER_ASSETS names, the cache, the
official release (checked against its published checksum), the Go modules that go.mod names. What
is downloaded or built goes into the cache, whole or not at all; others who want the same wait. Helm
may also be on the PATH, and nothing but the chart and its tests asks for it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import gobuild, releases
from .errors import ControlPlaneError
from .locations import ASSETS_VARIABLE, assets_folder, cache_folder
from .locks import locked
from .progress import OnProgress, remark
from .versions import ETCD, HELM, KUBERNETES, KWOK, PACKAGES, PROGRAMS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_API, _CONTROLLERS = "kube-apiserver", "kube-controller-manager"
_PARTIAL: Final = ".part-"  # how the names of unfinished files in the cache begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where to look, in the order of the fields."""

    assets: Path | None
    cache: Path
    kubernetes_url: str = releases.KUBERNETES_URL
    etcd_url: str = releases.ETCD_URL
    helm_url: str = releases.HELM_URL
    go_module: Path = SOURCES


def default_sources() -> Sources:
    """What the environment says."""
    return Sources(assets=assets_folder(), cache=cache_folder())


def find_programs(
    on_progress: OnProgress, sources: Sources | None = None, *, names: Iterable[str] = PROGRAMS
) -> dict[str, Path]:
    """Each program's file; by default of those that make up a control plane.

    Raises:
        ControlPlaneError: one can't be had; the text says what was tried and what to do.
    """
    sources = sources or default_sources()
    names = tuple(names)
    found = _cached(sources.cache) | _from_assets(sources.assets, on_progress)
    if not found.keys() >= set(names):
        with _filling(sources.cache, on_progress):
            found = _cached(sources.cache) | found  # another may just have finished
            missing = [name for name in names if name not in found]
            _fill_cache(missing, sources, on_progress)
        found = _cached(sources.cache) | found
    return {name: found[name] for name in names}


def find_helm(on_progress: OnProgress, sources: Sources | None = None) -> Path:
    """Helm: the machine's if it has our minor version, else ours.

    Raises:
        ControlPlaneError: it can't be had; the text says what was tried and what to do.
    """
    sources = sources or default_sources()
    known = shutil.which("helm")
    if known is not None and _minor(_version(Path(known), "version")) == _minor(HELM):
        return Path(known)
    helm = sources.cache / f"helm-{HELM}"
    if not _is_program(helm):
        with _filling(sources.cache, on_progress):
            if not _is_program(helm):  # another may just have finished
                _get_helm(helm, sources, on_progress)
    return helm


def find_kwok(on_progress: OnProgress, sources: Sources | None = None) -> Path:
    """kwok, at the version that we name; only benchmarks ask for it.

    Raises:
        ControlPlaneError: it is not in the cache and can't be built.
    """
    sources = sources or default_sources()
    kwok = sources.cache / f"kwok-{KWOK}"
    if not _is_program(kwok):
        with _filling(sources.cache, on_progress):
            if not _is_program(kwok):  # another may just have finished
                with _new_file(sources.cache, kwok.name) as partial:
                    _build_kwok(partial, on_progress)
    return kwok


def _build_kwok(partial: Path, on_progress: OnProgress) -> None:
    try:
        gobuild.build_kwok(partial, on_progress)
    except gobuild.BuildError as failure:
        raise ControlPlaneError(
            f"There is no kwok {KWOK}: it is not in the cache, and {failure}"
        ) from failure


def _get_helm(helm: Path, sources: Sources, on_progress: OnProgress) -> None:
    with _new_file(sources.cache, helm.name) as partial:
        try:
            releases.Site(helm_url=sources.helm_url).download("helm", partial, on_progress)
        except releases.UnavailableError as unavailable:
            remark(on_progress, f"helm is not downloaded: {unavailable}")
            try:
                gobuild.build_helm(partial, on_progress)
            except gobuild.BuildError as failure:
                raise ControlPlaneError(
                    f"There is no helm {HELM}: neither on the PATH nor in the cache, the release "
                    f"could not be used ({unavailable}), and {failure}"
                ) from failure


def _fill_cache(missing: list[str], sources: Sources, on_progress: OnProgress) -> None:
    reasons: dict[str, str] = {}
    site = releases.Site(kubernetes_url=sources.kubernetes_url, etcd_url=sources.etcd_url)
    for name in missing:
        try:
            with _new_file(sources.cache, name) as partial:
                site.download(name, partial, on_progress)
        except releases.UnavailableError as unavailable:
            reasons[name] = str(unavailable)
            remark(on_progress, f"{name} is not downloaded: {unavailable}")
    for name, reason in reasons.items():
        try:
            with _new_file(sources.cache, name) as partial:
                gobuild.build(name, partial, on_progress, sources.go_module)
        except gobuild.BuildError as failure:
            raise ControlPlaneError(
                f"There is no {_labelled(name)}: it is neither in {ASSETS_VARIABLE} nor in the "
                f"cache, the release could not be used ({reason}), and {failure}"
            ) from failure


def _labelled(name: str) -> str:
    return f"{name} {ETCD if name == 'etcd' else KUBERNETES}"


@contextmanager
def _new_file(cache: Path, name: str) -> Iterator[Path]:
    """A path to write to; it takes the program's name only if the block succeeds."""
    partial = cache / f"{_PARTIAL}{name}"
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(cache / name)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _filling(cache: Path, on_progress: OnProgress) -> Iterator[None]:
    """Only one process at a time fills the cache; what a killed one left is removed."""
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / ".lock", on_progress, "Wait for another process that fills the cache"):
        for leftover in cache.glob(f"{_PARTIAL}*"):
            leftover.unlink()
        yield


def _cached(cache: Path) -> dict[str, Path]:
    return {name: cache / name for name in PACKAGES if _is_program(cache / name)}


def _from_assets(assets: Path | None, on_progress: OnProgress) -> dict[str, Path]:
    if assets is None:
        return {}
    found = {name: assets / name for name in PACKAGES if _is_program(assets / name)}
    if not found:
        remark(on_progress, f"{ASSETS_VARIABLE} names {assets}, which has none of the programs")
    # A controller manager that is newer or older than its API server is not supported: half of the
    # pair is taken only if the other half, which is of our version, fits to it.
    for half, other in ((_API, _CONTROLLERS), (_CONTROLLERS, _API)):
        if half in found and other not in found:
            version = _version(found[half])
            if _minor(version) != _minor(KUBERNETES):
                del found[half]
                remark(
                    on_progress,
                    f"{ASSETS_VARIABLE} has {half} {version} without {other}: "
                    f"both are taken at {KUBERNETES}, for they have to fit together",
                )
    return found


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _version(program: Path, asking: str = "--version") -> str:
    """What it says about itself, such as "v1.37.2"; "of unknown version" if it can't say."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            [program, asking], capture_output=True, text=True, timeout=20, check=True
        )
        if version := re.search(r"v\d+\.\d+[^\s\",]*", told.stdout):
            return version.group()
    return "of unknown version"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
