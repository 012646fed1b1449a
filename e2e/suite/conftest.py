"""Fixtures of the suites: one control plane with nodes, a namespace and an operator per test."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import loopback_node
from controlplane import ControlPlane
from harness import Namespace, OperatorProcess
from harness.manifests import CRDS
from harness.waiting import wait_for


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> Path:
    """An API server with the CRDs."""
    everywhere = Namespace(kubeconfig=control_plane.kubeconfig, name="default")
    everywhere.kubectl("apply", "-f", str(CRDS))
    everywhere.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    root = "/apis/imchat.dev/v1alpha1"
    wait_for(lambda: everywhere.get(f"{root}/imchatclusters"), what="ImChatCluster")
    wait_for(lambda: everywhere.get(f"{root}/maintenancewindows"), what="MaintenanceWindow")
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
    """An operator that serves the test's namespace."""
    assert nodes.names
    with OperatorProcess.running(
        namespace.kubeconfig, namespace.name, tmp_path / "operator.log"
    ) as process:
        yield process
