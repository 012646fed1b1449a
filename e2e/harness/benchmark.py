"""What the benchmarks' command lines share: to say how it goes, what it ran on, what came out."""

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

INTERRUPTED: Final = 130
"""The exit status of one that was stopped."""
BEGUN: Final = time.monotonic()


def say(text: str) -> None:
    """Write a line of progress to standard error, with the seconds since the beginning."""
    sys.stderr.write(f"{time.monotonic() - BEGUN:6.0f}s  {text}\n")
    sys.stderr.flush()


def context(kubernetes: str, **more: Any) -> dict[str, Any]:
    """Return the machine and the versions, with what else a benchmark has to tell of its setting.

    Args:
        kubernetes: the version of the control plane.
        more: further fields, by their names in the results file.
    """
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "kubernetes": kubernetes,
        "operator": version("imchat-operator"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "nice": os.nice(0),
        "memoryBytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        **more,
    }


def save(file: Path | None, text: str) -> None:
    """Write the results to where they were asked for, if they were."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
