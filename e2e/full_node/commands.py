"""Runs the machine's programs to their end."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from full_node.errors import FullNodeError

if TYPE_CHECKING:
    from pathlib import Path


def run(*command: str, folder: Path | None = None, **environment: str) -> str:
    """Run a command and give what it prints.

    Raises:
        FullNodeError: it failed; the text has its last lines.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-15:])
        raise FullNodeError(
            f"`{' '.join(command)}` failed with exit status {done.returncode}:\n{said}"
        )
    return done.stdout
