"""The operator's work on real pods: repairs, evictions, growth and scale-downs."""

import re

from harness import Namespace, Users
from harness.manifests import cluster, gateways, scaling, steady

_CLIENTS = 150


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
