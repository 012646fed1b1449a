"""The fleet grows after a sustained load, not a sample sooner, and shrinks by drained gateways."""

from datetime import datetime, timedelta

import pytest

from harness import Namespace, OperatorProcess, Users
from harness.manifests import cluster, gateways, steady

pytestmark = pytest.mark.usefixtures("operator")


def test_a_fleet_grows_under_load_and_shrinks_after_it_without_cutting_a_connection(
    namespace: Namespace,
) -> None:
    namespace.apply(gateways(replicas=2, capacity=100), cluster())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    who = (namespace.kubeconfig, namespace.name)
    with Users.connected(*who, "--clients", "60") as few:
        with Users.connected(*who, "--clients", "120") as many:
            many.wait_for_connected(100)
            namespace.wait_until(lambda: namespace.replicas() == 4)
            namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
            cause = namespace.note("ScalingUp")
            surge = many.leave()
        namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
        namespace.wait_until(lambda: len(namespace.ready_pods()) == namespace.replicas())
        assert namespace.replicas() == 2
        few.wait_for_connected(60)
        report = few.leave()
    assert "above 70% for 3s (now 90%, connections)" in cause
    assert "need 4" in cause
    assert surge["dropped"] == report["dropped"] == 0
    assert "GatewayDrained" in namespace.reasons()
    assert "WrongVictim" not in namespace.reasons()
    assert "ConnectionsCut" not in namespace.reasons()


def test_the_streak_is_complete_before_the_fleet_grows(namespace: Namespace) -> None:
    rules = {"scaleUp": [{"above": 70, "for": "6s"}], "scaleDown": []}
    namespace.apply(gateways(replicas=2, capacity=50), cluster(scaling=rules))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "90") as users:
        users.wait_for_connected(80)
        streak = namespace.wait_until(lambda: namespace.status().get("streaks", []))[0]
        message = namespace.condition("Scaling")["message"]
        namespace.wait_until(lambda: namespace.replicas() > 2)
    decided = [e for e in namespace.events() if e["reason"] == "ScalingUp"]
    waited = datetime.fromisoformat(decided[0]["eventTime"]) - datetime.fromisoformat(
        streak["since"]
    )
    assert timedelta(seconds=6) <= waited < timedelta(seconds=12)
    assert message.startswith("above 70% for ")
    assert " of 6s (now " in message


def test_load_that_returns_in_mid_drain_undoes_the_scale_down(namespace: Namespace) -> None:
    slow = {"connectionsPerSecond": 1, "deregisterDelay": "1s", "deadline": "10m"}
    namespace.apply(gateways(replicas=4, capacity=100), cluster(draining=slow))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
    names = namespace.pod_names()
    who = (namespace.kubeconfig, namespace.name)
    with Users.connected(*who, "--clients", "80") as few:
        few.wait_for_connected(80)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        with Users.connected(*who, "--clients", "150") as many:
            note = namespace.wait_until(lambda: namespace.note("ScaleDownUndone"))
            namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
            assert many.leave()["dropped"] == 0
        assert few.leave()["dropped"] == 0
    assert "the load is back" in note
    assert namespace.pod_names() == names


def test_an_operator_killed_in_mid_drain_finishes_the_same_drain(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    slow = {"connectionsPerSecond": 10, "deregisterDelay": "1s", "deadline": "10m"}
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=slow))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    who = (namespace.kubeconfig, namespace.name)
    with Users.connected(*who, "--clients", "150") as users:
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
    slow = {"connectionsPerSecond": 1, "deregisterDelay": "1s", "deadline": "10m"}
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=slow))
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


def test_a_cluster_that_drains_nothing_is_deleted_while_the_operator_is_away(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    namespace.apply(gateways(replicas=2), steady())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    operator.kill()
    namespace.kubectl("delete", "imc", "chat", "--timeout=10s")
    assert not namespace.cluster()


def test_another_autoscaler_of_the_same_target_is_told_and_left_to_win(
    namespace: Namespace,
) -> None:
    rival = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rival"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"},
            "minReplicas": 1,
            "maxReplicas": 6,
        },
    }
    namespace.apply(gateways(replicas=4, capacity=300), rival, cluster())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
    note = namespace.wait_until(lambda: namespace.note("ScalingConflict"))
    assert "HorizontalPodAutoscaler rival scales Deployment gateway too" in note
    namespace.wait_until(lambda: namespace.status().get("streaks", []))
    assert namespace.replicas() == 4
    assert "ScalingDown" not in namespace.reasons()
    namespace.kubectl("delete", "hpa", "rival")
    namespace.wait_until(lambda: "ScaledDown" in namespace.reasons(), seconds=60)
    assert namespace.replicas() == 2


def test_a_fleet_below_min_replicas_grows_at_once(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=1), cluster())
    namespace.wait_until(lambda: namespace.replicas() == 2)
    assert "minReplicas is 2" in namespace.note("ScalingUp")
