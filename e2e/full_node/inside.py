"""What runs in the namespaces: `python -m full_node.inside SETTINGS`, as their first process.

It starts the cluster, runs the command beside it, and gives the command's exit status.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane.console import shown
from controlplane.errors import ControlPlaneError
from controlplane.locations import CONTEXT_VARIABLE
from full_node import cluster
from full_node.commands import run
from full_node.errors import FullNodeError

MARK_VARIABLE: Final = "IMCHAT_FULL_NODE"
"""Set for the command: the cluster's nodes obey the annotation that cuts them off."""
_POLL_SECONDS: Final = 0.3
_CONTEXT: Final = "imchat-local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What it is told."""

    nodes: int
    programs: dict[str, str]
    archives: list[str]
    command: list[str]


def main() -> int:
    """Run one command beside a cluster; its exit status, or 1."""
    told = Inside(**json.loads(sys.argv[1]))
    # The names of network namespaces and the like: nothing of it may be left on the machine.
    run("mount", "-t", "tmpfs", "full-node-run", "/run")
    os.environ.pop(CONTEXT_VARIABLE, None)
    try:
        return _run(told)
    except (FullNodeError, ControlPlaneError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(told: Inside) -> int:
    programs = {name: Path(path) for name, path in told.programs.items()}
    archives = tuple(Path(archive) for archive in told.archives)
    with (
        shown() as on_progress,
        cluster.running(
            programs, archives, nodes=told.nodes, on_progress=on_progress
        ) as full_cluster,
    ):
        environment = {
            **os.environ,
            "KUBECONFIG": str(full_cluster.control_plane.kubeconfig),
            CONTEXT_VARIABLE: _CONTEXT,
            MARK_VARIABLE: "1",
        }
        command = subprocess.Popen(told.command, env=environment)
        try:
            while (status := command.poll()) is None:
                full_cluster.obey()
                time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:  # the terminal told the command, too
            return command.wait()
        finally:
            command.kill()
            command.wait()
        return status


if __name__ == "__main__":
    sys.exit(main())
