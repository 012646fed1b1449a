"""A gateway fails, and is drained where it can be, evicted, and replaced by one that is ready."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness import Namespace, OperatorProcess, Users
from harness.manifests import gateways, steady
from harness.nodes import cut_off

pytestmark = pytest.mark.usefixtures("operator")


def _begun(namespace: Namespace, *, replicas: int = 3, **spec: Any) -> set[str]:
    namespace.apply(gateways(replicas=replicas), steady(**spec))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    return namespace.pod_names()


def _wait_for_healing(namespace: Namespace, reason: str) -> None:
    namespace.wait_until(lambda: namespace.condition("Healing").get("reason") == reason)


def _healed(namespace: Namespace, ill: str, *, replicas: int = 3, seconds: float = 40.0) -> str:
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=seconds)
    assert ill in note
    assert ill not in namespace.pod_names()
    # Those that shed connections to the new gateway are back when they have done so.
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    return note


def test_a_gateway_that_fails_its_readiness_is_drained_and_replaced_without_a_cut(
    namespace: Namespace,
) -> None:
    ill = min(_begun(namespace))
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.fault(ill, "unready")
        _healed(namespace, ill)
        users.wait_for_connected(150)
        report = users.leave()
    assert report["dropped"] == 0
    assert report["closed"].get("1012", 0) > 0, "its clients were moved by close frames"
    reasons = namespace.reasons()
    story = [
        "GatewayUnhealthy",
        "GatewayDraining",
        "GatewayDrained",
        "GatewayEvicted",
        "GatewayReplaced",
    ]
    assert [r for r in reasons if r in story] == story
    assert [r for r in namespace.reasons("Pod") if r in story] == story


def test_a_crash_loops_clients_are_the_only_ones_that_are_cut(namespace: Namespace) -> None:
    # One that is slow to come up again is not ill for that.
    patient = {"unresponsiveFor": "2m", "notReadyFor": "2m", "restarts": 2}
    names = _begun(namespace, healing=patient)
    ill = min(names)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        held = namespace.wait_until(lambda: users.report()["byGateway"].get(ill))
        namespace.wait_until(lambda: _crashed(namespace, ill, restarts=0))
        namespace.wait_until(lambda: _crashed(namespace, ill, restarts=1))
        note = _healed(namespace, ill, seconds=60)
        users.wait_for_connected(150)
        report = users.leave()
    assert "replaced by" in note
    assert report["dropped"] > 0
    assert set(namespace.pod_names()) >= names - {ill}, "no other gateway was touched"
    assert held > 0


def _crashed(namespace: Namespace, pod: str, *, restarts: int) -> bool:
    """Crash it once it is up after so many restarts; False until then."""
    found = next(p for p in namespace.pods() if p["metadata"]["name"] == pod)
    container = found["status"]["containerStatuses"][0]
    if container["restartCount"] != restarts or not container["ready"]:
        return False
    namespace.fault(pod, "crash")
    return True


def test_a_gateway_that_hangs_is_replaced(namespace: Namespace) -> None:
    ill = min(_begun(namespace))
    namespace.fault(ill, "hang")
    _healed(namespace, ill)
    assert "no answer within" in namespace.note("GatewayUnhealthy")
    assert "can't be drained" in namespace.note("ConnectionsCut")


def test_gateways_of_a_lost_node_are_replaced_elsewhere(namespace: Namespace) -> None:
    _begun(namespace, healing={"unresponsiveFor": "5m"})
    victim = min(namespace.pods(), key=lambda p: p["metadata"]["name"])
    ill, node = victim["metadata"]["name"], victim["spec"]["nodeName"]
    with cut_off(namespace, node, "dead"):
        note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
        assert ill in note
        told = namespace.note("GatewayUnhealthy")
        assert re.search(f"NodeLost: node {node} (is not ready|renews its lease no more)", told)
        assert all(p["spec"]["nodeName"] != node for p in namespace.ready_pods())


def test_half_of_a_fleet_that_was_lost_with_one_node_is_replaced(namespace: Namespace) -> None:
    _begun(namespace, replicas=4, healing={"unresponsiveFor": "5m"})
    kept = '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'
    namespace.kubectl("patch", "pdb", "gateway", "--type=merge", "-p", kept)
    on_nodes = Counter(p["spec"]["nodeName"] for p in namespace.pods())
    ((node, count),) = on_nodes.most_common(1)
    assert count * 2 >= sum(on_nodes.values())
    lost = {p["metadata"]["name"] for p in namespace.pods() if p["spec"]["nodeName"] == node}
    with cut_off(namespace, node, "dead"):
        namespace.wait_until(lambda: _replaced(namespace) >= lost, seconds=60)
        assert len(namespace.ready_pods()) == sum(on_nodes.values())


def _replaced(namespace: Namespace) -> set[str]:
    records = namespace.status().get("remediations", ())
    return {r["pod"] for r in records if r["outcome"] == "Replaced"}


def test_when_most_gateways_fail_at_once_nothing_is_touched(namespace: Namespace) -> None:
    # Long enough that all are seen to fail before the first has failed for so long.
    patient = {"unresponsiveFor": "2s", "notReadyFor": "10s", "restarts": 2}
    names = _begun(namespace, healing=patient)
    last, *others = names
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(lambda name: namespace.fault(name, "unready"), names))
        _wait_for_healing(namespace, "StormGate")
        list(at_once.map(lambda name: namespace.fault(name, "none"), others))
    # The last one to recover has been ill for long enough, but not on its own account.
    _wait_for_healing(namespace, "StormCooldown")
    namespace.fault(last, "none")
    _wait_for_healing(namespace, "AllHealthy")
    assert namespace.pod_names() == names
    assert "GatewayUnhealthy" not in namespace.reasons()
    assert "StormGate" in namespace.reasons()


def test_a_budget_that_forbids_the_eviction_is_waited_for_and_named(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    names = _begun(namespace)
    ill = min(names)
    namespace.kubectl(
        "patch", "pdb", "gateway", "--type=merge", "-p", '{"spec":{"maxUnavailable":0}}'
    )
    namespace.fault(ill, "unready")
    note = namespace.wait_until(lambda: namespace.note("EvictionBlocked"))
    assert "PodDisruptionBudget gateway can never allow it: it needs 3 healthy of 3" in note
    assert ill in namespace.pod_names()
    namespace.kubectl(
        "patch", "pdb", "gateway", "--type=merge", "-p", '{"spec":{"maxUnavailable":1}}'
    )
    _healed(namespace, ill)
    assert namespace.reasons().count("EvictionBlocked") == 1
    assert "Traceback" not in operator.log()
