"""The operator's work on real pods: repairs, evictions, scale-downs, a lost node, a lost leader."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import Namespace, Users
from harness.manifests import cluster, gateways, scaling, steady
from real_pods.conftest import Installed

_CLIENTS = 150
_CUT_OFF = "loopback.imchat.dev/cut-off"


def is_full_node() -> bool:
    """Return whether the nodes are ours, to be switched off, and their processes to be seen."""
    return bool(os.environ.get("IMCHAT_FULL_NODE"))


def _begun(namespace: Namespace, *, replicas: int = 3, **spec: object) -> set[str]:
    namespace.apply(gateways(replicas=replicas), steady(**spec))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas, seconds=60)
    return namespace.pod_names()


def _healed(namespace: Namespace, ill: str, *, replicas: int = 3, seconds: float = 90.0) -> None:
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=seconds)
    assert ill in note
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas, seconds=60)
    assert ill not in namespace.pod_names()


def test_a_gateway_that_fails_its_readiness_is_drained_evicted_and_replaced_without_a_cut(
    namespace: Namespace,
) -> None:
    ill = min(_begun(namespace))
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", str(_CLIENTS)) as users:
        users.wait_for_connected(_CLIENTS)
        namespace.fault(ill, "unready")
        _healed(namespace, ill)
        users.wait_for_connected(_CLIENTS)
        report = users.leave()
    assert report["dropped"] == 0
    assert report["closed"].get("1012", 0) > 0, "its clients were moved by close frames"
    assert "GatewayEvicted" in namespace.reasons()


def test_a_gateway_that_hangs_is_replaced(namespace: Namespace) -> None:
    ill = min(_begun(namespace))
    namespace.fault(ill, "hang")
    _healed(namespace, ill)
    assert "no answer within" in namespace.note("GatewayUnhealthy")


def test_a_budget_that_forbids_the_eviction_is_waited_for_and_named(namespace: Namespace) -> None:
    ill = min(_begun(namespace))
    patch = ("patch", "pdb", "gateway", "--type=merge", "-p")
    namespace.kubectl(*patch, '{"spec":{"maxUnavailable":0}}')
    namespace.fault(ill, "unready")
    note = namespace.wait_until(lambda: namespace.note("EvictionBlocked"), seconds=60)
    assert "PodDisruptionBudget gateway can never allow it: it needs 3 healthy of 3" in note
    assert ill in namespace.pod_names()
    namespace.kubectl(*patch, '{"spec":{"maxUnavailable":1}}')
    _healed(namespace, ill)


def test_a_scale_down_moves_every_client_and_cuts_none(namespace: Namespace) -> None:
    arriving = [{"direction": "ScaleDown", "reason": "the clients arrive"}]
    policy = cluster(scaling=scaling(pauses=arriving, rebalance={"mode": "Off"}))
    namespace.apply(gateways(replicas=4, capacity=500), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4, seconds=60)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "300") as users:
        users.wait_for_connected(300, seconds=60)
        namespace.change(scaling={"pauses": []})
        note = namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=90)
        users.wait_for_connected(300, seconds=60)
        namespace.wait_until(lambda: len(namespace.pods()) == namespace.replicas(), seconds=60)
        report = users.leave()
    assert re.search(r"4 → [23] gateways", note)
    assert report["dropped"] == 0
    assert report["closed"].get("1012", 0) > 0
    assert not {"WrongVictim", "ConnectionsCut"} & set(namespace.reasons())


def test_growth_starts_real_pods_that_take_connections(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=2, capacity=100), cluster(maxReplicas=4))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2, seconds=60)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "160") as users:
        users.wait_for_connected(160, seconds=60)
        namespace.wait_until(lambda: len(namespace.ready_pods()) > 2, seconds=90)
        assert users.leave()["dropped"] == 0


def test_gateways_of_a_lost_node_are_replaced_on_the_other(
    namespace: Namespace,
    installed: Installed,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """One whose power is cut, with pods, kubelet and all; the leader may be among them."""
    if not is_full_node():
        pytest.skip("whose power to cut is known in `make e2e-node` only")
    _begun(namespace, replicas=3, healing={"unresponsiveFor": "5m"})
    at = Counter(p["spec"]["nodeName"] for p in namespace.pods())
    assert len(at) == 2, "the scheduler spreads them"
    node = min(at, key=lambda name: at[name])  # the loss of most would be a storm
    lost = {p["metadata"]["name"] for p in namespace.pods() if p["spec"]["nodeName"] == node}
    began = time.monotonic()
    try:
        namespace.kubectl("annotate", "node", node, f"{_CUT_OFF}=dead")
        told = namespace.wait_until(lambda: namespace.note("GatewayUnhealthy"), seconds=120)
        noticed = time.monotonic() - began
        assert re.search(f"NodeLost: node {node} (is not ready|renews its lease no more)", told)
        namespace.wait_until(lambda: _are_elsewhere(namespace, node), seconds=120)
        whole = time.monotonic() - began
        record_testsuite_property("lost node: seconds until it was noticed", round(noticed, 1))
        record_testsuite_property("lost node: seconds until the fleet was whole", round(whole, 1))
    finally:
        namespace.kubectl("annotate", "node", node, f"{_CUT_OFF}-")
    namespace.wait_until(lambda: not lost & _all_names(namespace), seconds=120)
    namespace.wait_until(lambda: len(installed.pods()) == 2, seconds=180)


def _are_elsewhere(namespace: Namespace, node: str) -> bool:
    ready = namespace.ready_pods()
    return len(ready) == 3 and all(p["spec"]["nodeName"] != node for p in ready)


def _all_names(namespace: Namespace) -> set[str]:
    return {p["metadata"]["name"] for p in namespace.items("/api/v1", "pods")}


def test_another_operator_leads_when_the_leader_is_killed(
    namespace: Namespace,
    installed: Installed,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """By SIGKILL, so that it can't give the lease back; its container starts again meanwhile."""
    if not is_full_node():
        pytest.skip("whose processes can be killed in `make e2e-node` only")
    ill = min(_begun(namespace))
    first = installed.leader()
    pod = next(p for p in installed.pods() if p["metadata"]["name"] == first)
    began = time.monotonic()
    os.kill(_process_of(pod["metadata"]["uid"]), signal.SIGKILL)
    namespace.fault(ill, "unready")
    namespace.wait_until(lambda: namespace.note("GatewayUnhealthy"), seconds=90)
    record_testsuite_property(
        "killed leader: seconds until the next decision", round(time.monotonic() - began, 1)
    )
    _healed(namespace, ill)
    assert namespace.reasons().count("GatewayReplaced") == 1
    namespace.wait_until(lambda: len(installed.pods()) == 2, seconds=120)


def _process_of(pod_uid: str) -> int:
    """Return the operator's process of a pod, by the control group that the kubelet put it in."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_operator = b"imchat_operator" in (entry / "cmdline").read_bytes()
            groups = (entry / "cgroup").read_text()
        except OSError:  # it ended meanwhile
            continue
        if is_operator and pod_uid in groups:
            return int(entry.name)
    raise AssertionError(f"pod {pod_uid} has no operator running")
