"""What a process has in use, as /proc tells."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What one process has in use.

    Attributes:
        descriptors: open files and sockets.
        memory: resident, in KiB.
    """

    pid: int
    descriptors: int
    threads: int
    memory: int


def footprint(pid: int) -> Footprint | None:
    """Return what a process has in use; nothing if it is gone."""
    process = Path(f"/proc/{pid}")
    try:
        text = (process / "status").read_text(encoding="utf-8")
        fields = dict(line.split(":", 1) for line in text.splitlines())
        return Footprint(
            pid=pid,
            descriptors=len(os.listdir(process / "fd")),  # noqa: PTH208 -- only their number
            threads=int(fields["Threads"]),
            memory=int(fields["VmRSS"].split()[0]),
        )
    except (FileNotFoundError, ProcessLookupError, KeyError):
        return None
