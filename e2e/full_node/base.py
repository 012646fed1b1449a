"""The stand-in for the Dockerfiles' base: a minimal Debian whose `python` has a pip.

Its packages come from Debian's archive, which is reached where image registries are not.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Final

from full_node.commands import run
from full_node.errors import FullNodeError, ImpossibleError

PATH: Final = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_SUITE: Final = "bookworm"
_PACKAGES: Final = "python3,ca-certificates"
_AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_DROPPED: Final = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man")


def make(tree: Path) -> None:
    """Make it in a folder, which must not exist yet.

    Raises:
        ImpossibleError: Debian's archive can't be reached, or has another Python than runs here.
    """
    try:
        run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(tree))
    except FullNodeError as error:
        raise ImpossibleError(str(error)) from error
    _complete(tree)


def _complete(tree: Path) -> None:
    """Make a fresh Debian tree what an image of Python is to a Dockerfile."""
    for name in _DROPPED:
        shutil.rmtree(tree / name, ignore_errors=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (tree / "usr" / "bin" / version).exists():
        raise ImpossibleError(
            f"Debian {_SUITE} has no {version}, which is the Python that runs here; "
            "the images are built for that one."
        )
    known = importlib.util.find_spec("pip")
    if known is None or known.origin is None:
        raise ImpossibleError(
            "The Python that runs here has no pip, which the images' build needs."
        )
    packages = tree / "usr" / "local" / "lib" / version / "dist-packages"
    shutil.copytree(Path(known.origin).parent, packages / "pip")
    (tree / "usr" / "local" / "bin" / "python").symlink_to(f"/usr/bin/{version}")
    # Whoever is between this machine and the registry of packages is trusted while building, too.
    shutil.copyfile(_AUTHORITIES, tree / _AUTHORITIES.relative_to("/"))
    (tree / "etc" / "pip.conf").write_text(f"[global]\ncert = {_AUTHORITIES}\n", encoding="utf-8")
