"""What windows hold on a real cluster: by Silence and by Permit, and with the operator away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness import Namespace, OperatorProcess, Users
from harness.manifests import SAMPLES, SLOWLY, cluster, gateways, loaded, steady, window

pytestmark = pytest.mark.usefixtures("operator")

MINUTE = timedelta(minutes=1)


def _text(offset: timedelta) -> str:
    return (datetime.now(UTC) + offset).isoformat(timespec="milliseconds")


def _once(start: timedelta, end: timedelta) -> dict[str, dict[str, str]]:
    return {"once": {"start": _text(start), "end": _text(end)}}


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def _path(namespace: Namespace, name: str) -> str:
    return f"/apis/imchat.dev/v1alpha1/namespaces/{namespace.name}/maintenancewindows/{name}"


def _status(namespace: Namespace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (namespace.get(_path(namespace, name)) or {}).get("status", {})
    return found


def _state(namespace: Namespace, name: str) -> str:
    return str(_status(namespace, name).get("state", ""))


def test_a_gateway_that_fails_in_a_window_is_healed_when_it_closes(namespace: Namespace) -> None:
    namespace.apply(gateways(), steady())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    ill = min(namespace.pod_names())
    namespace.apply(window("work", _once(-MINUTE, _seconds(15))))
    namespace.wait_until(lambda: namespace.condition("MaintenanceActive").get("status") == "True")
    assert namespace.status()["window"] == "work"
    namespace.wait_until(lambda: _state(namespace, "work") == "Open")
    namespace.fault(ill, "unready")
    namespace.wait_until(lambda: namespace.condition("Healing").get("reason") == "HeldByWindow")
    assert ill in namespace.condition("Healing")["message"]
    assert ill in namespace.pod_names()
    namespace.wait_until(lambda: ill in namespace.note("GatewayReplaced"), seconds=60)
    reasons = namespace.reasons()
    order = [
        "WindowOpen",
        "HeldByWindow",
        "MaintenanceUnhealthy",
        "WindowClosed",
        "GatewayUnhealthy",
        "GatewayReplaced",
    ]
    told = [r for r in reasons if r in order]
    assert sorted(told) == sorted(order)
    assert told.index("WindowClosed") < told.index("GatewayReplaced")
    assert ill in namespace.note("MaintenanceUnhealthy")
    namespace.wait_until(lambda: _state(namespace, "work") == "Ended")
    namespace.wait_until(lambda: "WindowEnded" in namespace.reasons("MaintenanceWindow"))
    assert sorted(namespace.reasons("MaintenanceWindow")) == [
        "MaintenanceScheduled",
        "ShortNotice",
        "WindowEnded",
        "WindowOpen",
    ]


def test_a_window_holds_a_scale_down_and_lets_a_scale_up_through(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=4, capacity=50), cluster())
    namespace.apply(window("work", _once(-MINUTE, 10 * MINUTE)))
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
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=SLOWLY))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "60") as users:
        users.wait_for_connected(60)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        namespace.apply(window("work", _once(-MINUTE, 10 * MINUTE)))
        note = namespace.wait_until(lambda: namespace.note("ScaleDownUndone"))
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        assert users.leave()["dropped"] == 0
    assert "window work" in note
    assert namespace.replicas() == 3


@contextmanager
def _hardly_used(namespace: Namespace) -> Iterator[None]:
    """Have a fleet of three gateways that hold a few connections: a fleet of none is not judged.

    It does not scale yet.
    """
    namespace.apply(gateways(replicas=3, capacity=50), steady())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "20") as users:
        users.wait_for_connected(20)
        yield


def test_a_scale_down_waits_for_a_permit_window(namespace: Namespace) -> None:
    with _hardly_used(namespace):
        opens = datetime.now(UTC) + _seconds(25)
        schedule = {"once": {"start": opens.isoformat(), "end": (opens + 10 * MINUTE).isoformat()}}
        namespace.apply(window("nightly", schedule, effect="Permit"), cluster())
        namespace.wait_until(lambda: namespace.condition("Scaling").get("reason") == "HeldByWindow")
        assert namespace.status()["window"] == "awaits nightly"
        namespace.wait_until(lambda: namespace.condition("Deferred").get("status") == "True")
        assert namespace.replicas() == 3
        namespace.wait_until(lambda: namespace.replicas() == 2, seconds=60)
        assert namespace.told_at("ScalingDown") >= opens
        namespace.wait_until(lambda: namespace.condition("Deferred").get("status") == "False")


def test_what_has_waited_for_the_longest_time_goes_on(namespace: Namespace) -> None:
    with _hardly_used(namespace):
        later = _once(timedelta(hours=1), timedelta(hours=2))
        permit = window("nightly", later, effect="Permit", maxDeferral="6s")
        namespace.apply(permit, cluster())
        namespace.wait_until(lambda: namespace.condition("Scaling").get("reason") == "HeldByWindow")
        namespace.wait_until(lambda: namespace.replicas() == 2, seconds=60)
        assert "longer than maxDeferral 6s" in namespace.note("DeferralExpired")
        assert "ScaleDownUndone" not in namespace.reasons()


def test_gateways_are_there_before_a_window_opens(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=2), steady())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    soon = _once(MINUTE, 10 * MINUTE)
    namespace.apply(window("work", soon, minReplicas=4, prepare="50s"))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4, seconds=40)
    assert "window work wants 4" in namespace.note("ScalingUp")
    assert _state(namespace, "work") == "Scheduled"


def test_an_operator_that_is_away_while_a_window_is_open_says_so(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    namespace.apply(gateways(), steady())
    closes = datetime.now(UTC) + _seconds(29)
    soon = _once(_seconds(25), _seconds(120))
    # The API takes no opening of less than a minute; validUntil shortens it.
    namespace.apply(window("work", soon, validUntil=closes.isoformat(), notice=["1s"]))
    namespace.wait_until(lambda: _state(namespace, "work") == "Scheduled", seconds=20)
    operator.kill()
    time.sleep(max(0.0, (closes - datetime.now(UTC)).total_seconds() + 0.5))
    operator.start()
    namespace.wait_until(lambda: _state(namespace, "work") == "Ended")
    told = namespace.wait_until(
        lambda: (r := namespace.reasons("MaintenanceWindow")) and "WindowEnded" in r and r
    )
    assert told == ["MaintenanceScheduled", "WindowClosed", "WindowEnded"]


def test_an_operator_that_is_away_when_a_window_closes_verifies_when_it_is_back(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    with _hardly_used(namespace):
        namespace.wait_until(lambda: namespace.condition("Ready").get("status") == "True")
        closes = datetime.now(UTC) + _seconds(15)
        always = _once(-MINUTE, MINUTE)
        namespace.apply(window("work", always, validUntil=closes.isoformat()))
        namespace.wait_until(lambda: namespace.status().get("window") == "work")
        namespace.wait_until(lambda: "WindowOpen" in namespace.reasons("MaintenanceWindow"))
        operator.kill()
        time.sleep(max(0.0, (closes - datetime.now(UTC)).total_seconds() + 0.5))
        operator.start()
        note = namespace.wait_until(lambda: namespace.note("MaintenanceVerified"))
        assert "3 of 3 gateways take connections" in note
        namespace.wait_until(lambda: "WindowEnded" in namespace.reasons("MaintenanceWindow"))
    reasons = namespace.reasons("MaintenanceWindow")
    assert sorted(reasons) == sorted(set(reasons)), "each is told once"


def test_the_sample_window_tells_when_it_opens(namespace: Namespace) -> None:
    namespace.apply(cluster(), loaded(SAMPLES / "maintenancewindow.yaml"))
    namespace.wait_until(lambda: _status(namespace, "first-sunday").get("clusters") == "chat")
    shown = namespace.kubectl("get", "mwin").splitlines()
    assert shown[0].split() == ["NAME", "STATE", "NEXT", "ENDS", "CLUSTERS", "EFFECT", "AGE"]
    assert shown[1].split()[1] == "Scheduled"
    assert shown[1].split()[4:6] == ["chat", "Silence"]
