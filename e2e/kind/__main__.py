"""`python -m kind [--keep] -- COMMAND [ARGUMENT...]`: a command beside a kind cluster.

Exit status: the command's, or 1 with one sentence where there can be no cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controlplane.locations import CONTEXT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT: Final = Path(__file__).resolve().parents[2]
_CONFIG: Final = Path(__file__).with_name("kind.yaml")
_NAME: Final = "imchat"
_CONTEXT: Final = f"kind-{_NAME}"
_PROGRAMS: Final = {
    "docker": "https://docs.docker.com/engine/install/",
    "kind": "go install sigs.k8s.io/kind@v0.33.0",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
}
# Image and Dockerfile; the tag is one that no registry has, so that nothing is pulled.
_IMAGES: Final = {
    "imchat-operator:dev": "operator/Dockerfile",
    "imchat-gateway:dev": "e2e/gateway/Dockerfile",
}


class KindError(Exception):
    """There can be no cluster; the text says why and what to do."""


def main() -> int:
    """Make the cluster, run the command, delete the cluster."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="imchat-kind-") as folder:
        environment = {
            **os.environ,
            "KUBECONFIG": str(Path(folder, "kubeconfig")),
            CONTEXT_VARIABLE: _CONTEXT,
        }
        try:
            _require_programs(environment)
            return _beside_a_cluster(options.command, environment, keep=options.keep)
        except KindError as error:
            sys.stderr.write(f"{error}\n")
            return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kind", description="Runs a command beside a kind cluster (Docker)."
    )
    parser.add_argument("--keep", action="store_true", help="leave the cluster there")
    parser.add_argument(
        "command", nargs="+", help="what to run; it finds the cluster in KUBECONFIG"
    )
    return parser


def _require_programs(environment: dict[str, str]) -> None:
    for program, source in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise KindError(f"There is no {program} on the PATH, which this needs: {source}")
        if program == "docker":
            _require_docker(environment)


def _require_docker(environment: dict[str, str]) -> None:
    asked = subprocess.run(
        ["docker", "info"], env=environment, capture_output=True, text=True, check=False
    )
    if asked.returncode:
        lines = asked.stderr.strip().splitlines() or ["it says nothing"]
        raise KindError(f"Docker does not answer, which this needs: {lines[-1]}")


def _beside_a_cluster(command: Sequence[str], environment: dict[str, str], *, keep: bool) -> int:
    try:
        _do(environment, "kind", "create", "cluster", f"--config={_CONFIG}", "--wait=180s")
        for image, dockerfile in _IMAGES.items():
            _do(environment, "docker", "build", f"--file={dockerfile}", f"--tag={image}", ".")
        _do(environment, "kind", "load", "docker-image", f"--name={_NAME}", *_IMAGES)
        _lay_routes(environment)
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        if not keep:
            _do(environment, "kind", "delete", "cluster", f"--name={_NAME}")


def _lay_routes(environment: dict[str, str]) -> None:
    """Have this machine send what is for pods to their nodes, which are containers of its own."""
    shown = _do(environment, "kubectl", f"--context={_CONTEXT}", "get", "nodes", "--output=json")
    superuser = () if os.geteuid() == 0 else ("sudo", "--non-interactive")
    for node in json.loads(shown)["items"]:
        addresses = node["status"]["addresses"]
        address = next(a["address"] for a in addresses if a["type"] == "InternalIP")
        pods = node["spec"]["podCIDR"]
        _do(environment, *superuser, "ip", "route", "replace", pods, "via", address)


def _do(environment: dict[str, str], *command: str) -> str:
    """Run a command in the repository's root, shown before; return its standard output.

    Raises:
        KindError: it failed.
    """
    sys.stderr.write(f"$ {' '.join(command)}\n")
    done = subprocess.run(
        command, env=environment, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise KindError(f"`{' '.join(command)}` failed with status {done.returncode}, see above.")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
