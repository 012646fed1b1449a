from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import loopback_node
from loopback_node.api import ApiError
from loopback_node.workbench import (
    Workbench,
    container_status,
    eventually,
    is_alive,
    process_id,
    workbench,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from controlplane import ControlPlane
    from loopback_node.api import Json

STUBBORN = [
    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    {"name": "STUBBORN", "value": "1"},
]
# A container whose processes are three: a shell, its child and its grandchild.
FAMILY = {"command": ["sh", "-c", "sh -c 'sleep 1000 & wait' & wait"], "readinessProbe": None}


@pytest.fixture(scope="module")
def nodes(control_plane: ControlPlane) -> Iterator[str]:
    prefix = f"ends-{secrets.token_hex(3)}"
    with loopback_node.running(
        control_plane.kubeconfig, nodes=2, prefix=prefix, lease_interval=1.0
    ):
        yield prefix


@pytest.fixture
async def bench(control_plane: ControlPlane, nodes: str) -> AsyncIterator[Workbench]:
    async with workbench(control_plane.kubeconfig, nodes) as opened:
        yield opened


async def last_version(bench: Workbench, name: str, since: Json) -> Json:
    """The pod as it was when it left the API server."""
    selector = f"metadata.name={name}"
    version = since["metadata"]["resourceVersion"]
    async with asyncio.timeout(30):
        stream = bench.api.stream(
            bench.pods, fieldSelector=selector, watch="true", resourceVersion=version
        )
        async for event in stream:
            if event["type"] == "DELETED":
                gone: Json = event["object"]
                return gone
    raise AssertionError(f"{name} was not deleted")


async def gone(bench: Workbench, name: str) -> None:
    async def look() -> Json:
        try:
            return await bench.pod(name)
        except ApiError as error:
            if error.code == 404:
                return {}
            raise

    await eventually(look, lambda pod: not pod)


async def dead(group: int) -> None:
    async def look() -> Json:
        return {"alive": is_alive(group)}

    await eventually(look, lambda found: not found["alive"], within=10)


@contextmanager
def lasting(least: float, most: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert least <= time.monotonic() - begun <= most


async def test_deletion_runs_the_pre_stop_hook_then_terminates_then_reports_the_end(
    bench: Workbench,
) -> None:
    hook = {"preStop": {"httpGet": {"path": "/pre-stop", "port": "http"}}}
    await bench.create_pod("leaver", bench.pod_spec({"lifecycle": hook}))
    pod = await bench.ready_pod("leaver")
    await bench.api.delete(f"{bench.pods}/leaver")
    last = await last_version(bench, "leaver", pod)
    # The server ends with 7 only if the hook came before SIGTERM.
    assert container_status(last)["state"]["terminated"]["exitCode"] == 7
    assert last["status"]["phase"] == "Failed"
    await dead(process_id(pod))


async def test_a_pre_stop_sleep_comes_before_the_end(bench: Workbench) -> None:
    hook = {"preStop": {"sleep": {"seconds": 1}}}
    await bench.create_pod("sleeper", bench.pod_spec({"lifecycle": hook}))
    pod = await bench.ready_pod("sleeper")
    with lasting(1.0, 8.0):
        await bench.api.delete(f"{bench.pods}/sleeper")
        last = await last_version(bench, "sleeper", pod)
    assert container_status(last)["state"]["terminated"]["exitCode"] == 9


async def test_a_process_that_ignores_sigterm_is_killed_at_the_end_of_the_grace_period(
    bench: Workbench,
) -> None:
    # The grace period holds the hook too: 8 s in all, not 6 + 8, however busy the machine is.
    hook = {"preStop": {"sleep": {"seconds": 6}}}
    container = {"env": STUBBORN, "lifecycle": hook}
    spec = bench.pod_spec(container, terminationGracePeriodSeconds=8)
    await bench.create_pod("stubborn", spec)
    pod = await bench.ready_pod("stubborn")
    with lasting(7.9, 13.9):
        await bench.api.delete(f"{bench.pods}/stubborn")
        last = await last_version(bench, "stubborn", pod)
    assert container_status(last)["state"]["terminated"]["exitCode"] == 137
    await dead(process_id(pod))


async def test_a_second_deletion_shortens_the_grace_period(bench: Workbench) -> None:
    spec = bench.pod_spec({"env": STUBBORN}, terminationGracePeriodSeconds=300)
    await bench.create_pod("stubborn", spec)
    pod = await bench.ready_pod("stubborn")
    await bench.api.delete(f"{bench.pods}/stubborn")
    await eventually(
        lambda: bench.pod("stubborn"), lambda pod: "deletionTimestamp" in pod["metadata"]
    )
    await bench.api.delete(f"{bench.pods}/stubborn", {"gracePeriodSeconds": 1})
    last = await last_version(bench, "stubborn", pod)
    assert container_status(last)["state"]["terminated"]["exitCode"] == 137


async def test_an_evicted_pod_ends_in_order_and_is_replaced(bench: Workbench) -> None:
    await bench.create_deployment("servers", 1, bench.pod_spec())

    async def pods() -> Json:
        return await bench.api.get(bench.pods)

    def names(found: Json) -> list[str]:
        return [pod["metadata"]["name"] for pod in found["items"]]

    (first,) = names(await eventually(pods, lambda found: bool(found["items"])))
    pod = await bench.ready_pod(first)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": first, "namespace": bench.namespace},
    }
    await bench.api.create(f"{bench.pods}/{first}/eviction", eviction)
    last = await last_version(bench, first, pod)
    assert container_status(last)["state"]["terminated"]["exitCode"] == 9
    second = names(await eventually(pods, lambda found: len(names(found)) == 1))
    assert second != [first]
    await bench.ready_pod(second[0])


async def test_a_forced_deletion_kills_at_once(bench: Workbench) -> None:
    spec = bench.pod_spec({"env": STUBBORN}, terminationGracePeriodSeconds=300)
    await bench.create_pod("forced", spec)
    pod = await bench.ready_pod("forced")
    await bench.api.delete(f"{bench.pods}/forced", {"gracePeriodSeconds": 0})
    with lasting(0.0, 5.0):
        await dead(process_id(pod))


async def test_a_crash_looping_pod_is_deleted_without_waiting_for_its_back_off(
    bench: Workbench,
) -> None:
    container = {"command": ["sh", "-c", "exit 5"], "readinessProbe": None}
    await bench.create_pod("looper", bench.pod_spec(container))
    pod = await eventually(
        lambda: bench.pod("looper"),
        lambda pod: (
            "waiting" in container_status(pod).get("state", ())
            and container_status(pod)["restartCount"] == 1
        ),
    )
    with lasting(0.0, 5.0):
        await bench.api.delete(f"{bench.pods}/looper")
        last = await last_version(bench, "looper", pod)
    assert container_status(last)["state"]["terminated"]["exitCode"] == 5


def started(kubeconfig: Path, prefix: str) -> subprocess.Popen[bytes]:
    """A node process of its own, once its Node can take pods."""
    command = [sys.executable, "-m", "loopback_node", "--kubeconfig", str(kubeconfig)]
    process = subprocess.Popen(
        [*command, "--nodes", "1", "--prefix", prefix, "--lease-interval", "1"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert json.loads(process.stdout.readline())["ready"] == [f"{prefix}-0"]
    return process


async def test_kill_9_of_the_node_process_leaves_no_process_and_a_new_one_restarts_the_pods(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    prefix = f"kill-{secrets.token_hex(3)}"
    first = started(control_plane.kubeconfig, prefix)
    async with workbench(control_plane.kubeconfig, prefix) as bench:
        with first:
            await bench.create_pod("family", bench.pod_spec(FAMILY))
            before = await bench.ready_pod("family")
            first.kill()
        await dead(process_id(before))
        await eventually(lambda: left_in(tmp_path), lambda found: not found["names"])

        with started(control_plane.kubeconfig, prefix) as second:
            after = await eventually(
                lambda: bench.pod("family"), lambda pod: container_status(pod)["restartCount"] == 1
            )
            ended = container_status(after)["lastState"]["terminated"]
            assert (ended["exitCode"], ended["reason"]) == (255, "Unknown")
            assert after["status"]["podIP"] != before["status"]["podIP"]
            assert is_alive(process_id(after))
            second.terminate()
            assert second.wait(15) == 0
        await dead(process_id(after))
        await gone(bench, "family")
        with pytest.raises(ApiError, match="404"):
            await bench.api.get(f"/api/v1/nodes/{prefix}-0")


async def left_in(folder: Path) -> Json:
    return {"names": [path.name for path in await asyncio.to_thread(folder.iterdir)]}


async def test_kill_9_of_the_parent_ends_nodes_and_pods(control_plane: ControlPlane) -> None:
    prefix = f"orphan-{secrets.token_hex(3)}"
    parent_code = textwrap.dedent(f"""
        import pathlib, time, loopback_node
        path = pathlib.Path({str(control_plane.kubeconfig)!r})
        with loopback_node.running(path, nodes=1, prefix={prefix!r}, lease_interval=1.0) as nodes:
            print(nodes.pid, flush=True)
            time.sleep(1000)
    """)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent_code, stdout=subprocess.PIPE
    )
    assert parent.stdout
    node_pid = int(await parent.stdout.readline())
    async with workbench(control_plane.kubeconfig, prefix) as bench:
        await bench.create_pod("family", bench.pod_spec(FAMILY))
        pod = await bench.ready_pod("family")
        parent.kill()
        await parent.wait()
        await dead(process_id(pod))
        await dead(node_pid)


def test_nodes_that_cannot_become_ready_are_an_error_that_says_what_to_look_at(
    tmp_path: Path,
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    nobody = {"cluster": {"server": "http://127.0.0.1:9"}, "name": "nobody"}
    context = {"context": {"cluster": "nobody", "user": "nobody"}, "name": "nobody"}
    document = {
        "clusters": [nobody],
        "contexts": [context],
        "current-context": "nobody",
        "users": [{"name": "nobody", "user": {}}],
    }
    kubeconfig.write_text(json.dumps(document))
    with (
        pytest.raises(loopback_node.NotReadyError, match="kube-controller-manager"),
        loopback_node.running(kubeconfig, ready_within=2.0),
    ):
        raise AssertionError("not reached")
