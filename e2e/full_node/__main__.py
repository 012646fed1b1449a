"""`python -m full_node [--nodes N] -- COMMAND [ARGUMENT...]`: a command beside real nodes.

Exit status: the command's, or 1 with one sentence where there can be no nodes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from controlplane.console import shown
from controlplane.errors import ControlPlaneError
from controlplane.programs import find_programs
from controlplane.versions import NODE_PROGRAMS, PROGRAMS
from full_node import images, requirements
from full_node.errors import FullNodeError
from full_node.inside import Inside

_MOST_NODES: Final = 10
# `--kill-child`: whatever happens to this process, the kernel ends all that runs inside.
_NAMESPACES: Final = (
    *("unshare", "--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"),
    *("--mount-proc", "--"),
)


def main() -> int:
    """Prepare what needs the network, then become what runs without one; 1 if it can't."""
    options = _parser().parse_args()
    try:
        with shown() as on_progress:
            requirements.provide(on_progress)
            programs = find_programs(on_progress, names=(*PROGRAMS, *NODE_PROGRAMS))
            archives = images.built(on_progress)
    except (FullNodeError, ControlPlaneError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    inside = Inside(
        nodes=options.nodes,
        programs={name: str(programs[name]) for name in NODE_PROGRAMS},
        archives=[str(archive) for archive in archives],
        command=options.command,
    )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parents[1]), *_path()])
    command = [*_NAMESPACES, sys.executable, "-P", "-m", "full_node.inside"]
    return os.execvp(command[0], [*command, json.dumps(asdict(inside))])  # noqa: S606 - no shell


def _path() -> list[str]:
    return [known] if (known := os.environ.get("PYTHONPATH")) else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m full_node",
        description="Runs a command beside a Kubernetes cluster of real nodes (Linux, root).",
    )
    parser.add_argument(
        "--nodes", type=int, default=2, choices=range(1, _MOST_NODES + 1), metavar="N"
    )
    parser.add_argument(
        "command", nargs="+", help="what to run; it finds the cluster in KUBECONFIG"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
