"""`python -m full_node [--nodes N] [-- COMMAND [ARGUMENT...]]`: a command beside real nodes.

Without a command it only gets what they need: programs and images. Exit status: the command's;
69 with one sentence where this machine can't have real nodes, 1 where it could and it failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from controlplane.console import shown
from controlplane.errors import ControlPlaneError
from controlplane.programs import find_programs
from controlplane.versions import NODE_PROGRAMS, PROGRAMS
from full_node import images, requirements, trial
from full_node.errors import FullNodeError, ImpossibleError
from full_node.inside import Inside
from full_node.trial import NAMESPACES

_MOST_NODES: Final = 10


def main() -> int:
    """Prepare what needs the network, then become what runs without one."""
    options = _parser().parse_args()
    try:
        with shown() as on_progress:
            requirements.provide(on_progress)
            trial.run_all([images.cache_folder(), Path(gettempdir())])
            programs = find_programs(on_progress, names=(*PROGRAMS, *NODE_PROGRAMS))
            archives = images.built(on_progress)
    except (FullNodeError, ControlPlaneError) as error:
        sys.stderr.write(f"{error}\n")
        # Programs can't be had for want of a network, or of Go.
        is_impossible = isinstance(error, ImpossibleError | ControlPlaneError)
        return os.EX_UNAVAILABLE if is_impossible else 1
    if not options.command:
        return 0
    inside = Inside(
        nodes=options.nodes,
        programs={name: str(programs[name]) for name in NODE_PROGRAMS},
        archives=[str(archive) for archive in archives],
        command=options.command,
    )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parents[1]), *_path()])
    command = [*NAMESPACES, sys.executable, "-P", "-m", "full_node.inside"]
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
        "command", nargs="*", help="what to run; it finds the cluster in KUBECONFIG"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
