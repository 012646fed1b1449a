"""What real nodes do to a machine, tried on a small scale before anything is built for them.

A container, or a hardened kernel, may refuse it to root: that is not a node's failure.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from full_node import cgroups
from full_node.commands import run
from full_node.errors import FullNodeError, ImpossibleError

if TYPE_CHECKING:
    from collections.abc import Iterable

# `--kill-child`: whatever happens to this process, the kernel ends all that runs inside.
NAMESPACES: Final = (
    *("unshare", "--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"),
    *("--mount-proc", "--"),
)
"""The beginning of a command line that runs in namespaces of its own."""
_TRIALS: Final = {
    "namespaces of their own": ("true",),
    "to mount": ("mount", "-t", "tmpfs", "trial", "/run"),
    "bridges": ("ip", "link", "add", "trial", "type", "bridge"),
    "virtual cables": ("ip", "link", "add", "trial", "type", "veth"),
    "nftables": ("nft", "add", "table", "inet", "trial"),
}


def run_all(folders: Iterable[Path]) -> None:
    """Try it all; nothing stays. `folders` are those that have to take overlay mounts.

    Raises:
        ImpossibleError: the machine refuses something; the text says what.
    """
    for what, command in _TRIALS.items():
        _try(what, command)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".trial-", dir=folder) as name:
            _try(f"overlay mounts in {folder}", _overlay(Path(name)))
    _try_control_groups()


def _try(what: str, command: tuple[str, ...]) -> None:
    try:
        run(*NAMESPACES, *command)
    except FullNodeError as error:
        raise ImpossibleError(f"Real nodes need {what}, which is refused here: {error}") from error


def _overlay(folder: Path) -> tuple[str, ...]:
    for name in ("lower", "upper", "work", "merged"):
        (folder / name).mkdir()
    options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
    return ("mount", "-t", "overlay", "trial", "-o", options, f"{folder}/merged")


def _try_control_groups() -> None:
    name = f"imchat-trial-{os.getpid()}"
    try:
        cgroups.make(name)
    except OSError as error:
        raise ImpossibleError(
            f"Real nodes need to make control groups, which is refused here: {error}"
        ) from error
    finally:
        cgroups.remove(name)
