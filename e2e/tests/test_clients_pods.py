"""The clients' view of the ready gateways, against a real API server."""

import asyncio
import json
import re
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import controlplane
from clients.balancer import Endpoint
from clients.pods import ReadyPods, ready_pods
from gateway.process import eventually, running
from loopback_node.api import STRATEGIC_PATCH, Api, ApiError, connected


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    with controlplane.running() as control_plane:
        yield control_plane.kubeconfig


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the test's own, whose pods no kubelet plays."""

    api: Api
    name: str

    async def create(self, pod: str, app: str = "gateway") -> None:
        """A pod that claims to be bound, so that nobody else sets its status."""
        await self.api.create(
            f"/api/v1/namespaces/{self.name}/pods",
            {
                "metadata": {"name": pod, "labels": {"app": app}},
                "spec": {"nodeName": "nowhere", "containers": [{"name": "g", "image": "g"}]},
            },
        )

    async def report(self, pod: str, ready: str, address: str | None = "127.9.0.1") -> None:
        """What a kubelet would report: the Ready condition and the pod's address."""
        status: dict[str, Any] = {"conditions": [{"type": "Ready", "status": ready}]}
        if address:
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        path = f"/api/v1/namespaces/{self.name}/pods/{pod}/status"
        await self.api.patch(path, {"status": status}, STRATEGIC_PATCH)

    async def delete(self, pod: str) -> None:
        """Ask for the pod's deletion; it stays as nobody confirms it."""
        await self.api.delete(f"/api/v1/namespaces/{self.name}/pods/{pod}")

    async def can_take_pods(self) -> bool:
        """Whether its service account is there, without which no pod is admitted."""
        try:
            await self.api.get(f"/api/v1/namespaces/{self.name}/serviceaccounts/default")
        except ApiError:
            return False
        return True


@pytest.fixture
async def namespace(kubeconfig: Path) -> AsyncIterator[Namespace]:
    async with connected(kubeconfig) as api:
        own = Namespace(api, f"clients-{uuid.uuid4().hex[:8]}")
        await api.create("/api/v1/namespaces", {"metadata": {"name": own.name}})
        await eventually(own.can_take_pods)
        yield own
        await api.delete(f"/api/v1/namespaces/{own.name}")


@asynccontextmanager
async def watched(
    kubeconfig: Path, namespace: Namespace, delay: float = 0.01
) -> AsyncIterator[ReadyPods]:
    async with ready_pods(
        kubeconfig, namespace=namespace.name, selector="app=gateway", port=8080, delay=delay
    ) as pods:
        yield pods


def named(pods: ReadyPods) -> set[str]:
    return {endpoint.name for endpoint in pods.ready()}


async def test_those_ready_at_the_start_are_known_at_once(
    kubeconfig: Path, namespace: Namespace
) -> None:
    for pod in ("a", "b"):
        await namespace.create(pod)
    await namespace.report("a", "True", "127.9.0.7")
    async with watched(kubeconfig, namespace, delay=60) as pods:
        assert pods.ready() == (Endpoint(name="a", host="127.9.0.7", port=8080),)


async def test_a_pod_counts_while_it_is_ready_has_an_address_and_is_not_deleted(
    kubeconfig: Path, namespace: Namespace
) -> None:
    async with watched(kubeconfig, namespace) as pods:
        assert pods.ready() == ()
        for pod in ("a", "b", "c"):
            await namespace.create(pod)
        await namespace.create("stranger", app="database")
        await namespace.report("stranger", "True")
        await namespace.report("c", "True", address=None)
        for pod in ("a", "b"):
            await namespace.report(pod, "True")
        await eventually(lambda: named(pods) == {"a", "b"})
        await namespace.report("a", "False")
        await eventually(lambda: named(pods) == {"b"})
        await namespace.report("a", "True")
        await namespace.delete("b")
        await eventually(lambda: named(pods) == {"a"})


async def test_changes_are_heard_as_late_as_ordered(kubeconfig: Path, namespace: Namespace) -> None:
    await namespace.create("a")
    clock = asyncio.get_running_loop().time
    async with watched(kubeconfig, namespace, delay=0.5) as pods:
        for ready, expected in (("True", {"a"}), ("False", set[str]())):
            ordered = clock()
            await namespace.report("a", ready)
            await eventually(lambda expected=expected: named(pods) == expected)  # type: ignore[misc]
            assert clock() - ordered >= 0.5


async def test_the_command_line_connects_to_the_ready_pods_and_counts_by_their_names(
    kubeconfig: Path, namespace: Namespace
) -> None:
    await namespace.create("a")
    async with running() as gateway:
        await namespace.report("a", "True", gateway.address)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "clients", "--kubeconfig", kubeconfig, "--clients", "3"),
            *("--namespace", namespace.name, "--selector", "app=gateway", "--port", "8080"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while json.loads(await process.stdout.readline())["byGateway"] != {"a": 3}:
                pass
        process.terminate()
        last, _ = await process.communicate()
        assert json.loads(last.splitlines()[-1])["left"] == 3


@pytest.fixture
def elsewhere(kubeconfig: Path, tmp_path: Path) -> Path:
    """A kubeconfig for an address where no API server is."""
    file = tmp_path / "kubeconfig"
    file.write_text(re.sub("server: .*", "server: https://127.0.0.1:1", kubeconfig.read_text()))
    return file


async def test_an_api_server_that_is_not_there_is_said_in_a_sentence(elsewhere: Path) -> None:
    with pytest.raises(ConnectionError, match="pods cannot be listed"):
        async with ready_pods(elsewhere, namespace="x", selector="", port=1, delay=1):
            pass
