"""Where the programs come from: KUBEBUILDER_ASSETS, the cache, and what Go builds.

Go builds a small module of the same shape as ours; building the real one takes minutes and is not
part of these tests. No release site can be reached here.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import pytest

from controlplane.errors import ControlPlaneError
from controlplane.programs import Sources, find_programs
from controlplane.versions import (
    ETCD,
    GO,
    KUBERNETES,
    PACKAGES,
    PROGRAMS,
    SOURCES,
    required_version,
)

if TYPE_CHECKING:
    from pathlib import Path

    from controlplane.progress import Progress


@pytest.fixture(scope="session")
def go_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Go module like ours, but its programs only print the version that they are given."""
    folder = tmp_path_factory.mktemp("go")
    version = "k8s.io/component-base/version"
    main = f'package main\nimport v "{version}"\nfunc main() {{ print("built ", v.GitVersion) }}\n'
    main = main.replace("GitVersion", "Get()")
    files = {
        "go.mod": (
            "module imchat.dev/test\ngo 1.21\n"
            + "".join(
                f"require {name} v{major}.0.0\nreplace {name} => ./{path}\n"
                for name, major, path in (
                    ("k8s.io/kubernetes", 1, "kubernetes"),
                    ("k8s.io/component-base", 0, "base"),
                    ("go.etcd.io/etcd/server/v3", 3, "etcd"),
                )
            )
        ),
        "base/go.mod": "module k8s.io/component-base\ngo 1.21\n",
        "base/version/version.go": (
            'package version\nvar gitVersion = "unset"\nfunc Get() string { return gitVersion }\n'
        ),
        "kubernetes/go.mod": "module k8s.io/kubernetes\ngo 1.21\n",
        "kubernetes/cmd/kube-apiserver/main.go": main,
        "kubernetes/cmd/kube-controller-manager/main.go": main,
        "etcd/go.mod": "module go.etcd.io/etcd/server/v3\ngo 1.21\n",
        "etcd/main.go": main,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


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


def said_by(path: Path) -> str:
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip()


@pytest.fixture
def search(go_module: Path, tmp_path: Path) -> Search:
    """A search where nothing is there and no release site listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    sources = Sources(
        assets=None,
        cache=tmp_path / "cache",
        kubernetes_url=f"{url}/kubernetes",
        etcd_url=f"{url}/etcd",
        go_module=go_module,
    )
    return Search(sources)


def put(folder: Path, said: dict[str, str]) -> None:
    """Put programs that only say something into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in said.items():
        (folder / name).write_text(f"#!/bin/sh\necho {text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)


BUILT = dict.fromkeys(PROGRAMS, f"built {KUBERNETES}")
CACHED = {name: f"cached {name}" for name in PROGRAMS}


def test_without_releases_the_programs_are_built_within_seconds_of_asking_and_cached(
    search: Search,
) -> None:
    begin = time.monotonic()
    assert search.run() == BUILT
    assert time.monotonic() - begin < 30  # three small builds among them
    assert "/kubernetes can't be reached" in search.text
    assert "/etcd can't be reached" in search.text
    building = [each.step for each in search.told if each.step.startswith("Build")]
    assert len(set(building)) == len(PROGRAMS)
    search.told.clear()
    assert search.run() == BUILT
    assert search.told == []


def test_without_a_release_or_go_one_sentence_tells_what_to_do(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/bin")
    with pytest.raises(ControlPlaneError) as refusal:
        search.run()
    assert re.fullmatch(
        rf"There is no etcd {ETCD}: it is neither in KUBEBUILDER_ASSETS nor in the cache, "
        r"the release could not be used \(http://\S+ can't be reached \(.*\)\), "
        r"and there is no `go` on the PATH to build it with. "
        rf"Connect to the internet, or install Go {re.escape(GO)} or newer.",
        str(refusal.value),
    )


def test_a_build_leaves_its_sources_as_they_are(search: Search, go_module: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in go_module.rglob("*")}

    before = files()
    search.run()
    assert files() == before


def test_a_build_that_fails_shows_the_last_lines_of_go(search: Search, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module imchat.dev/empty\ngo 1.21\n", encoding="utf-8")
    broken = Search(replace(search.sources, go_module=tmp_path))
    with pytest.raises(
        ControlPlaneError, match=r"`go build` failed. Its last lines:\n.*cannot find"
    ):
        broken.run()
    assert not list(search.sources.cache.glob("*etcd*"))


def test_a_cached_program_that_can_not_be_run_is_made_anew(search: Search) -> None:
    put(search.sources.cache, CACHED)
    (search.sources.cache / "etcd").chmod(0o644)
    assert search.run() == {**CACHED, "etcd": BUILT["etcd"]}


@pytest.fixture
def with_assets(search: Search, tmp_path: Path) -> Callable[[dict[str, str]], Search]:
    """A search with these versions in KUBEBUILDER_ASSETS, and all programs in the cache."""

    def with_assets(versions: dict[str, str]) -> Search:
        put(search.sources.cache, CACHED)
        put(tmp_path / "assets", {name: f"assets {text}" for name, text in versions.items()})
        return Search(replace(search.sources, assets=tmp_path / "assets"))

    return with_assets


WithAssets: TypeAlias = Callable[[dict[str, str]], Search]


def test_assets_come_first_and_only_what_they_lack_is_looked_for_further(
    with_assets: WithAssets,
) -> None:
    fitting = f"{KUBERNETES.rpartition('.')[0]}.0"
    found = with_assets({"etcd": "v3.6.0", "kube-apiserver": fitting}).run()
    assert found == {**CACHED, "etcd": "assets v3.6.0", "kube-apiserver": f"assets {fitting}"}


@pytest.mark.parametrize("half", ["kube-apiserver", "kube-controller-manager"])
def test_half_a_pair_of_another_version_is_not_mixed_with_ours(
    with_assets: WithAssets, half: str
) -> None:
    search = with_assets({"etcd": "v3.6.0", half: "v1.30.2"})
    assert search.run() == {**CACHED, "etcd": "assets v3.6.0"}
    assert f"has {half} v1.30.2 without " in search.text


def test_a_whole_pair_of_another_version_is_taken_as_it_is(with_assets: WithAssets) -> None:
    pair = {"kube-apiserver": "v1.30.2", "kube-controller-manager": "v1.30.2"}
    found = with_assets(pair).run()
    assert found == {**CACHED, **{name: f"assets {text}" for name, text in pair.items()}}


def test_an_assets_folder_with_nothing_in_it_is_told_of(with_assets: WithAssets) -> None:
    search = with_assets({})
    assert search.run() == CACHED
    assert "has none of the programs" in search.text


def test_every_program_is_a_tool_of_go_mod_and_the_staging_modules_fit_its_version() -> None:
    go_mod = (SOURCES / "go.mod").read_text(encoding="utf-8")
    tools = go_mod.partition("tool (")[2].partition(")")[0].split()
    assert tools == list(PACKAGES.values())
    staging = set(re.findall(r"=> k8s\.io/\S+ (\S+)", go_mod))
    assert staging == {KUBERNETES.replace("v1", "v0", 1)}
    assert required_version("k8s.io/kubernetes", go_mod) == KUBERNETES
