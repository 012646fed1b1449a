"""Fixtures that every suite on a real API server shares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import controlplane
import rights_proof
from controlplane.console import plain
from controlplane.locations import named_context
from controlplane.programs import find_programs
from harness.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

Eventually: TypeAlias = Callable[..., Any]


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> dict[str, Path]:
    """The local control plane's programs; getting them may take minutes, which is shown.

    A worker of pytest-xdist has no terminal: it waits in silence.
    """
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def show(line: str) -> None:
        if reporter is None or capture is None:
            return
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    return find_programs(plain(show))


@pytest.fixture(scope="session")
def rights() -> Path:
    """Where a session leaves what its operators asked for; `make test` proves their roles by it."""
    return Path(__file__).resolve().parents[1] / "dist" / "rights"


@pytest.fixture(scope="session")
def control_plane(
    request: pytest.FixtureRequest, rights: Path
) -> Iterator[controlplane.ControlPlane]:
    """One API server for the whole session: local, or the one that IMCHAT_E2E_CONTEXT names."""
    if named_context() is None:
        request.getfixturevalue("programs")
    # A lost node is noticed after 6 s instead of 50, so that the suites need not wait for it.
    flags = {
        "kube-controller-manager": ["--node-monitor-grace-period=6s", "--node-monitor-period=1s"]
    }
    with controlplane.running(audit=True, flags=flags) as started:
        yield started
        if started.audit_log is not None:
            rights_proof.left(started.audit_log, rights)


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Wait until a call gives something true, which is the result; fail after so many seconds."""
    return wait_for
