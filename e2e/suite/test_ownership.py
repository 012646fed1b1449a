"""Who else sets the replicas is seen, named, and left to win until told otherwise."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kubernetes.client import ApiException

from harness import Namespace, OperatorProcess, Users
from harness.manifests import Manifest, autoscaler, gateways, steady

pytestmark = pytest.mark.usefixtures("operator")

_GITOPS = "argocd-controller"


def _set_replicas(namespace: Namespace, replicas: int) -> None:
    """Set them as a GitOps tool does."""
    changes = {"spec": {"replicas": replicas}}
    namespace.patch(namespace.path("deployments", "gateway"), changes, manager=_GITOPS)


def _observed(namespace: Namespace, replicas: int) -> None:
    namespace.wait_until(lambda: namespace.status().get("replicas") == replicas)


def _in_conflict(namespace: Namespace) -> str:
    """Wait until another owner is left to win; return what is said of it."""

    def message() -> str:
        found = namespace.condition("Scaling")
        return str(found["message"]) if found.get("reason") == "ScalingConflict" else ""

    return namespace.wait_until(message)


@pytest.mark.parametrize(
    ("rival", "name"),
    [
        pytest.param(
            autoscaler("rival"), "HorizontalPodAutoscaler rival", id="a HorizontalPodAutoscaler"
        ),
        pytest.param(
            autoscaler("keda-hpa-chat", scaled_object="chat"),
            "ScaledObject chat",
            id="KEDA's ScaledObject, through its HorizontalPodAutoscaler",
        ),
    ],
)
def test_another_autoscaler_of_the_same_target_is_named_and_left_to_win(
    namespace: Namespace, rival: Manifest, name: str
) -> None:
    namespace.apply(gateways(replicas=1), rival, steady())
    message = _in_conflict(namespace)
    assert message.startswith(f"{name} scales Deployment gateway too and is left to win")
    _observed(namespace, 1)
    assert namespace.replicas() == 1, "below minReplicas, which is the other's matter now"
    namespace.wait_until(lambda: namespace.note("ScalingConflict"))
    assert namespace.reasons().count("ScalingConflict") == 1
    namespace.kubectl("delete", "hpa", rival["metadata"]["name"])
    namespace.wait_until(lambda: namespace.replicas() == 2)
    assert "minReplicas is 2" in namespace.wait_until(lambda: namespace.note("ScalingUp"))


def test_a_foreign_managers_change_wins_until_a_person_scales_or_the_spec_changes(
    namespace: Namespace,
) -> None:
    namespace.apply(gateways(replicas=2), steady())
    _observed(namespace, 2)
    _set_replicas(namespace, 1)
    message = _in_conflict(namespace)
    assert message.startswith(f"{_GITOPS} set 1 replicas and is left to win")
    note = namespace.wait_until(lambda: namespace.note("ScalingConflict"))
    assert note == f"Scaling: {message}"
    namespace.kubectl("scale", "deployment/gateway", "--replicas=3")
    told = namespace.wait_until(lambda: namespace.note("ReplicasChanged"))
    assert told == "kubectl changed 1 to 3 replicas, which is the new base"
    namespace.wait_until(lambda: namespace.condition("Scaling")["reason"] != "ScalingConflict")
    assert namespace.replicas() == 3
    _set_replicas(namespace, 1)
    _in_conflict(namespace)
    assert "ScalingUp" not in namespace.reasons()
    assert namespace.replicas() == 1
    namespace.change(minReplicas=3)
    namespace.wait_until(lambda: namespace.replicas() == 3)
    assert namespace.reasons().count("ScalingConflict") == 2
    assert namespace.reasons().count("ReplicasChanged") == 1


@contextmanager
def _busy(namespace: Namespace) -> Iterator[None]:
    """Somebody writes to the Deployment all the time, so that each version is soon outdated."""
    over = threading.Event()

    def write() -> None:
        other = Namespace(kubeconfig=namespace.kubeconfig, name=namespace.name)
        for count in range(10_000):
            changes = {"metadata": {"annotations": {"count": str(count)}}}
            other.patch(other.path("deployments", "gateway"), changes, manager=_GITOPS)
            if over.is_set():
                break

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def test_a_fleet_grows_though_somebody_writes_to_its_workload_all_the_time(
    namespace: Namespace,
) -> None:
    namespace.apply(gateways(replicas=2), steady())
    _observed(namespace, 2)
    with _busy(namespace):
        namespace.change(minReplicas=3)
        namespace.wait_until(lambda: namespace.replicas() == 3)
        namespace.kubectl("scale", "deployment/gateway", "--replicas=5")
        _observed(namespace, 5)
    namespace.wait_until(lambda: "ReplicasChanged" in namespace.reasons())
    assert namespace.replicas() == 5, "what a person asked for meanwhile was not overwritten"
    assert namespace.reasons().count("ScalingUp") == 1


def _ready(namespace: Namespace, name: str) -> str:
    conditions = namespace.cluster(name).get("status", {}).get("conditions", [])
    return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")


def _settled(namespace: Namespace, **expected: str) -> None:
    namespace.wait_until(lambda: {n: _ready(namespace, n) for n in expected} == expected)


def test_of_two_that_name_one_workload_the_older_acts_until_it_is_gone(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    older, younger = steady(minReplicas=2), steady(minReplicas=3)
    namespace.apply(gateways(replicas=2), older)
    _settled(namespace, chat="FleetReady")
    younger["metadata"]["name"] = "a-second"
    namespace.apply(younger)
    _settled(namespace, **{"a-second": "TargetClaimed"})
    note = namespace.wait_until(lambda: namespace.note("TargetClaimed"))
    assert "Deployment gateway is what ImChatCluster chat acts on" in note
    operator.kill()
    operator.start()
    operator.wait_until_healthy()
    namespace.change(healing={"mode": "Recommend"})
    generation = namespace.cluster()["metadata"]["generation"]
    namespace.wait_until(lambda: namespace.status().get("observedGeneration") == generation)
    _settled(namespace, chat="FleetReady", **{"a-second": "TargetClaimed"})
    assert namespace.replicas() == 2, "the younger's minReplicas counts for nothing yet"
    namespace.kubectl("delete", "imc", "chat")
    namespace.wait_until(lambda: namespace.replicas() == 3)
    _settled(namespace, **{"a-second": "FleetReady"})
    assert namespace.reasons().count("TargetClaimed") == 1


def test_a_workload_is_not_left_in_the_middle_of_a_drain(namespace: Namespace) -> None:
    slow = {"connectionsPerSecond": 1, "deregisterDelay": "1h", "deadline": "1h"}
    namespace.apply(gateways(replicas=3), steady(draining=slow))
    _settled(namespace, chat="FleetReady")
    # With a load that is not known another would come first, and the first one have no way back.
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "30") as users:
        users.wait_for_connected(30)
        namespace.wait_for_load()
        victim = min(namespace.pod_names())
        asked = {"metadata": {"annotations": {"imchat.dev/drain": "true"}}}
        namespace.patch(namespace.path("pods", victim), asked)
        namespace.wait_until(lambda: namespace.status().get("drains"))
        with pytest.raises(ApiException, match="targetRef can't change while gateways are being"):
            namespace.change(targetRef={"kind": "Deployment", "name": "elsewhere"})
        namespace.change(minReplicas=1)
        namespace.patch(
            namespace.path("pods", victim),
            {"metadata": {"annotations": {"imchat.dev/drain": None}}},
        )
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        namespace.wait_until(lambda: not namespace.status().get("drains"))
    namespace.change(targetRef={"kind": "Deployment", "name": "elsewhere"})
    _settled(namespace, chat="TargetNotFound")


def test_one_that_turns_to_a_younger_ones_workload_takes_over_its_drain(
    namespace: Namespace,
) -> None:
    second = steady(minReplicas=2)
    second["metadata"]["name"] = "second"
    elsewhere = {"kind": "Deployment", "name": "elsewhere"}
    namespace.apply(gateways(replicas=3), steady(targetRef=elsewhere), second)
    _settled(namespace, chat="TargetNotFound", second="FleetReady")
    victim = min(namespace.pod_names())
    asked = {"metadata": {"annotations": {"imchat.dev/drain": "true"}}}
    namespace.patch(namespace.path("pods", victim), asked)
    namespace.wait_until(lambda: namespace.cluster("second")["status"].get("drains"))
    namespace.change(targetRef={"kind": "Deployment", "name": "gateway"})
    _settled(namespace, chat="FleetReady", second="TargetClaimed")
    namespace.wait_until(lambda: victim not in namespace.pod_names())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    left = namespace.cluster("second")
    assert "drains" not in left["status"]
    assert "finalizers" not in left["metadata"], "its deletion waits for nobody"
