"""What the package gives: an API server to work with, local or the user's own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import contexts
from .credentials import LOOPBACK
from .errors import ControlPlaneError
from .locations import named_context
from .progress import OnProgress, silent
from .session import supervised
from .versions import PROGRAMS
from .workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """An API server that is ready.

    `audit_log` (one JSON object a line) and `pids` (program -> process id, with "supervisor") are
    the local control plane's: None and empty for a cluster that was named.
    """

    kubeconfig: Path
    server: str
    version: str
    audit_log: Path | None = None
    pids: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def running(  # noqa: PLR0913 - each has the default that most want
    *,
    on_progress: OnProgress = silent,
    context: str | None = None,
    allow_any_context: bool = False,
    audit: bool = False,
    flags: Mapping[str, Sequence[str]] | None = None,
    address: str = LOOPBACK,
) -> Iterator[ControlPlane]:
    """A control plane for as long as the block lasts.

    Args:
        on_progress: told what takes time, from the thread that enters the block.
        context: the user's own cluster to use instead, as is; by default the one that
            IMCHAT_E2E_CONTEXT names, if it is set. `audit` and `flags` don't reach it.
        allow_any_context: whether that cluster's context may have any name.
        audit: whether the API server writes an audit log at Metadata level.
        flags: further flags per program, such as
            {"kube-controller-manager": ["--node-monitor-grace-period=8s"]}; they win over ours
            (a flag that takes a list adds to ours).
        address: where the API server listens. With another one than loopback's it is made for
            real nodes: endpoints, Services in 10.96.0.0/16, the Node authorizer.

    Raises:
        ControlPlaneError: there is none to give; the text says why and what to do.
    """
    if named := context or named_context():
        with workspace() as folder:
            yield of_context(named, folder / "kubeconfig", allow_any=allow_any_context)
        return
    if unknown := set(flags or {}) - set(PROGRAMS):
        raise ControlPlaneError(
            f"There are no programs {', '.join(sorted(unknown))} to give flags to; "
            f"there are {', '.join(PROGRAMS)}."
        )
    with supervised(on_progress, audit=audit, flags=flags or {}, address=address) as supervisor:
        told = supervisor.running
        yield ControlPlane(
            kubeconfig=Path(told.kubeconfig),
            server=told.server,
            version=told.version,
            audit_log=Path(told.audit_log) if told.audit_log else None,
            pids={"supervisor": supervisor.process.pid, **told.pids},
        )


def of_context(context: str, kubeconfig: Path, *, allow_any: bool) -> ControlPlane:
    """The cluster of a context, with a kubeconfig written that names only it.

    Raises:
        ControlPlaneError: its name is not allowed, there is no such context, or no answer.
    """
    contexts.require_safe_name(context, allow_any=allow_any)
    contexts.write_minified(context, kubeconfig)
    try:
        version = contexts.version_of(kubeconfig)
    except ControlPlaneError:
        kubeconfig.unlink()  # it holds credentials
        raise
    return ControlPlane(
        kubeconfig=kubeconfig, server=contexts.server_of(kubeconfig), version=version
    )
