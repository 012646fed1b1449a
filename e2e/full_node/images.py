"""Builds the images from their Dockerfiles, without a daemon and without a registry.

buildah runs the Dockerfiles as docker would. Only their base is another one: no registry is asked,
so a minimal Debian with the same Python minor version stands in, made by debootstrap. What came out
lies in the cache under a name that follows from all that went in.
"""

from __future__ import annotations

import hashlib
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

from controlplane.locations import caches_folder
from controlplane.locks import locked
from controlplane.progress import OnProgress, step
from full_node import base
from full_node.commands import run
from full_node.errors import ImpossibleError

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).resolve().parents[2]
OPERATOR: Final = "docker.io/library/imchat-operator:dev"
GATEWAY: Final = "docker.io/library/imchat-gateway:dev"
PAUSE: Final = "docker.io/library/imchat-pause:dev"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An image's name, its Dockerfile, and the files of the repository that it copies."""

    image: str
    dockerfile: str
    sources: tuple[str, ...]


_RECIPES: Final = (
    Recipe(
        image=OPERATOR,
        dockerfile="operator/Dockerfile",
        sources=("operator/requirements.txt", "operator/imchat_operator"),
    ),
    Recipe(image=GATEWAY, dockerfile="e2e/gateway/Dockerfile", sources=("e2e/gateway",)),
)


def cache_folder() -> Path:
    """Where images are built and kept."""
    return caches_folder() / "imchat-full-node"


def built(on_progress: OnProgress) -> tuple[Path, ...]:
    """The archives of the three images (OCI), built where they are not in the cache yet.

    Raises:
        FullNodeError: one can't be built; the text has the last lines of what tried to.
        ImpossibleError: the machine lacks what that takes.
    """
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / ".lock", on_progress, "Wait for another process that builds images"):
        builder = _Builder(cache, on_progress)
        pause = builder.archive("pause", [Path(__file__).parent / "pause"], builder.build_pause)
        standin = builder.archive("base", [Path(base.__file__)], builder.build_base)
        return (pause, *(builder.from_dockerfile(recipe, standin) for recipe in _RECIPES))


class _Builder:
    def __init__(self, cache: Path, on_progress: OnProgress) -> None:
        self._cache = cache
        self._on_progress = on_progress

    def archive(self, name: str, sources: Iterable[Path], build: object) -> Path:
        """The archive of a name and its sources; `build` writes it where it is missing."""
        assert callable(build)
        target = self._cache / f"{name}-{digest(sources)}.tar"
        if not target.exists():
            partial = self._cache / f".part-{name}.tar"
            partial.unlink(missing_ok=True)
            with step(self._on_progress, f"Build the image {name}"):
                build(partial)
            for older in self._cache.glob(f"{name}-*.tar"):
                older.unlink()
            partial.rename(target)
        return target

    def build_pause(self, target: Path) -> None:
        """Write the image that holds a pod's namespaces: one static program."""
        go = shutil.which("go")
        if go is None:
            raise ImpossibleError(
                "There is no `go` on the PATH to build the sandbox's program with."
            )
        with self._workbench() as bench:
            source = Path(__file__).parent / "pause" / "main.go"
            flags = ("-trimpath", "-ldflags=-s -w")
            output = f"-o={bench.folder / 'pause'}"
            run(go, "build", *flags, output, str(source), CGO_ENABLED="0", GOWORK="off")
            bench.layer(PAUSE, bench.folder / "pause", "/pause", "--entrypoint", '["/pause"]')
            bench.push(PAUSE, target)

    def build_base(self, target: Path) -> None:
        """Write the stand-in of the Dockerfiles' base: Debian with a `python` that has pip."""
        with self._workbench() as bench:
            tree = bench.folder / "tree"
            base.make(tree)
            # By way of an archive: owners and links have to stay what they are.
            packed = bench.folder / "tree.tar"
            run("tar", "--create", f"--file={packed}", f"--directory={tree}", ".")
            bench.layer(
                "localhost/base", packed, "/", "--env", f"PATH={base.PATH}", "--cmd", "python"
            )
            bench.push("localhost/base", target)

    def from_dockerfile(self, recipe: Recipe, standin: Path) -> Path:
        """The archive of an image that a Dockerfile describes."""

        def build(target: Path) -> None:
            with self._workbench() as bench:
                bench.buildah("pull", "--quiet", f"oci-archive:{standin}:localhost/base")
                bench.buildah(
                    *("build", "--isolation=chroot", "--pull-never", "--layers=false"),
                    *("--build-arg=BASE=localhost/base", f"--file={recipe.dockerfile}"),
                    *(f"--tag={recipe.image}", "."),
                )
                bench.push(recipe.image, target)

        sources = (recipe.dockerfile, *recipe.sources)
        name = recipe.image.rpartition("/")[2].partition(":")[0]
        return self.archive(name, [standin, *(ROOT / source for source in sources)], build)

    def _workbench(self) -> _Workbench:
        return _Workbench(self._cache)


class _Workbench:
    """A folder with a storage of buildah's, gone with what was built in it at the block's end."""

    def __init__(self, cache: Path) -> None:
        self._temporary = TemporaryDirectory(prefix=".bench-", dir=cache)
        self.folder = Path(self._temporary.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.buildah("rm", "--all")
        self._temporary.cleanup()

    def buildah(self, *arguments: str) -> str:
        """Run buildah on the storage, from the root of the repository."""
        storage = (f"--root={self.folder / 'root'}", f"--runroot={self.folder / 'run'}")
        return run("buildah", *storage, "--storage-driver=overlay", *arguments, folder=ROOT)

    def layer(self, image: str, source: Path, target: str, *configuration: str) -> None:
        """Make an image of one layer."""
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, str(source), target)
        self.buildah("config", *configuration, container)
        self.buildah("commit", "--quiet", container, image)

    def push(self, image: str, target: Path) -> None:
        """Write an image as an archive."""
        self.buildah(
            "push", "--quiet", "--disable-compression", image, f"oci-archive:{target}:{image}"
        )


def digest(sources: Iterable[Path]) -> str:
    """A name for the content of files and folders, and for the machine that it is built on."""
    total = hashlib.sha256(sysconfig.get_platform().encode())
    for source in sources:
        # An archive's own name says what is in it.
        for path in [source] if source.is_file() else sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.name if path.suffix == ".tar" else path.read_bytes().hex()
                total.update(f"{path.relative_to(source.parent)}\0{content}\0".encode())
    return total.hexdigest()[:_DIGITS]
