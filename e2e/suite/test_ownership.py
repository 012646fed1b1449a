"""Who else sets the replicas is seen, named, and left to win until told otherwise."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness import Namespace
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
    assert namespace.reasons().count("ScalingConflict") == 1
    namespace.kubectl("delete", "hpa", rival["metadata"]["name"])
    namespace.wait_until(lambda: namespace.replicas() == 2)
    assert "minReplicas is 2" in namespace.note("ScalingUp")


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


def test_a_scale_with_an_outdated_version_is_refused_and_judged_anew(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=2), steady())
    _observed(namespace, 2)
    with _busy(namespace):
        namespace.change(minReplicas=3)
        namespace.wait_until(
            lambda: "the object has been modified" in namespace.condition("Scaling")["message"]
        )
        assert namespace.condition("Scaling")["reason"] == "ScalingUp"
        namespace.kubectl("scale", "deployment/gateway", "--replicas=5")
    _observed(namespace, 5)
    namespace.wait_until(lambda: namespace.condition("Scaling")["reason"] == "Steady")
    assert namespace.replicas() == 5, "what a person asked for meanwhile was not overwritten"
    assert namespace.reasons().count("ScalingUp") == 1
