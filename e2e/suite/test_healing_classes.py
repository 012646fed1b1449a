"""Each class of failure is told from its signs and gets what helps, or is told to a person."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness import Namespace, Users
from harness.manifests import gateways, stateful_gateways, steady
from harness.nodes import cut_off

pytestmark = pytest.mark.usefixtures("operator")

_FAST = {"unresponsiveFor": "2s", "notReadyFor": "3s", "zombieFor": "10s", "restarts": 2}
_SPOT = "aws-node-termination-handler/spot-itn"


def _begun(namespace: Namespace, *, replicas: int = 3, **healing: object) -> set[str]:
    namespace.apply(gateways(replicas=replicas), steady(healing={**_FAST, **healing}))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    return namespace.pod_names()


def _node_of(namespace: Namespace, pod: str) -> str:
    found = next(p for p in namespace.pods() if p["metadata"]["name"] == pod)
    return str(found["spec"]["nodeName"])


def _healed(namespace: Namespace, pod: str, *, replicas: int = 3, seconds: float = 60.0) -> str:
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=seconds)
    assert note.startswith(f"{pod} is replaced by")
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    assert pod not in namespace.pod_names()
    return note


@contextmanager
def _changed_node(namespace: Namespace, node: str, change: str, undo: str) -> Iterator[None]:
    """Have kubectl change a node, `cordon` it say, and change it back."""
    verb, argument = change.split(" ", 1)
    namespace.kubectl(verb, "node", node, argument)
    try:
        yield
    finally:
        verb, argument = undo.split(" ", 1)
        namespace.kubectl(verb, "node", node, argument)


@pytest.mark.parametrize(
    ("fault", "evidence"),
    [
        pytest.param("zombie", "answers no message of its", id="one that swallows all messages"),
        pytest.param("flaky", "sessions a second to errors", id="one that loses its sessions"),
    ],
)
def test_a_zombie_is_told_by_its_peers_and_replaced(
    namespace: Namespace, fault: str, evidence: str
) -> None:
    ill = min(_begun(namespace, replicas=4))
    clients = ("--clients", "400", "--interval", "1")
    with Users.connected(namespace.kubeconfig, namespace.name, *clients) as users:
        users.wait_for_connected(400)
        namespace.fault(ill, fault)
        _healed(namespace, ill, replicas=4, seconds=100)
        users.wait_for_connected(400)
    told = namespace.note("GatewayUnhealthy")
    assert f"{ill} is taken out of rotation" in told
    assert "Zombie: is ready and" in told
    assert evidence in told
    assert namespace.reasons().count("GatewayUnhealthy") == 1, "no peer is taken for one"


def test_an_evicted_pod_that_is_left_lying_is_removed(namespace: Namespace) -> None:
    names = _begun(namespace, failedFor="1s")
    # As a kubelet leaves it: its ReplicaSet has made another long ago.
    spec = {"schedulerName": "nobody", "containers": [{"name": "gateway", "image": "gateway"}]}
    metadata = {"name": "evicted", "labels": {"app": "gateway"}}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    namespace.patch(f"{namespace.path('pods', 'evicted')}/status", {"status": status})
    note = namespace.wait_until(lambda: namespace.note("GatewayDeleted"))
    assert note.startswith("evicted is removed, Failed: the pod is over (Evicted: The node was low")
    namespace.wait_until(lambda: namespace.pod_names() == names)
    assert "GatewayUnhealthy" not in namespace.reasons()


def test_a_pod_whose_finalizer_keeps_it_is_told_with_who_has_to_act(namespace: Namespace) -> None:
    ill = min(_begun(namespace, terminatingFor="1s"))
    path = namespace.path("pods", ill)
    namespace.patch(path, {"metadata": {"finalizers": ["example.com/backup"]}})
    try:
        namespace.kubectl("delete", "pod", ill, "--wait=false", "--grace-period=1")
        note = namespace.wait_until(lambda: namespace.note("ActionRequired"))
        assert note.startswith(f"{ill} StuckTerminating: its grace period ended")
        assert "whoever set example.com/backup has to remove it from the pod" in note
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        assert namespace.get(path), "it is not deleted by force"
    finally:
        namespace.patch(path, {"metadata": {"finalizers": []}})


def test_a_gateway_that_no_node_takes_is_told_and_left(namespace: Namespace) -> None:
    names = _begun(namespace, pendingFor="1s")
    selector = {"template": {"spec": {"nodeSelector": {"disk": "none"}}}}
    namespace.patch(namespace.path("deployments", "gateway"), {"spec": selector})
    note = namespace.wait_until(lambda: namespace.note("ActionRequired"))
    assert "Unschedulable: no node takes it (" in note
    assert "add a node that fits, or change what the pod asks for" in note
    assert namespace.condition("Healing")["reason"] == "ActionRequired"
    assert len(names & namespace.pod_names()) >= 2


def test_a_rollout_whose_new_revision_fails_is_left_to_the_deployment(
    namespace: Namespace,
) -> None:
    names = _begun(namespace)
    broken = [{"name": "gateway", "env": [{"name": "GATEWAY_FAULT", "value": "unready"}]}]
    template = {"template": {"spec": {"containers": broken}}}
    namespace.kubectl(
        "patch", "deployment", "gateway", "--type=strategic", "-p", json.dumps({"spec": template})
    )
    note = namespace.wait_until(lambda: namespace.note("RolloutSuspected"))
    assert "the rollout is left to the target, undo or correct it" in note
    new = namespace.pod_names() - names
    assert len(new) == 1
    assert note.startswith(min(new))
    assert namespace.condition("Healing")["reason"] == "RolloutSuspected"
    namespace.kubectl("rollout", "undo", "deployment/gateway")
    namespace.wait_until(lambda: namespace.condition("Healing")["reason"] == "AllHealthy")
    assert namespace.pod_names() <= names | new
    assert "GatewayUnhealthy" not in namespace.reasons()


def test_a_node_that_is_announced_to_go_is_left_before_it_does(namespace: Namespace) -> None:
    ill = min(_begun(namespace, notReadyFor="5m"))
    node = _node_of(namespace, ill)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        change = (f"taint {_SPOT}=:NoSchedule", f"taint {_SPOT}-")
        with _changed_node(namespace, node, *change):
            _healed(namespace, ill)
            users.wait_for_connected(150)
            assert all(p["spec"]["nodeName"] != node for p in namespace.ready_pods())
        report = users.leave()
    assert report["dropped"] == 0
    told = namespace.note("GatewayLeaving")
    assert f"NodeLeaving: node {node} goes away: taint {_SPOT}" in told


def test_a_cordon_that_is_taken_back_has_the_gateway_stay(namespace: Namespace) -> None:
    names = _begun(namespace, notReadyFor="1s", maxConcurrent=2)
    namespace.change(draining={"connectionsPerSecond": 1, "deregisterDelay": "1s"})
    ill = min(names)
    node = _node_of(namespace, ill)
    clients = ("--clients", "150")
    with Users.connected(namespace.kubeconfig, namespace.name, *clients) as users:
        users.wait_for_connected(150)
        namespace.kubectl("cordon", node)
        try:
            namespace.wait_until(lambda: namespace.gateway_state(ill) == "Draining")
        finally:
            namespace.kubectl("uncordon", node)
        namespace.wait_until(lambda: "RemediationUndone" in namespace.reasons())
        namespace.wait_until(lambda: namespace.gateway_state(ill) == "Serving")
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        assert users.leave()["dropped"] == 0
    assert "GatewayEvicted" not in namespace.reasons()


def test_a_node_that_is_cut_off_while_its_gateways_serve_is_left_without_a_cut(
    namespace: Namespace,
) -> None:
    ill = min(_begun(namespace))
    node = _node_of(namespace, ill)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        with cut_off(namespace, node, "alive"):
            _healed(namespace, ill)
            users.wait_for_connected(150)
        report = users.leave()
    assert report["dropped"] == 0
    assert f"NodeNotReady: node {node} is not ready, though" in namespace.note("GatewayLeaving")


def test_a_statefulset_on_a_dead_node_waits_for_a_person_and_goes_on_by_itself_then(
    namespace: Namespace,
) -> None:
    target = {"kind": "StatefulSet", "name": "gateway"}
    healing = {**_FAST, "terminatingFor": "1s"}
    namespace.apply(stateful_gateways(replicas=3), steady(targetRef=target, healing=healing))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    ill = "gateway-0"
    node = _node_of(namespace, ill)
    fence = "node.kubernetes.io/out-of-service"
    with cut_off(namespace, node, "dead"):
        note = namespace.wait_until(lambda: namespace.note("ActionRequired"), seconds=90)
        assert f"if node {node} is off for certain, delete the Node, or kubectl taint" in note
        assert "GatewayReplaced" not in namespace.reasons()
        fenced = (f"taint {fence}=nodeshutdown:NoExecute", f"taint {fence}-")
        with _changed_node(namespace, node, *fenced):
            note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    assert note.startswith(f"{ill} is replaced by {ill}: ready")
    assert f"node {node} is off, nothing runs there any more" in namespace.note("GatewayDeleted")
