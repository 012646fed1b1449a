"""How a container lives and ends under a real kubelet: restarts, probes, preStop, grace periods."""

import time
from datetime import datetime
from functools import partial
from typing import Any

from harness import Namespace, Users
from harness.manifests import Manifest, gateways, steady

_CLIENTS = 60


def _begun(namespace: Namespace, *objects: Manifest, replicas: int = 3, **healing: Any) -> set[str]:
    fleet = list(objects) or gateways(replicas=replicas)
    namespace.apply(fleet, steady(minReplicas=2, healing=healing or {"notReadyFor": "3s"}))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas, seconds=60)
    return namespace.pod_names()


def _pod(namespace: Namespace, name: str) -> dict[str, Any]:
    found = namespace.get(namespace.path("pods", name))
    return found or {}


def _status(namespace: Namespace, name: str) -> dict[str, Any]:
    statuses = _pod(namespace, name).get("status", {}).get("containerStatuses", [{}])
    found: dict[str, Any] = statuses[0]
    return found


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_crashed_container_is_restarted_in_its_pod_and_the_operator_leaves_it_alone(
    namespace: Namespace,
) -> None:
    names = _begun(namespace, restarts=3, notReadyFor="2m")
    ill = min(names)
    address = _pod(namespace, ill)["status"]["podIP"]
    namespace.fault(ill, "crash")
    namespace.wait_until(lambda: _status(namespace, ill).get("restartCount") == 1, seconds=60)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=60)
    ended = _status(namespace, ill)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (1, "Error")
    assert _pod(namespace, ill)["status"]["podIP"] == address, "the sandbox lives on"
    assert namespace.pod_names() == names
    assert "GatewayUnhealthy" not in namespace.reasons()


def test_a_crash_loop_is_replaced(namespace: Namespace) -> None:
    names = _begun(namespace, restarts=2, notReadyFor="2m")
    ill = min(names)
    for restarts in range(2):
        namespace.wait_until(partial(_is_up, namespace, ill, restarts), seconds=90)
        namespace.fault(ill, "crash")
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=120)
    assert ill in note
    assert ill not in namespace.pod_names()
    assert namespace.pod_names() >= names - {ill}, "no other gateway was touched"


def _is_up(namespace: Namespace, name: str, restarts: int) -> bool:
    found = _status(namespace, name)
    return bool(found.get("ready")) and found.get("restartCount") == restarts


def test_a_liveness_probe_that_fails_restarts_the_container(namespace: Namespace) -> None:
    deployment, budget = gateways(replicas=3)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["livenessProbe"] = {
        "httpGet": {"path": "/healthz", "port": "gateway"},
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 2,
        "terminationGracePeriodSeconds": 1,
    }
    ill = min(_begun(namespace, deployment, budget, unresponsiveFor="5m", notReadyFor="5m"))
    namespace.fault(ill, "hang")
    namespace.wait_until(lambda: _status(namespace, ill).get("restartCount") == 1, seconds=60)
    ended = _status(namespace, ill)["lastState"]["terminated"]
    assert ended["exitCode"] == 137, "it hears no SIGTERM, so it is killed"


def test_a_deleted_gateway_closes_its_clients_within_the_grace_period(namespace: Namespace) -> None:
    names = _begun(namespace)
    gone = min(names)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", str(_CLIENTS)) as users:
        users.wait_for_connected(_CLIENTS)
        namespace.kubectl("delete", "pod", gone, "--wait=false")
        namespace.wait_until(lambda: not _pod(namespace, gone), seconds=30)
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=60)
        users.wait_for_connected(_CLIENTS)
        report = users.leave()
    assert report["dropped"] == 0
    assert report["closed"].get("1001", 0) > 0, "closed by the gateway that went away"


def test_pre_stop_drains_before_sigterm_comes(namespace: Namespace) -> None:
    """The contract's way for gateways that know no more: a hook that drains, then the signal."""
    deployment, budget = gateways(replicas=3)
    spec = deployment["spec"]["template"]["spec"]
    spec["terminationGracePeriodSeconds"] = 30
    drain = (
        "import json, os, time, urllib.request as u\n"
        "url = f\"http://{os.environ['POD_IP']}:8080/drain\"\n"
        'order = json.dumps({"deadlineSeconds": 20, "connectionsPerSecond": 50}).encode()\n'
        'u.urlopen(u.Request(url, data=order, headers={"Content-Type": "application/json"}))\n'
        'while json.load(u.urlopen(url))["connections"]:\n'
        "    time.sleep(0.2)\n"
    )
    spec["containers"][0]["lifecycle"] = {"preStop": {"exec": {"command": ["python", "-c", drain]}}}
    gone = min(_begun(namespace, deployment, budget))
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", str(_CLIENTS)) as users:
        users.wait_for_connected(_CLIENTS)
        namespace.kubectl("delete", "pod", gone, "--wait=false")
        namespace.wait_until(lambda: not _pod(namespace, gone), seconds=60)
        users.wait_for_connected(_CLIENTS)
        report = users.leave()
    assert report["dropped"] == 0
    assert report["closed"].get("1012", 0) > 0, "closed by the drain"
    assert "1001" not in report["closed"], "nobody was left for the signal"


def test_a_gateway_that_hears_no_sigterm_is_killed_at_the_end_of_its_grace_period(
    namespace: Namespace,
) -> None:
    grace = 6
    deployment, budget = gateways(replicas=3)
    deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = grace
    ill = min(_begun(namespace, deployment, budget, unresponsiveFor="5m", notReadyFor="5m"))
    namespace.fault(ill, "hang")
    began = time.monotonic()
    namespace.kubectl("delete", "pod", ill, "--wait=false")
    deleted = _pod(namespace, ill)["metadata"]
    namespace.wait_until(lambda: not _pod(namespace, ill), seconds=60)
    took = time.monotonic() - began
    assert deleted["deletionGracePeriodSeconds"] == grace
    assert took >= grace - 1
    assert _moment(deleted["deletionTimestamp"]) - time.time() <= 0
