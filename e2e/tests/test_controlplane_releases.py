"""Downloads are used only if they are whole and their published checksum fits.

The release sites are small servers on this machine; the real ones are not part of these tests.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from controlplane.errors import ControlPlaneError
from controlplane.programs import Sources, find_programs
from controlplane.releases import Site, UnavailableError
from controlplane.versions import ETCD, KUBERNETES, PROGRAMS

if TYPE_CHECKING:
    from pathlib import Path

    from controlplane.progress import Progress

Eventually: TypeAlias = Callable[..., Any]

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
BINARIES = f"/kubernetes/{KUBERNETES}/bin/linux/{ARCHITECTURE}"
ETCD_NAME = f"etcd-{ETCD}-linux-{ARCHITECTURE}"
ETCD_FOLDER = f"/etcd/{ETCD}"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="official releases are for Linux")


def script(text: str) -> bytes:
    return f"#!/bin/sh\necho {text}\n".encode()


def archive(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@dataclass
class ReleaseSite:
    """A server of files by path; `requests` counts, `claimed` lies about a body's length."""

    files: dict[str, bytes]
    url: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    claimed: dict[str, int] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    let_go: threading.Event = field(default_factory=threading.Event)

    def publish(self, path: str, content: bytes) -> None:
        """Serve a Kubernetes program with its right checksum."""
        self.files[path] = content
        self.files[f"{path}.sha256"] = hashlib.sha256(content).hexdigest().encode()

    def publish_etcd(self, content: bytes) -> None:
        """Serve an etcd archive with the list of checksums."""
        self.files[f"{ETCD_FOLDER}/{ETCD_NAME}.tar.gz"] = content
        digest = hashlib.sha256(content).hexdigest()
        other = "0" * 64
        self.files[f"{ETCD_FOLDER}/SHA256SUMS"] = (
            f"{other}  {ETCD_NAME}.tar.gz.asc\n{digest}  {ETCD_NAME}.tar.gz\n".encode()
        )

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Serve one GET; half of a held body, and the rest when it is let go."""
        path = handler.path
        self.requests[path] += 1
        body = self.files.get(path)
        handler.send_response(404 if body is None else 200)
        body = body or b""
        handler.send_header("Content-Length", str(self.claimed.get(path, len(body))))
        handler.end_headers()
        half = len(body) // 2 if path in self.held else len(body)
        handler.wfile.write(body[:half])
        handler.wfile.flush()
        if path in self.held:
            self.let_go.wait(30)
            handler.wfile.write(body[half:])


@pytest.fixture
def site() -> Iterator[ReleaseSite]:
    """A release site with the three programs and their right checksums."""
    served = ReleaseSite(files={})
    for program in ("kube-apiserver", "kube-controller-manager"):
        served.publish(f"{BINARIES}/{program}", script(f"released {program}"))
    served.publish_etcd(archive({f"{ETCD_NAME}/etcd": script("released etcd")}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - same
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield served
        served.let_go.set()
        server.shutdown()
        thread.join()


@dataclass
class Search:
    """A search for the programs with its own empty cache, and what it told."""

    sources: Sources
    told: list[Progress] = field(default_factory=list)

    def run(self) -> dict[str, str]:
        """Each found program's origin: what it says when it is run."""
        found = find_programs(self.told.append, self.sources)
        assert list(found) == list(PROGRAMS)
        return {name: said_by(path) for name, path in found.items()}

    @property
    def text(self) -> str:
        """All that was told."""
        return "\n".join(each.step for each in self.told)

    @property
    def cached(self) -> set[str]:
        """What lies in the cache."""
        return {path.name for path in self.sources.cache.glob("*")} - {".lock"}


def said_by(path: Path) -> str:
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip()


@pytest.fixture
def search(site: ReleaseSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """A search that can only download: the machine has no Go, nothing on the PATH but a shell."""
    monkeypatch.setenv("PATH", "/bin")
    return Search(
        Sources(
            assets=None,
            cache=tmp_path / "cache",
            kubernetes_url=f"{site.url}/kubernetes",
            etcd_url=f"{site.url}/etcd",
        )
    )


RELEASED = {name: f"released {name}" for name in PROGRAMS}


def test_releases_with_the_right_checksums_are_cached_and_not_asked_for_again(
    search: Search, site: ReleaseSite
) -> None:
    assert search.run() == RELEASED
    assert search.cached == set(PROGRAMS)
    assert 1.0 in {each.fraction for each in search.told}
    asked = site.requests.copy()
    assert search.run() == RELEASED
    assert site.requests == asked
    assert max(asked.values()) == 1


API = f"{BINARIES}/kube-apiserver"
ARCHIVE = f"{ETCD_FOLDER}/{ETCD_NAME}.tar.gz"


def spoil(site: ReleaseSite, how: str) -> None:
    """Make one release unfit for use."""
    files = site.files
    match how:
        case "another checksum":
            files[f"{API}.sha256"] = b"0" * 64
        case "no checksum":
            del files[f"{API}.sha256"]
        case "a page for a checksum":
            files[f"{API}.sha256"] = b"<html>Please log in</html>"
        case "a checksum only":
            del files[API]
        case "a body that is cut short":
            site.claimed[API], files[API] = len(files[API]), files[API][:-5]
        case "another archive":
            files[ARCHIVE] += b"!"
        case "an archive that is not listed":
            files[f"{ETCD_FOLDER}/SHA256SUMS"] = b"0" * 64 + b"  another.tar.gz\n"
        case "an archive without etcd":
            site.publish_etcd(archive({"README.md": b"nothing here"}))
        case "an archive that is none":
            site.publish_etcd(b"not a tar.gz")
        case _:
            raise AssertionError(how)


@pytest.mark.parametrize(
    ("program", "how", "told"),
    [
        ("kube-apiserver", "another checksum", "does not have its published checksum"),
        ("kube-apiserver", "no checksum", "is not published (HTTP 404)"),
        ("kube-apiserver", "a page for a checksum", "holds no SHA-256 checksum"),
        ("kube-apiserver", "a checksum only", "could not be downloaded (Not Found)"),
        ("kube-apiserver", "a body that is cut short", "ended after"),
        ("etcd", "another archive", "does not have its published checksum"),
        ("etcd", "an archive that is not listed", f"does not list {ETCD_NAME}.tar.gz"),
        ("etcd", "an archive without etcd", "can't be had: \"filename"),
        ("etcd", "an archive that is none", "can't be had: not a gzip file"),
    ],
)
def test_a_release_that_can_not_be_trusted_is_told_of_and_never_cached(
    search: Search, site: ReleaseSite, program: str, how: str, told: str
) -> None:
    spoil(site, how)
    with pytest.raises(ControlPlaneError, match=f"There is no {program} .* no `go`"):
        search.run()
    assert f"{program} is not downloaded: " in search.text
    assert told in search.text
    assert search.cached == set(PROGRAMS) - {program}


def test_a_site_that_never_answers_is_given_up_and_not_asked_again(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        mute = Site(kubernetes_url=url, etcd_url=url, reachable_seconds=0.5)
        for program in PROGRAMS:
            with pytest.raises(UnavailableError, match="can't be reached"):
                mute.download(program, tmp_path / program, lambda _: None)
        silent.setblocking(False)  # noqa: FBT003 - the standard library's signature
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


CHILD = """
import sys
from pathlib import Path
from controlplane.programs import Sources, find_programs
cache, kubernetes, etcd = sys.argv[1:]
sources = Sources(assets=None, cache=Path(cache), kubernetes_url=kubernetes, etcd_url=etcd)
find_programs(lambda progress: print(progress.step, flush=True), sources)
"""


def find_in_child(search: Search) -> subprocess.Popen[str]:
    """The same search in another process, which prints what it tells."""
    urls = search.sources.kubernetes_url, search.sources.etcd_url
    command = [sys.executable, "-c", CHILD, str(search.sources.cache), *urls]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_at_once_download_each_program_once(
    search: Search, site: ReleaseSite, eventually: Eventually
) -> None:
    site.held.add(API)
    with find_in_child(search) as first:
        eventually(lambda: site.requests[API])
        with find_in_child(search) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "Wait for another process that fills the cache\n"
            site.let_go.set()
            assert "Download" not in second.communicate(timeout=20)[0]
        first.communicate(timeout=20)
    assert (first.returncode, second.returncode) == (0, 0)
    assert max(site.requests.values()) == 1
    assert search.run() == RELEASED


def test_a_download_that_was_killed_leaves_nothing_that_the_next_would_use(
    search: Search, site: ReleaseSite, eventually: Eventually
) -> None:
    site.held.add(API)
    with find_in_child(search) as killed:
        eventually(lambda: any(name.startswith(".part-kube") for name in search.cached))
        os.kill(killed.pid, signal.SIGKILL)
    assert "kube-apiserver" not in search.cached
    site.held.clear()
    site.let_go.set()
    assert search.run() == RELEASED
    assert search.cached == set(PROGRAMS)
