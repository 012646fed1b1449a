"""Downloads official release programs, and uses none that its published checksum does not fit.

Kubernetes publishes `<program>` and `<program>.sha256` per version, system and architecture; etcd a
tar.gz and one SHA256SUMS per version, Helm a tar.gz and its `.sha256sum`. Nobody has kube-apiserver
for anything but Linux.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import tarfile
import time
import urllib.request
import zlib
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.error import HTTPError

from .progress import OnProgress, step
from .versions import ETCD, HELM, KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KUBERNETES_URL: Final = "https://dl.k8s.io/release"
ETCD_URL: Final = "https://github.com/etcd-io/etcd/releases/download"
HELM_URL: Final = "https://get.helm.sh"

# Reachable at all, names resolved and redirects followed: asked for with the small checksum.
_REACHABLE_SECONDS: Final = 8.0
_STALLED_SECONDS: Final = 15.0
_LONGEST_SECONDS: Final = 900.0
_CHUNK: Final = 1 << 20
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "s390x": "s390x"}

_T = TypeVar("_T")


class UnavailableError(Exception):
    """There is no release to use; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The release sites; one that can't be reached is asked once only."""

    kubernetes_url: str = KUBERNETES_URL
    etcd_url: str = ETCD_URL
    helm_url: str = HELM_URL
    reachable_seconds: float = _REACHABLE_SECONDS
    unreachable: dict[str, str] = field(default_factory=dict)

    def download(self, program: str, target: Path, on_progress: OnProgress) -> None:
        """Write a program of which the checksum is right; otherwise the target is of no use.

        Raises:
            UnavailableError: no such release, no checksum, a wrong one, or no connection.
        """
        architecture = _architecture()
        if program == "etcd":
            name = f"etcd-{ETCD}-linux-{architecture}"
            folder = f"{self.etcd_url}/{ETCD}"
            url, sums = f"{folder}/{name}.tar.gz", f"{folder}/SHA256SUMS"
            digest = _listed(self._published(self.etcd_url, sums), f"{name}.tar.gz", sums)
            _fetch_member(url, f"{name}/etcd", target, digest, on_progress)
        elif program == "helm":
            url = f"{self.helm_url}/helm-{HELM}-linux-{architecture}.tar.gz"
            published = self._published(self.helm_url, f"{url}.sha256sum")
            digest = _digest(published, f"{url}.sha256sum")
            _fetch_member(url, f"linux-{architecture}/helm", target, digest, on_progress)
        else:
            url = f"{self.kubernetes_url}/{KUBERNETES}/bin/linux/{architecture}/{program}"
            published = self._published(self.kubernetes_url, f"{url}.sha256")
            _fetch(url, target, _digest(published, f"{url}.sha256"), on_progress)

    def _published(self, site: str, url: str) -> str:
        if site in self.unreachable:
            raise UnavailableError(self.unreachable[site])
        try:
            return _within(self.reachable_seconds, lambda: _small(url))
        except HTTPError as error:
            raise UnavailableError(
                f"its checksum {url} is not published (HTTP {error.code})"
            ) from error
        except (OSError, HTTPException) as error:
            self.unreachable[site] = f"{site} can't be reached ({_reason(error)})"
            raise UnavailableError(self.unreachable[site]) from error


def _architecture() -> str:
    if sys.platform != "linux":
        raise UnavailableError(f"there are no official releases for {sys.platform}")
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise UnavailableError(f"there are no official releases for {machine}")
    return _ARCHITECTURES[machine]


def _small(url: str) -> str:
    with _opened(url, _REACHABLE_SECONDS) as response:
        return bytes(response.read(_CHUNK)).decode("utf-8", errors="replace")


def _within(seconds: float, work: Callable[[], _T]) -> _T:
    """What `work` gives, or TimeoutError: resolving a name can't be given a time-out otherwise."""
    outcome: Future[_T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except (OSError, HTTPException) as error:
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {seconds:g} s") from error


def _opened(url: str, seconds: float) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=seconds)  # noqa: S310 - our own constants
    except HTTPError as error:
        error.close()  # it is an open response too
        raise


def _digest(published: str, url: str) -> str:
    found = re.match(r"\s*([0-9a-fA-F]{64})\b", published)
    if found is None:
        raise UnavailableError(f"{url} holds no SHA-256 checksum")
    return found.group(1).lower()


def _listed(sums: str, name: str, url: str) -> str:
    for line in sums.splitlines():
        if line.endswith((f" {name}", f"*{name}")):
            return _digest(line, url)
    raise UnavailableError(f"{url} does not list {name}")


def _fetch(url: str, target: Path, digest: str, on_progress: OnProgress) -> None:
    sha256 = hashlib.sha256()
    deadline = time.monotonic() + _LONGEST_SECONDS
    try:
        with (
            step(on_progress, f"Download {url}") as advance,
            _opened(url, _STALLED_SECONDS) as response,
            target.open("wb") as output,
        ):
            size = int(response.headers.get("Content-Length") or 0)
            while chunk := response.read1(_CHUNK):
                sha256.update(chunk)
                output.write(chunk)
                advance(output.tell() / size if size else None)
                if time.monotonic() > deadline:
                    raise UnavailableError(f"{url} took longer than {_LONGEST_SECONDS:.0f} s")
            if output.tell() < size:
                raise UnavailableError(f"{url} ended after {output.tell()} of {size} bytes")
    except (OSError, HTTPException) as error:
        raise UnavailableError(f"{url} could not be downloaded ({_reason(error)})") from error
    if sha256.hexdigest() != digest:
        raise UnavailableError(
            f"{url} does not have its published checksum "
            f"(published {digest}, downloaded {sha256.hexdigest()})"
        )


def _fetch_member(
    url: str, member: str, target: Path, digest: str, on_progress: OnProgress
) -> None:
    archive = target.with_name(f"{target.name}.tar.gz")
    try:
        _fetch(url, archive, digest, on_progress)
        _unpack(archive, member, target)
    finally:
        archive.unlink(missing_ok=True)


def _unpack(archive: Path, member: str, target: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as opened, target.open("wb") as output:
            source = opened.extractfile(member)
            if source is None:
                raise UnavailableError(f"{member} of the release is no file")
            while chunk := source.read(_CHUNK):
                output.write(chunk)
    except (tarfile.TarError, KeyError, EOFError, OSError, zlib.error) as error:
        raise UnavailableError(f"{member} of the release can't be had: {error}") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(reason).__name__
