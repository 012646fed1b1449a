"""The operator in this process, which was forked once all of it had been imported.

To be imported in the forking process alone: it takes two seconds, and has effects.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from kubernetes.aio.config import kube_config

from imchat_operator.__main__ import main


def operate(environment: Mapping[str, str], log: Path) -> int:
    """Be an operator with this environment, its output added to a file; return its exit code."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    # The official client reads the variable as it is imported, which was long ago.
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = environment["KUBECONFIG"]
    return main()
