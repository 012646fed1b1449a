"""The way down: live clients are moved, none is cut, and what is not wanted any more is undone."""

import re

import pytest

from harness import Namespace, OperatorProcess, Users
from harness.manifests import SLOWLY, cluster, gateways, scaling, stateful_gateways, steady

pytestmark = pytest.mark.usefixtures("operator")

_COST = "controller.kubernetes.io/pod-deletion-cost"


def _ranked(namespace: Namespace) -> set[str]:
    """Return the names of the gateways that have a pod-deletion-cost."""
    return {
        p["metadata"]["name"]
        for p in namespace.pods()
        if _COST in p["metadata"].get("annotations", {})
    }


def _drained(namespace: Namespace) -> set[str]:
    return {d["pod"] for d in namespace.status().get("drains", [])}


def test_5000_live_clients_are_moved_to_the_fullest_gateways_and_none_is_cut(
    namespace: Namespace,
) -> None:
    arriving = [{"direction": "ScaleDown", "reason": "the clients arrive"}]
    policy = cluster(
        minReplicas=3,
        scaling=scaling(pauses=arriving, rebalance={"mode": "Off"}),
        draining={"connectionsPerSecond": 500, "deregisterDelay": "1s", "deadline": "2m"},
    )
    namespace.apply(gateways(replicas=3, capacity=6000), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    old = namespace.pod_names()
    who = (namespace.kubeconfig, namespace.name, "--interval", "60", "--patience", "20")
    with Users.connected(*who, "--clients", "1000") as early:
        early.wait_for_connected(1000, seconds=60)
        namespace.kubectl("scale", "deployment/gateway", "--replicas=5")
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 5)
        new = namespace.pod_names() - old
        with Users.connected(*who, "--clients", "4000") as late:
            late.wait_for_connected(4000, seconds=60)
            namespace.wait_until(lambda: namespace.condition("Scaling")["reason"] == "Paused")
            namespace.change(scaling={"pauses": []})
            namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
            early.wait_for_connected(1000, seconds=60)
            late.wait_for_connected(4000, seconds=60)
            decided, reasons = namespace.note("ScalingDown"), set(namespace.reasons())
            assert namespace.pod_names() == old
            reports = (early.leave(), late.leave())
    figures = re.findall(r"(\S+) \((\d+) connections\)", decided)
    moved = sum(int(held) for _, held in figures)
    assert "5 → 3 gateways: below 30% for 3s (now 17%, connections)" in decided
    assert {name for name, _ in figures} == new, "the least loaded are the new ones"
    assert moved > 1400
    assert [r["dropped"] for r in reports] == [0, 0]
    assert sum(r["closed"].get("1012", 0) for r in reports) == moved
    assert not {"WrongVictim", "ConnectionsCut"} & reasons


def test_load_that_returns_in_mid_drain_undoes_the_scale_down(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=4, capacity=100), cluster(draining=SLOWLY))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
    names = namespace.pod_names()
    who = (namespace.kubeconfig, namespace.name)
    with Users.connected(*who, "--clients", "80") as few:
        few.wait_for_connected(80)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        victims = _drained(namespace)
        namespace.wait_until(lambda: _ranked(namespace) == victims)
        namespace.wait_until(lambda: {namespace.gateway_state(v) for v in victims} == {"Draining"})
        assert len(namespace.ready_pods()) == 4 - len(victims) < 4
        with Users.connected(*who, "--clients", "150") as many:
            note = namespace.wait_until(lambda: namespace.note("ScaleDownUndone"))
            namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
            namespace.wait_until(lambda: not _ranked(namespace))
            assert {namespace.gateway_state(name) for name in names} == {"Serving"}
            assert many.leave()["dropped"] == 0
        assert few.leave()["dropped"] == 0
    assert "undone, the load is back (" in note
    assert namespace.pod_names() == names


def test_an_operator_killed_in_mid_drain_finishes_the_same_drain(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    slow = {"connectionsPerSecond": 10, "deregisterDelay": "1s", "deadline": "10m"}
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=slow))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        before = namespace.status()["drains"]
        operator.kill()
        operator.start()
        namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
        report = users.leave()
    assert before[0]["pod"] in namespace.note("ScaledDown")
    assert before[0]["pod"] not in namespace.pod_names()
    assert report["dropped"] == 0
    for reason in ("ScalingDown", "GatewayDraining", "GatewayDrained", "ScaledDown"):
        assert namespace.reasons().count(reason) == 1, reason


def test_a_statefulset_loses_its_highest_ordinals_drained_first(namespace: Namespace) -> None:
    target = {"kind": "StatefulSet", "name": "gateway"}
    namespace.apply(stateful_gateways(replicas=4, capacity=150), cluster(targetRef=target))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "80") as users:
        users.wait_for_connected(80)
        note = namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
        users.wait_for_connected(80)
        report = users.leave()
    assert "4 → 2 gateways: gateway-3, gateway-2 drained and removed" in note
    assert namespace.replicas("statefulsets") == 2
    assert namespace.pod_names() == {"gateway-0", "gateway-1"}
    assert namespace.reasons().count("GatewayDrained") == 2
    assert report["dropped"] == 0
    assert report["closed"]["1012"] > 0


@pytest.mark.parametrize(
    "is_away",
    [
        pytest.param(False, id="while the operator runs"),
        pytest.param(True, id="while the operator is away"),
    ],
)
def test_a_deleted_cluster_gives_back_the_gateway_it_was_draining(
    namespace: Namespace, operator: OperatorProcess, *, is_away: bool
) -> None:
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=SLOWLY))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "60") as users:
        users.wait_for_connected(60)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        if is_away:
            operator.kill()
        namespace.kubectl("delete", "imc", "chat", "--wait=false")
        if is_away:
            assert namespace.cluster(), "it waits for its gateways to be given back"
            operator.start()
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        namespace.wait_until(lambda: not namespace.cluster())
        assert users.leave()["dropped"] == 0


@pytest.mark.parametrize(
    "has_gate",
    [
        pytest.param(True, id="which is not ready then"),
        pytest.param(False, id="which is as ready as the rest, as it has no gate"),
    ],
)
def test_a_deleted_cluster_finishes_the_drain_of_one_whose_place_another_has(
    namespace: Namespace, *, has_gate: bool
) -> None:
    fleet, budget = gateways(replicas=3, capacity=100)
    if not has_gate:
        del fleet["spec"]["template"]["spec"]["readinessGates"]
    namespace.apply(
        [fleet, budget],
        steady(minReplicas=3, draining={"connectionsPerSecond": 10, "deregisterDelay": "1s"}),
    )
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    asked = min(namespace.pod_names())
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_for_load()
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        namespace.wait_until(lambda: "GatewaySurged" in namespace.reasons())
        namespace.kubectl("delete", "imchatcluster", "chat", "--timeout=60s")
        namespace.wait_until(lambda: len(namespace.pods()) == len(namespace.ready_pods()) == 3)
        assert asked not in namespace.pod_names(), "it went empty, and no other in its stead"
        users.wait_for_connected(150)
        assert users.leave()["dropped"] == 0
    assert "connections before the ImChatCluster is gone" in namespace.note("GatewayLeaving")


def test_a_cluster_that_drains_nothing_is_deleted_while_the_operator_is_away(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    namespace.apply(gateways(replicas=2), cluster())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    operator.kill()
    namespace.kubectl("delete", "imc", "chat", "--timeout=10s")
    assert not namespace.cluster()
