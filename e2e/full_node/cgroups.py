"""The control groups under which kubelets have their pods: made, and removed when they are empty.

They are the one thing that outlives its processes: a killed run's are removed by the next.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path("/sys/fs/cgroup")
_INHERITED: Final = ("cpuset.cpus", "cpuset.mems")  # empty in a new one of version 1
_EMPTY_SECONDS: Final = 5.0


def make(name: str) -> None:
    """Make a group, such as "run/node-0", in each hierarchy that there is."""
    for hierarchy in _hierarchies():
        group = hierarchy
        for part in name.split("/"):
            parent, group = group, group / part
            group.mkdir(exist_ok=True)
            _prepare(parent, group)


def remove(name: str) -> None:
    """Remove a group and all below it; their processes have to be gone, or on their way."""
    deadline = time.monotonic() + _EMPTY_SECONDS
    while _remove_once(name) and time.monotonic() < deadline:
        time.sleep(0.1)


def leftovers(prefix: str) -> set[str]:
    """The names of the groups of other runs, alive or dead."""
    return {group.name for each in _hierarchies() for group in each.glob(f"{prefix}*")}


def _remove_once(name: str) -> bool:
    """Whether something is left of it."""
    tops = [hierarchy / name for hierarchy in _hierarchies()]
    for top in tops:
        for group in sorted(top.glob("**/"), reverse=True):  # the deepest first
            with suppress(OSError):  # not empty yet
                group.rmdir()
    return any(top.exists() for top in tops)


def _hierarchies() -> Iterator[Path]:
    """One for each controller of version 1; the root alone where version 2 is all there is."""
    if (_ROOT / "cgroup.controllers").exists():
        yield _ROOT
        return
    for folder in sorted(_ROOT.iterdir()):
        if folder.is_dir() and not folder.is_symlink() and (folder / "cgroup.procs").exists():
            yield folder


def _prepare(parent: Path, group: Path) -> None:
    for name in _INHERITED:
        if (parent / name).exists():
            value = (parent / name).read_text(encoding="utf-8")
            with suppress(OSError):  # version 2 inherits by itself and may refuse
                (group / name).write_text(value, encoding="utf-8")
    available = parent / "cgroup.controllers"
    if available.exists() and (parent / "cgroup.subtree_control").exists():
        for controller in available.read_text(encoding="utf-8").split():
            with suppress(OSError):
                (parent / "cgroup.subtree_control").write_text(f"+{controller}", encoding="utf-8")
