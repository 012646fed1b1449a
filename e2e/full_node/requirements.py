"""What the machine has to have. What Debian packages is installed where it is missing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from controlplane.progress import OnProgress, step
from full_node.commands import run
from full_node.errors import FullNodeError, ImpossibleError

CNI_PLUGINS: Final = Path("/usr/lib/cni")
_PACKAGES: Final = {
    "buildah": "buildah",
    "containerd": "containerd",
    "ctr": "containerd",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "runc": "runc",
    "unshare": "util-linux",
    str(CNI_PLUGINS / "bridge"): "containernetworking-plugins",
    str(CNI_PLUGINS / "host-local"): "containernetworking-plugins",
    str(CNI_PLUGINS / "loopback"): "containernetworking-plugins",
}


def provide(on_progress: OnProgress) -> None:
    """Install what is missing.

    Raises:
        ImpossibleError: this machine can't run real nodes; the text says what it lacks.
    """
    if sys.platform != "linux":
        raise ImpossibleError(
            "Real nodes need Linux; elsewhere `make e2e-kind` runs them in Docker."
        )
    if os.geteuid() != 0:
        raise ImpossibleError(
            "Real nodes need root: kubelet and containerd mount and make cgroups."
        )
    if not any(line.split()[-1] == "overlay" for line in _lines(Path("/proc/filesystems"))):
        raise ImpossibleError(
            "Real nodes need overlay file systems, which this kernel doesn't have."
        )
    if missing := _missing():
        _install(missing, on_progress)
    if missing := _missing():
        raise ImpossibleError(f"After their installation there still is no {', '.join(missing)}.")


def _install(missing: dict[str, str], on_progress: OnProgress) -> None:
    packages = sorted(set(missing.values()))
    if shutil.which("apt-get") is None:
        raise ImpossibleError(
            f"This machine has no {', '.join(missing)}, and no apt-get to install them with. "
            f"In Debian they are the packages {', '.join(packages)}."
        )
    with step(on_progress, f"Install {', '.join(packages)}"):
        try:
            run("apt-get", "update", "--quiet")
            run(
                *("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages),
                DEBIAN_FRONTEND="noninteractive",
            )
        except FullNodeError as error:
            raise ImpossibleError(str(error)) from error


def _missing() -> dict[str, str]:
    return {name: package for name, package in _PACKAGES.items() if shutil.which(name) is None}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
