"""The temporary folder of one control plane, and the removal of those whose owner was killed.

A folder in use holds a file that its owner has locked; the lock ends with the owner. What lies
around unlocked is left over from a SIGKILL, and the next one to pass by removes it.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "imchat-controlplane-"
_LOCK: Final = "in-use"


@contextmanager
def workspace(prefix: str = _PREFIX) -> Iterator[Path]:
    """A new folder that only its owner can enter, removed at the end."""
    sweep(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        # Locked before it has its name: a sweeper never sees it unlocked.
        with (folder / f"{_LOCK}.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / f"{_LOCK}.new").rename(folder / _LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(prefix: str = _PREFIX) -> None:
    """Remove the folders whose owners are dead."""
    for lock in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_LOCK}"):
        try:
            with lock.open("r+") as opened:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # in use, another user's, or just gone
            continue
