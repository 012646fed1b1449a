"""Where Helm comes from: the PATH if its version fits, the cache, or a release that is whole."""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from controlplane.errors import ControlPlaneError
from controlplane.programs import Sources, find_helm
from controlplane.progress import silent
from controlplane.versions import HELM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="official releases are for Linux")

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
ARCHIVE = f"helm-{HELM}-linux-{ARCHITECTURE}.tar.gz"
MINOR = HELM.rpartition(".")[0]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The folder and the address of a release site, which has a Helm."""
    folder = tmp_path / "site"
    folder.mkdir()
    written = io.BytesIO()
    content = b"#!/bin/sh\necho released\n"
    with tarfile.open(fileobj=written, mode="w:gz") as opened:
        entry = tarfile.TarInfo(f"linux-{ARCHITECTURE}/helm")
        entry.size = len(content)
        opened.addfile(entry, io.BytesIO(content))
    (folder / ARCHIVE).write_bytes(written.getvalue())
    digest = hashlib.sha256(written.getvalue()).hexdigest()
    (folder / f"{ARCHIVE}.sha256sum").write_text(f"{digest}  {ARCHIVE}\n")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
            pass

    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def sources(tmp_path: Path, url: str) -> Sources:
    return Sources(assets=None, cache=tmp_path / "cache", helm_url=url)


def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Path:
    """Have a Helm of some version on the PATH, and no Go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "helm"
    told = f'version.BuildInfo{{Version:"{version}", GitCommit:"", GoVersion:"go1.26.8"}}'
    program.write_text(f"#!/bin/sh\n[ \"$1\" = version ] && echo '{told}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    return program


def test_the_machines_own_is_taken_if_its_minor_version_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: tuple[Path, str]
) -> None:
    own = known(tmp_path, monkeypatch, f"{MINOR}.99")
    assert find_helm(silent, sources(tmp_path, site[1])) == own


def test_another_version_is_left_and_the_release_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: tuple[Path, str]
) -> None:
    known(tmp_path, monkeypatch, "v3.18.4")
    found = find_helm(silent, sources(tmp_path, site[1]))
    assert found.read_text().endswith("echo released\n")
    (site[0] / ARCHIVE).unlink()
    assert find_helm(silent, sources(tmp_path, site[1])) == found


def test_a_wrong_checksum_is_told_and_the_file_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: tuple[Path, str]
) -> None:
    known(tmp_path, monkeypatch, "v3.18.4")
    (site[0] / f"{ARCHIVE}.sha256sum").write_text(f"{'0' * 64}  {ARCHIVE}\n")
    with pytest.raises(ControlPlaneError) as refused:
        find_helm(silent, sources(tmp_path, site[1]))
    assert "does not have its published checksum" in str(refused.value)
    assert "there is no `go` on the PATH" in str(refused.value)
    assert not list((tmp_path / "cache").glob("*helm*"))
