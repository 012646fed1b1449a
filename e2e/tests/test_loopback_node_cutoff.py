from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

import loopback_node
from loopback_node.workbench import (
    Workbench,
    ask,
    condition,
    container_status,
    eventually,
    is_alive,
    process_id,
    workbench,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from controlplane import ControlPlane
    from loopback_node.api import Json

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
# Longer than kube-controller-manager takes by default.
NOTICED = 90.0


@pytest.fixture(scope="module")
def nodes(control_plane: ControlPlane) -> Iterator[str]:
    prefix = f"cut-{secrets.token_hex(3)}"
    with loopback_node.running(
        control_plane.kubeconfig, nodes=3, prefix=prefix, lease_interval=1.0
    ):
        yield prefix


@pytest.fixture
async def bench(control_plane: ControlPlane, nodes: str) -> AsyncIterator[Workbench]:
    async with workbench(control_plane.kubeconfig, nodes) as opened:
        yield opened


async def cut_off(bench: Workbench, node: str, how: str | None) -> None:
    patch = {"metadata": {"annotations": {loopback_node.CUT_OFF: how}}}
    await bench.api.patch(f"/api/v1/nodes/{node}", patch)


async def until_ready(bench: Workbench, node: str, *, ready: bool) -> Json:
    return await eventually(
        lambda: bench.api.get(f"/api/v1/nodes/{node}"),
        lambda found: (
            condition(found, "Ready") == ready and bool(found["spec"].get("taints")) != ready
        ),
        within=NOTICED,
    )


async def until_dead(pod: Json) -> None:
    async def look() -> Json:
        return {"alive": is_alive(process_id(pod))}

    await eventually(look, lambda found: not found["alive"])


def on(node: str) -> Json:
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


async def test_a_node_cut_off_alive_is_missed_while_its_pods_serve_and_reconciles_when_back(
    bench: Workbench,
) -> None:
    node = f"{bench.prefix}-0"
    for name in ("kept", "forced", "leaving"):
        await bench.create_pod(name, bench.pod_spec(**on(node)))
    before = {name: await bench.ready_pod(name) for name in ("kept", "forced", "leaving")}

    await cut_off(bench, node, loopback_node.ALIVE)
    missed = await until_ready(bench, node, ready=False)
    ready = next(c for c in missed["status"]["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "Unknown"
    # kube-controller-manager marks the pods of a node that it misses.
    await eventually(lambda: bench.pod("kept"), lambda pod: not condition(pod, "Ready"))
    lease = await bench.api.get(f"{LEASES}/{node}")
    await bench.api.delete(f"{bench.pods}/forced", {"gracePeriodSeconds": 0})
    await bench.api.delete(f"{bench.pods}/leaving")
    assert [await ask(pod) for pod in before.values()] == [200, 200, 200]

    await cut_off(bench, node, None)
    await until_ready(bench, node, ready=True)
    await until_dead(before["forced"])
    await until_dead(before["leaving"])
    kept = await bench.ready_pod("kept")
    assert container_status(kept)["containerID"] == container_status(before["kept"])["containerID"]
    assert container_status(kept)["restartCount"] == 0
    await eventually(
        lambda: bench.api.get(bench.pods),
        lambda found: [pod["metadata"]["name"] for pod in found["items"]] == ["kept"],
    )
    renewed = await bench.api.get(f"{LEASES}/{node}")
    assert renewed["spec"]["renewTime"] > lease["spec"]["renewTime"]


async def test_a_node_cut_off_dead_loses_its_processes_at_once_and_starts_them_again(
    bench: Workbench,
) -> None:
    node = f"{bench.prefix}-1"
    await bench.create_pod("victim", bench.pod_spec(**on(node)))
    await bench.create_pod("doomed", bench.pod_spec(**on(node)))
    before = await bench.ready_pod("victim")
    doomed = await bench.ready_pod("doomed")

    await cut_off(bench, node, loopback_node.DEAD)
    await until_dead(before)
    await until_dead(doomed)
    assert "running" in container_status(await bench.pod("victim"))["state"], "nobody reports it"
    await until_ready(bench, node, ready=False)
    await bench.api.delete(f"{bench.pods}/doomed")

    await cut_off(bench, node, None)
    await until_ready(bench, node, ready=True)
    after = await eventually(
        lambda: bench.pod("victim"),
        lambda pod: container_status(pod)["restartCount"] == 1 and condition(pod, "Ready"),
    )
    assert container_status(after)["lastState"]["terminated"]["exitCode"] == 255
    assert after["status"]["podIP"] != before["status"]["podIP"]
    assert await ask(after) == 200
    await eventually(
        lambda: bench.api.get(bench.pods), lambda found: len(found["items"]) == 1, within=5
    )


async def test_pods_of_a_missed_node_are_replaced_elsewhere_and_end_when_it_is_back(
    bench: Workbench,
) -> None:
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
        | {"tolerationSeconds": 1}
        for key in ("unreachable", "not-ready")
    ]
    await bench.create_deployment("servers", 1, bench.pod_spec(tolerations=tolerations))

    async def pods() -> Json:
        return await bench.api.get(bench.pods)

    def ready_elsewhere(found: Json) -> bool:
        return any(
            condition(pod, "Ready") and pod["spec"]["nodeName"] != node for pod in found["items"]
        )

    (first,) = (await eventually(pods, lambda found: bool(found["items"])))["items"]
    name = first["metadata"]["name"]
    first = await bench.ready_pod(name)
    node = first["spec"]["nodeName"]

    await cut_off(bench, node, loopback_node.ALIVE)
    await eventually(pods, ready_elsewhere, within=NOTICED)
    assert "deletionTimestamp" in (await bench.pod(name))["metadata"]
    assert await ask(first) == 200

    await cut_off(bench, node, None)
    await until_dead(first)
    await eventually(pods, lambda found: len(found["items"]) == 1)
    await until_ready(bench, node, ready=True)
