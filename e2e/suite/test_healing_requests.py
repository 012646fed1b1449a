"""What people ask of a gateway by an annotation of its pod, and the modes and pauses of healing."""

from pathlib import Path

import pytest

from harness import Namespace, Users
from harness.manifests import Manifest, gateways, loaded, steady

pytestmark = pytest.mark.usefixtures("operator")

_EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
_FAST = {"unresponsiveFor": "2s", "notReadyFor": "3s", "restarts": 2}


def _begun(namespace: Namespace, *, replicas: int = 3, **spec: object) -> set[str]:
    namespace.apply(gateways(replicas=replicas), steady(**{"healing": _FAST, **spec}))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    return namespace.pod_names()


def test_a_drain_that_is_asked_for_moves_everybody_after_a_replacement_is_there(
    namespace: Namespace,
) -> None:
    old = _begun(namespace, minReplicas=3)
    asked = min(old)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
        users.wait_for_connected(150)
        report = users.leave()
    assert note.startswith(f"{asked} is replaced by")
    assert asked not in namespace.pod_names()
    assert report["dropped"] == 0
    story = ["GatewayLeaving", "GatewaySurged", "GatewayDraining", "GatewayDrained"]
    story += ["GatewayEvicted", "GatewayReplaced"]
    assert [r for r in namespace.reasons() if r in story] == story
    assert namespace.replicas() == 3
    assert "a replacement is started first" in namespace.note("GatewayLeaving")


def test_a_drain_that_is_asked_for_no_longer_is_undone(namespace: Namespace) -> None:
    old = _begun(namespace)
    namespace.change(draining={"connectionsPerSecond": 1, "deregisterDelay": "1s"})
    asked = min(old)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_for_load()
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        namespace.wait_until(lambda: namespace.gateway_state(asked) == "Draining")
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain-")
        namespace.wait_until(lambda: "RemediationUndone" in namespace.reasons())
        namespace.wait_until(lambda: namespace.gateway_state(asked) == "Serving")
        assert users.leave()["dropped"] == 0
    assert namespace.pod_names() == old


def test_a_gateway_in_quarantine_is_kept_beside_a_full_fleet_and_removed_after_it(
    namespace: Namespace,
) -> None:
    kept = min(_begun(namespace))
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.kubectl("annotate", "pod", kept, "imchat.dev/quarantine=heap dump for INC-7")
        note = namespace.wait_until(lambda: namespace.note("GatewayQuarantined"), seconds=60)
        assert "out of the count: QuarantineRequested: heap dump for INC-7" in note
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        assert kept in namespace.pod_names()
        assert len(namespace.pod_names()) == 4
        assert namespace.status()["readyReplicas"] == 3
        assert namespace.condition("Healing")["reason"] == "AllHealthy"
        namespace.kubectl("annotate", "pod", kept, "imchat.dev/quarantine-")
        namespace.wait_until(lambda: kept not in namespace.pod_names())
        report = users.leave()
    assert report["dropped"] == 0
    assert len(namespace.ready_pods()) == 3


@pytest.mark.parametrize(
    ("healing", "reason"),
    [
        pytest.param({"mode": "Observe"}, "Observing", id="mode Observe"),
        pytest.param({"pauses": [{"reason": "a load test"}]}, "Paused", id="a pause"),
    ],
)
def test_healing_that_is_told_to_hold_still_does_and_says_what_it_holds(
    namespace: Namespace, healing: dict[str, object], reason: str
) -> None:
    names = _begun(namespace, healing={**_FAST, **healing})
    ill = min(names)
    namespace.fault(ill, "unready")
    blocked = namespace.wait_until(
        lambda: (
            found
            if (found := namespace.condition("RemediationBlocked")).get("reason") == reason
            else None
        )
    )
    assert blocked["status"] == "True"
    assert f"1 held: {ill} (NotReady: runs but fails its readiness probe)" in blocked["message"]
    assert namespace.pod_names() == names
    namespace.change(healing={"mode": "Auto", "pauses": []})
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    assert note.startswith(ill)


def test_what_would_be_repaired_is_recommended_once(namespace: Namespace) -> None:
    names = _begun(namespace, healing={**_FAST, "mode": "Recommend"})
    ill = min(names)
    namespace.fault(ill, "unready")
    note = namespace.wait_until(lambda: namespace.note("RemediationRecommended"))
    assert note.startswith(f"{ill} would be repaired, nothing is done: NotReady")
    namespace.fault(ill, "none")
    namespace.wait_until(lambda: namespace.condition("Healing")["reason"] == "AllHealthy")
    assert namespace.reasons().count("RemediationRecommended") == 1
    assert namespace.pod_names() == names


def _prestop_gateways() -> Manifest:
    """Return the Deployment of the documentation, on addresses that are shared with nobody."""
    deployment, _ = loaded(_EXAMPLES / "prestop.yaml")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["python", str(_EXAMPLES / "prestop_gateway.py")]
    container["env"] = [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    ]
    return deployment


def test_a_gateway_without_a_drain_is_left_to_its_prestop_hook(namespace: Namespace) -> None:
    healing = {**_FAST, "zombie": {"messages": "", "errors": ""}}
    namespace.apply(_prestop_gateways(), steady(healing=healing))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    asked = min(namespace.pod_names())
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "60") as users:
        users.wait_for_connected(60)
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
        path = f"/api/v1/namespaces/{namespace.name}/pods/{asked}"
        namespace.wait_until(lambda: namespace.get(path) is None, seconds=60)
        users.wait_for_connected(60)
        report = users.leave()
    assert report["dropped"] == 0
    assert report["closed"]["1012"] > 0
    assert namespace.note("DrainRefused") == (
        f"{asked} can't be told to drain (answered HTTP 404): "
        "an unknown number of connections are left to its preStop hook"
    )
    assert "ConnectionsCut" not in namespace.reasons()
