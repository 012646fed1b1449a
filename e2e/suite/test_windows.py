"""While a window is open, healing and scaling down wait; scaling up does not."""

from datetime import UTC, datetime, timedelta

import pytest

from harness import Namespace, Users
from harness.manifests import SAMPLES, cluster, gateways, loaded, steady, window

pytestmark = pytest.mark.usefixtures("operator")


def _once(start: timedelta, end: timedelta) -> dict[str, dict[str, str]]:
    now = datetime.now(UTC)
    texts = [(now + offset).isoformat(timespec="seconds") for offset in (start, end)]
    return {"once": {"start": texts[0], "end": texts[1]}}


def _state(namespace: Namespace, name: str) -> str:
    path = f"/apis/imchat.dev/v1alpha1/namespaces/{namespace.name}/maintenancewindows/{name}"
    found = namespace.get(path) or {}
    return str(found.get("status", {}).get("state", ""))


def test_a_gateway_that_fails_in_a_window_is_healed_when_it_closes(namespace: Namespace) -> None:
    namespace.apply(gateways(), steady())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    ill = min(namespace.pod_names())
    namespace.apply(window("work", _once(-timedelta(minutes=1), timedelta(seconds=15))))
    namespace.wait_until(lambda: namespace.condition("MaintenanceActive").get("status") == "True")
    assert _state(namespace, "work") == "Open"
    namespace.fault(ill, "unready")
    namespace.wait_until(lambda: namespace.condition("Healing").get("reason") == "HeldByWindow")
    assert ill in namespace.condition("Healing")["message"]
    assert ill in namespace.pod_names()
    namespace.wait_until(lambda: ill in namespace.note("GatewayReplaced"), seconds=60)
    reasons = namespace.reasons()
    order = ["WindowOpen", "HeldByWindow", "WindowClosed", "GatewayUnhealthy", "GatewayReplaced"]
    assert [r for r in reasons if r in order] == order
    namespace.wait_until(lambda: _state(namespace, "work") == "Ended")
    assert namespace.reasons("MaintenanceWindow") == ["WindowOpen", "WindowEnded"]


def test_a_window_holds_a_scale_down_and_lets_a_scale_up_through(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=4, capacity=50), cluster())
    namespace.apply(window("work", _once(-timedelta(minutes=1), timedelta(minutes=10))))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
    few = ("--clients", "20")
    with Users.connected(namespace.kubeconfig, namespace.name, *few) as stayers:
        stayers.wait_for_connected(20)
        namespace.wait_until(lambda: namespace.condition("Scaling").get("reason") == "HeldByWindow")
        with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "160") as users:
            users.wait_for_connected(130)
            namespace.wait_until(lambda: namespace.replicas() == 6)
        namespace.wait_until(lambda: namespace.condition("Scaling").get("reason") == "HeldByWindow")
        assert "ScalingDown" not in namespace.reasons()
        namespace.kubectl("delete", "mwin", "work", "--timeout=10s")
        namespace.wait_until(lambda: "ScalingDown" in namespace.reasons())


def test_a_window_that_opens_in_mid_drain_undoes_the_scale_down(namespace: Namespace) -> None:
    slow = {"connectionsPerSecond": 1, "deregisterDelay": "1s", "deadline": "10m"}
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=slow))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "60") as users:
        users.wait_for_connected(60)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        namespace.apply(window("work", _once(-timedelta(minutes=1), timedelta(minutes=10))))
        note = namespace.wait_until(lambda: namespace.note("ScaleDownUndone"))
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        assert users.leave()["dropped"] == 0
    assert "window work" in note
    assert namespace.replicas() == 3


def test_the_sample_window_tells_when_it_opens(namespace: Namespace) -> None:
    namespace.apply(loaded(SAMPLES / "maintenancewindow.yaml"))
    namespace.wait_until(lambda: _state(namespace, "first-sunday") == "Scheduled")
    shown = namespace.kubectl("get", "mwin")
    assert "Scheduled" in shown
