"""What is lost whole: a node, the operator that leads. Last by name: others look at what runs."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import Namespace
from harness.manifests import gateways, steady
from real_pods.conftest import Installed

_CUT_OFF = "loopback.imchat.dev/cut-off"


def is_full_node() -> bool:
    """Return whether the nodes are ours, to be switched off, and their processes to be seen."""
    return bool(os.environ.get("IMCHAT_FULL_NODE"))


def _begun(namespace: Namespace, **spec: object) -> set[str]:
    namespace.apply(gateways(replicas=3), steady(**spec))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=60)
    return namespace.pod_names()


def test_gateways_of_a_lost_node_are_replaced_on_the_other(
    namespace: Namespace,
    installed: Installed,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """One whose power is cut, with pods, kubelet and all; the leader may be among them."""
    if not is_full_node():
        pytest.skip("whose power to cut is known in `make e2e-node` only")
    _begun(namespace, healing={"unresponsiveFor": "5m"})
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
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=90)
    assert ill in note
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
