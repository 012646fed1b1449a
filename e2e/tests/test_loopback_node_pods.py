from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

import loopback_node
from loopback_node.api import STRATEGIC_PATCH
from loopback_node.workbench import (
    Workbench,
    ask,
    condition,
    container_status,
    eventually,
    process_id,
    workbench,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from controlplane import ControlPlane

GATE = "imchat.dev/accepting-connections"


@pytest.fixture(scope="module")
def nodes(control_plane: ControlPlane) -> Iterator[str]:
    prefix = f"pods-{secrets.token_hex(3)}"
    with loopback_node.running(
        control_plane.kubeconfig, nodes=2, prefix=prefix, lease_interval=1.0, restart_backoff=1.0
    ):
        yield prefix


@pytest.fixture
async def bench(control_plane: ControlPlane, nodes: str) -> AsyncIterator[Workbench]:
    async with workbench(control_plane.kubeconfig, nodes) as opened:
        yield opened


async def test_a_deployment_of_real_processes_becomes_available_on_own_addresses(
    bench: Workbench,
) -> None:
    begun = time.monotonic()
    await bench.create_deployment("servers", 3, bench.pod_spec())
    await eventually(
        lambda: bench.api.get(f"{bench.deployments}/servers"),
        lambda found: found.get("status", {}).get("availableReplicas") == 3,
    )
    assert time.monotonic() - begun < 15
    pods = (await bench.api.get(bench.pods))["items"]
    addresses = {pod["status"]["podIP"] for pod in pods}
    assert len(addresses) == 3
    assert all(address.startswith("127.") for address in addresses)
    assert not any(address.startswith(("127.0.", "127.1.")) for address in addresses)
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    assert [await ask(pod) for pod in pods] == [200, 200, 200]


async def test_environment_and_arguments_are_expanded_as_kubernetes_does(bench: Workbench) -> None:
    code = "import os, sys; sys.exit(f'{sys.argv[1:]} ' + os.environ['HOSTNAME'])"
    fields = {
        "NODE": "spec.nodeName",
        "ADDRESS": "status.podIP",
        "LABEL": "metadata.labels['app']",
        "NONE": "metadata.annotations['none']",
    }
    env = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in fields.items()
    ]
    env.append({"name": "BOTH", "value": "$(LABEL)@$(NODE)"})
    container = {
        "command": ["python3", "-c", code],
        "args": ["$(BOTH)", "$(ADDRESS)", "[$(NONE)]", "$$(BOTH)", "$(UNKNOWN)"],
        "env": env,
    }
    await bench.create_pod("printer", bench.pod_spec(container, restartPolicy="Never"))
    pod = await eventually(
        lambda: bench.pod("printer"), lambda pod: pod["status"]["phase"] == "Failed"
    )
    wanted = [
        f"printer@{pod['spec']['nodeName']}",
        pod["status"]["podIP"],
        "[]",
        "$(BOTH)",
        "$(UNKNOWN)",
    ]
    ended = container_status(pod)["state"]["terminated"]
    assert ended["exitCode"] == 1
    assert ended["message"] == f"{wanted} printer"


async def test_a_readiness_gate_holds_the_pod_back_until_its_condition_is_true(
    bench: Workbench,
) -> None:
    gates = [{"conditionType": GATE}]
    await bench.create_pod("gated", bench.pod_spec(readinessGates=gates))
    await eventually(lambda: bench.pod("gated"), lambda pod: condition(pod, "ContainersReady"))

    def agrees(pod: dict[str, Any]) -> bool:
        said = {c["type"]: c["status"] for c in pod["status"]["conditions"]}
        return (said["Ready"], said[GATE]) == (status, status)

    for status in ("False", "True", "False"):
        patch = {"status": {"conditions": [{"type": GATE, "status": status}]}}
        begun = time.monotonic()
        await bench.api.patch(f"{bench.pods}/gated/status", patch, STRATEGIC_PATCH)
        pod = await eventually(lambda: bench.pod("gated"), agrees)
        assert time.monotonic() - begun < 5
        assert condition(pod, "ContainersReady")


async def test_a_crash_restarts_the_container_and_a_second_one_backs_off(bench: Workbench) -> None:
    await bench.create_pod("crasher", bench.pod_spec())
    pod = await bench.ready_pod("crasher")
    await ask(pod, "/exit/3", method="POST")
    pod = await eventually(
        lambda: bench.pod("crasher"), lambda pod: container_status(pod)["restartCount"] == 1
    )
    await ask(await bench.ready_pod("crasher"), "/exit/4", method="POST")
    for state in ("terminated", "waiting"):
        pod = await eventually(
            lambda: bench.pod("crasher"),
            lambda pod, state=state: state in container_status(pod)["state"],  # type: ignore[misc]
        )
    status = container_status(pod)
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 4
    assert status["lastState"]["terminated"]["message"] == "told to end"
    assert (pod["status"]["phase"], status["restartCount"]) == ("Running", 1)
    pod = await bench.ready_pod("crasher")
    assert container_status(pod)["restartCount"] == 2
    events = await bench.api.get(f"/api/v1/namespaces/{bench.namespace}/events")
    assert "BackOff" in {event["reason"] for event in events["items"]}


async def test_readiness_follows_the_probe_both_ways(bench: Workbench) -> None:
    await bench.create_pod("flipper", bench.pod_spec())
    pod = await bench.ready_pod("flipper")
    await ask(pod, "/unready", method="POST")
    pod = await eventually(lambda: bench.pod("flipper"), lambda pod: not condition(pod, "Ready"))
    assert container_status(pod)["restartCount"] == 0
    assert "running" in container_status(pod)["state"]
    await ask(pod, "/ready", method="POST")
    await bench.ready_pod("flipper")


async def test_a_hung_process_is_restarted_by_its_liveness_probe(bench: Workbench) -> None:
    probe = {"httpGet": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 2}
    # On a busy machine the server takes longer to start than a hung one may be silent.
    start = {**probe, "failureThreshold": 30}
    spec = bench.pod_spec({"startupProbe": start, "livenessProbe": probe})
    await bench.create_pod("hanger", spec)
    pod = await bench.ready_pod("hanger")
    first = process_id(pod)
    await ask(pod, "/hang", method="POST")
    await eventually(
        lambda: bench.pod("hanger"), lambda pod: container_status(pod)["restartCount"] == 1
    )
    pod = await bench.ready_pod("hanger")
    assert process_id(pod) != first
    # The server's SIGTERM handler ends it with 9: it was asked to end, not killed.
    assert container_status(pod)["lastState"]["terminated"]["exitCode"] == 9


@pytest.mark.parametrize(
    "check",
    [
        pytest.param({"tcpSocket": {"port": "http"}}, id="a TCP connection that opens"),
        pytest.param({"exec": {"command": ["sh", "-c", "test $POD_IP"]}}, id="a command's exit 0"),
    ],
)
async def test_other_probes_make_a_pod_ready(bench: Workbench, check: dict[str, Any]) -> None:
    probe = {**check, "periodSeconds": 1, "timeoutSeconds": 5}
    await bench.create_pod("probed", bench.pod_spec({"readinessProbe": probe}))
    await bench.ready_pod("probed")


async def test_a_failing_exec_probe_keeps_a_pod_unready_and_says_why(bench: Workbench) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo no such luck; exit 1"]}, "periodSeconds": 1}
    await bench.create_pod("probed", bench.pod_spec({"readinessProbe": probe}))
    path = f"/api/v1/namespaces/{bench.namespace}/events"
    await eventually(
        lambda: bench.api.get(path),
        lambda found: any(
            event["reason"] == "Unhealthy" and "no such luck" in event["message"]
            for event in found["items"]
        ),
    )
    assert not condition(await bench.pod("probed"), "Ready")


@pytest.mark.parametrize(
    ("policy", "code", "phase", "restarts"),
    [
        pytest.param("Never", 0, "Succeeded", 0, id="a run that succeeds is over"),
        pytest.param("Never", 1, "Failed", 0, id="a run that fails is over"),
        pytest.param("OnFailure", 0, "Succeeded", 0, id="success needs no second run"),
    ],
)
async def test_a_pod_ends_as_its_restart_policy_says(
    bench: Workbench, policy: str, code: int, phase: str, restarts: int
) -> None:
    container = {"command": ["sh", "-c", f"exit {code}"], "readinessProbe": None}
    await bench.create_pod("job", bench.pod_spec(container, restartPolicy=policy))
    pod = await eventually(lambda: bench.pod("job"), lambda pod: pod["status"]["phase"] == phase)
    assert container_status(pod)["restartCount"] == restarts
    assert container_status(pod)["state"]["terminated"]["exitCode"] == code


@pytest.mark.parametrize(
    ("container", "reason", "sentence"),
    [
        pytest.param({"command": None}, "ErrImagePull", "pulls no images", id="no command"),
        pytest.param(
            {"envFrom": [{"configMapRef": {"name": "settings"}}]},
            "CreateContainerConfigError",
            "no envFrom",
            id="variables from a ConfigMap",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": "metrics"}}},
            "CreateContainerConfigError",
            "'metrics'",
            id="a probe of a port that is not there",
        ),
    ],
)
async def test_what_cannot_run_waits_and_says_why(
    bench: Workbench, container: dict[str, Any], reason: str, sentence: str
) -> None:
    await bench.create_pod("impossible", bench.pod_spec(container))
    pod = await eventually(
        lambda: bench.pod("impossible"),
        lambda pod: "waiting" in container_status(pod).get("state", ()),
    )
    waiting = container_status(pod)["state"]["waiting"]
    assert waiting["reason"] == reason
    assert sentence in waiting["message"]
    assert pod["status"]["phase"] == "Pending"


async def test_a_command_that_does_not_exist_crashes_with_128_and_its_name(
    bench: Workbench,
) -> None:
    container = {"command": ["no-such-program"], "readinessProbe": None}
    await bench.create_pod("missing", bench.pod_spec(container, restartPolicy="Never"))
    pod = await eventually(
        lambda: bench.pod("missing"), lambda pod: pod["status"]["phase"] == "Failed"
    )
    ended = container_status(pod)["state"]["terminated"]
    assert ended["exitCode"] == 128
    assert "no-such-program" in ended["message"]


async def test_pods_that_fit_no_node_say_so_and_run_when_one_fits(
    bench: Workbench, nodes: str
) -> None:
    names = [f"{nodes}-{index}" for index in range(2)]
    for name in names:
        await bench.api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
    try:
        await bench.create_pod("waiting", bench.pod_spec())
        await eventually(
            lambda: bench.pod("waiting"),
            lambda pod: any(
                (c["type"], c.get("reason")) == ("PodScheduled", "Unschedulable")
                for c in pod["status"].get("conditions", ())
            ),
        )
        await eventually(
            lambda: bench.api.get(f"/api/v1/namespaces/{bench.namespace}/events"),
            lambda found: any(
                event["message"] == "0/2 nodes are available: 2 unschedulable."
                for event in found["items"]
            ),
        )
    finally:
        for name in names:
            await bench.api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": None}})
    await bench.ready_pod("waiting")


async def test_a_pod_of_another_scheduler_is_left_alone(bench: Workbench) -> None:
    await bench.create_pod("foreign", bench.pod_spec(schedulerName="other"))
    await bench.create_pod("ours", bench.pod_spec())
    await bench.ready_pod("ours")
    assert "nodeName" not in (await bench.pod("foreign"))["spec"]


async def test_one_pod_in_trouble_does_not_hold_up_another(bench: Workbench) -> None:
    container = {"command": ["sh", "-c", "exit 1"], "readinessProbe": None}
    for index in range(5):
        await bench.create_pod(f"trouble-{index}", bench.pod_spec(container))
    await bench.create_pod("fine", bench.pod_spec())
    async with asyncio.timeout(30):
        await bench.ready_pod("fine")
