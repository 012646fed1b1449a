"""A lock between processes that ends with its owner, however that one ends."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .progress import OnProgress, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TICK_SECONDS: Final = 0.25


@contextmanager
def locked(path: Path, on_progress: OnProgress, waiting: str) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is missing; `waiting` tells of others."""
    with path.open("w") as lock:
        if not _has_taken(lock.fileno()):
            with step(on_progress, waiting) as tick:
                while not _has_taken(lock.fileno()):
                    time.sleep(_TICK_SECONDS)
                    tick(None)
        yield


def _has_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
