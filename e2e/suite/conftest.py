"""Fixtures of the suites: one control plane with nodes, a namespace and an operator per test."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import custom_metrics
import loopback_node
from controlplane import ControlPlane
from controlplane.locations import named_context
from custom_metrics import Figures
from harness import Namespace, OperatorProcess
from harness.usage import Usage
from hostile.faketime import library


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> Path:
    """An API server with the CRDs."""
    everywhere = Namespace(kubeconfig=control_plane.kubeconfig, name="default")
    everywhere.install_crds()
    return control_plane.kubeconfig


@pytest.fixture(scope="session")
def nodes(
    kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[loopback_node.LoopbackNodes]:
    """Three nodes that run real gateway processes."""
    with loopback_node.running(
        kubeconfig,
        nodes=3,
        lease_interval=1.0,
        restart_backoff=1.0,
        log=tmp_path_factory.mktemp("nodes") / "node.log",
    ) as started:
        yield started


@pytest.fixture(scope="session")
def faketime() -> Path:
    """The library that gives a process a wall clock of its own."""
    found = library()
    if found is None:
        pytest.skip("libfaketime is not installed (apt-get install faketime)")
    return found


@pytest.fixture
def namespace(kubeconfig: Path) -> Iterator[Namespace]:
    """A namespace of the test's own."""
    made = Namespace(kubeconfig=kubeconfig, name=f"t-{uuid.uuid4().hex[:8]}")
    made.create()
    yield made
    made.delete()


@pytest.fixture
def operator(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path
) -> Iterator[OperatorProcess]:
    """An operator that serves the test's namespace; it starts at the same time as the gateways."""
    assert nodes.names
    process = OperatorProcess(
        namespace.kubeconfig, namespace.name, tmp_path / "operator.log", forked=True
    )
    with process.started():
        yield process


@pytest.fixture(scope="module")
def figures(kubeconfig: Path) -> Iterator[Figures]:
    """The figures that metrics.k8s.io has."""
    if named_context() is not None:
        pytest.skip("the cluster that was named can't reach a server of figures on this machine")
    made = Figures()
    with custom_metrics.running(kubeconfig, made):
        yield made


@pytest.fixture
def usage(namespace: Namespace, figures: Figures) -> Usage:
    """What metrics.k8s.io says of the test's gateways: nothing until the test says it."""
    return Usage(namespace, figures)
