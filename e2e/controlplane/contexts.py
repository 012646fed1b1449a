"""A cluster of the user's own, named by a context of their kubeconfig. Never started or stopped.

Only contexts whose names say that they are for this (kind-..., imchat-...) are taken, so that a
suite that deletes nodes never meets a cluster that somebody needs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from .errors import ControlPlaneError
from .kubectl import kubectl

if TYPE_CHECKING:
    from pathlib import Path

_PREFIXES: Final = ("kind-", "imchat-")
_REACHABLE_SECONDS: Final = 10


def require_safe_name(context: str, *, allow_any: bool) -> None:
    """Refuse a context that is not named for tests.

    Raises:
        ControlPlaneError: neither its name nor the caller allows it.
    """
    if not allow_any and not context.startswith(_PREFIXES):
        raise ControlPlaneError(
            f"The context {context!r} starts with neither {' nor '.join(_PREFIXES)}: its cluster "
            "may not be meant for tests that create and break things. "
            "If it is, rename the context or add --allow-any-context."
        )


def write_minified(context: str, target: Path) -> None:
    """Write a kubeconfig that holds this one context of the user's kubeconfig.

    Raises:
        ControlPlaneError: there is no such context.
    """
    shown = kubectl("config", "view", "--raw", "--flatten", "--minify", f"--context={context}")
    if shown.returncode != 0:
        names = kubectl("config", "get-contexts", "--output=name").stdout.split()
        raise ControlPlaneError(
            f"Your kubeconfig has no usable context {context!r} ({shown.stderr.strip()}). "
            f"It has: {', '.join(names) or 'none'}."
        )
    target.touch(mode=0o600)
    target.write_text(shown.stdout, encoding="utf-8")


def server_of(kubeconfig: Path) -> str:
    """The API server's address that a kubeconfig of one context names."""
    path = "jsonpath={.clusters[0].cluster.server}"
    return kubectl("config", "view", "--output", path, kubeconfig=kubeconfig).stdout


def version_of(kubeconfig: Path) -> str:
    """The API server's version, such as "v1.37.2".

    Raises:
        ControlPlaneError: it does not answer.
    """
    limit = f"--request-timeout={_REACHABLE_SECONDS}s"
    answer = kubectl("get", "--raw=/version", limit, kubeconfig=kubeconfig)
    if answer.returncode != 0:
        raise ControlPlaneError(
            f"The API server {server_of(kubeconfig)} does not answer: {answer.stderr.strip()}"
        )
    return str(json.loads(answer.stdout)["gitVersion"])
