"""Fixtures of what needs real pods: the chart, installed once, and a namespace per test.

    python -m full_node -- python -m pytest e2e/real_pods
    python -m kind -- python -m pytest e2e/real_pods

Without a cluster that IMCHAT_E2E_CONTEXT names, there is nothing to run.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from controlplane.locations import named_context
from harness import Namespace
from harness.waiting import wait_for
from installation import CHART, NAMESPACE, Chart

RELEASE = "imchat-operator"
_VALUES = {"image": {"repository": "imchat-operator", "tag": "dev", "pullPolicy": "Never"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The operator as the chart installed it."""

    own: Namespace

    def pods(self) -> list[dict[str, Any]]:
        """Return the operator's pods that are ready."""
        return self.own.ready_pods()

    def leader(self) -> str:
        """Return the name of the pod that holds the lease, or nothing."""
        found = self.own.items("/apis/coordination.k8s.io/v1", "leases")
        holders = [lease["spec"].get("holderIdentity") or "" for lease in found]
        # A pod's name, and what tells one start of its container from the next.
        return next((holder.rpartition("_")[0] for holder in holders if holder), "")

    def log(self, pod: str) -> str:
        """Return what an operator has printed since it started."""
        return self.own.kubectl("logs", pod)

    def crashes(self, pod: dict[str, Any]) -> list[str]:
        """Return the records of an operator's log that tell of an exception."""
        lines = self.log(pod["metadata"]["name"]).splitlines()
        return [line for line in lines if "Traceback" in line]


@pytest.fixture(scope="session", autouse=True)
def _named() -> None:
    if named_context() is None:
        pytest.skip("real pods need a cluster: `make e2e-node` or `make e2e-kind`")


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> Path:
    """The cluster's administrator."""
    return control_plane.kubeconfig


@pytest.fixture(scope="session")
def installed(kubeconfig: Path) -> Installed:
    """The chart, installed by Helm in a namespace that takes restricted pods only."""
    own = Namespace(kubeconfig=kubeconfig, name=NAMESPACE)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    own.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": labels},
        }
    )
    Chart.found().run(
        *("upgrade", "--install", RELEASE, str(CHART)),
        *(f"--namespace={NAMESPACE}", "--wait", "--timeout=180s"),
        kubeconfig=kubeconfig,
        values=_VALUES,
    )
    found = Installed(own=own)
    wait_for(lambda: len(found.pods()) == 2, seconds=60, what="two operators")
    return found


@pytest.fixture
def namespace(kubeconfig: Path, installed: Installed) -> Iterator[Namespace]:
    """A namespace of the test's own, which the installed operator serves."""
    made = Namespace(kubeconfig=kubeconfig, name=f"t-{uuid.uuid4().hex[:8]}")
    made.create()
    yield made
    crashes = [crash for pod in installed.pods() for crash in installed.crashes(pod)]
    made.delete()
    assert not crashes, "\n\n".join(crashes)
