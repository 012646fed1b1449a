"""The ladder of a repair: surge, drain, evict, delete; and an operator that dies on each rung."""

import pytest

from harness import Namespace, OperatorProcess, Users
from harness.manifests import budget, gateways, stateful_gateways, steady

pytestmark = pytest.mark.usefixtures("operator")

_FAST = {"unresponsiveFor": "2s", "notReadyFor": "3s", "restarts": 2, "evictWithin": "3s"}
_SLOW = {"connectionsPerSecond": 20, "deregisterDelay": "2s"}


def _begun(namespace: Namespace, *, replicas: int = 3, **spec: object) -> set[str]:
    namespace.apply(gateways(replicas=replicas), steady(**{"healing": _FAST, **spec}))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    return namespace.pod_names()


def test_a_budget_that_allows_nothing_is_named_and_met_by_another_gateway(
    namespace: Namespace,
) -> None:
    ill = min(_begun(namespace, healing={**_FAST, "evictWithin": "5m"}))
    namespace.apply(budget("gateway", maxUnavailable=0))
    namespace.fault(ill, "unready")
    note = namespace.wait_until(lambda: namespace.note("EvictionBlocked"))
    assert "PodDisruptionBudget gateway can never allow it: it needs 3 healthy of 3" in note
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    assert note.startswith(ill)
    assert "GatewayEvicted" in namespace.reasons()


def test_where_no_other_can_come_first_an_ill_gateway_is_deleted_at_last(
    namespace: Namespace,
) -> None:
    target = {"kind": "StatefulSet", "name": "gateway"}
    namespace.apply(stateful_gateways(replicas=3), steady(targetRef=target, healing=_FAST))
    namespace.apply(budget("gateway", maxUnavailable=0))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    namespace.fault("gateway-0", "unready")
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    assert note.startswith("gateway-0 is replaced by gateway-0")
    assert "deleted after eviction (refused for 3s: PodDisruptionBudget" in namespace.note(
        "GatewayDeleted"
    )


def test_two_budgets_on_one_pod_are_named_and_not_asked_again(namespace: Namespace) -> None:
    ill = min(_begun(namespace, healing={**_FAST, "evictWithin": "5m"}))
    namespace.apply(budget("second", maxUnavailable=1))
    namespace.fault(ill, "unready")
    namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    assert "eviction (refused for good: 2 PodDisruptionBudgets select it" in namespace.note(
        "GatewayDeleted"
    )


def test_nobody_is_moved_where_the_eviction_would_be_refused(namespace: Namespace) -> None:
    names = _begun(namespace)
    asked = min(names)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "90") as users:
        users.wait_for_connected(90)
        namespace.wait_for_load()
        namespace.apply(budget("gateway", maxUnavailable=0), budget("second", maxUnavailable=0))
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        held = namespace.wait_until(
            lambda: (
                (found := namespace.condition("RemediationBlocked"))["status"] == "True" and found
            )
        )
        assert held["reason"] == "EvictionBlocked"
        assert held["message"].startswith(
            f"{asked} could not be evicted, and serves on until it can: "
            "2 PodDisruptionBudgets select it (gateway, second)"
        )
        assert len(namespace.ready_pods()) == 3
        namespace.kubectl("delete", "poddisruptionbudget", "second")
        note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
        assert note.startswith(asked), "a replacement first: then a budget that allows none does"
        users.wait_for_connected(90)
        assert users.leave()["dropped"] == 0
    assert "GatewaySurged" in namespace.reasons()
    assert "EvictionBlocked" not in namespace.reasons()


def test_a_gateway_that_is_well_is_not_deleted_past_a_budget(namespace: Namespace) -> None:
    names = _begun(namespace, draining=_SLOW)
    asked = min(names)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "90") as users:
        users.wait_for_connected(90)
        namespace.wait_for_load()
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        namespace.wait_until(lambda: namespace.status().get("drains"))
        namespace.apply(budget("gateway", maxUnavailable=0), budget("second", maxUnavailable=0))
        note = namespace.wait_until(lambda: namespace.note("RemediationFailed"), seconds=60)
        namespace.wait_until(
            lambda: namespace.condition("RemediationBlocked")["reason"] == "BackingOff"
        )
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain-")
        cause = "DrainRequested: annotation imchat.dev/drain is true"
        assert note.startswith(f"{asked} ({cause}): tried")
        assert "2 PodDisruptionBudgets select it" in note
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        users.wait_for_connected(90)
        assert users.leave()["dropped"] == 0
    assert namespace.pod_names() == names
    assert "GatewayDeleted" not in namespace.reasons()


def test_a_gateway_that_may_not_go_stays_out_once_another_has_its_place(
    namespace: Namespace,
) -> None:
    """Back among them it would be one too many, and its ReplicaSet cut somebody off."""
    names = _begun(namespace, minReplicas=3, draining=_SLOW)
    asked = min(names)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "90") as users:
        users.wait_for_connected(90)
        namespace.kubectl("annotate", "pod", asked, "imchat.dev/drain=true")
        namespace.wait_until(lambda: namespace.status().get("drains"))
        namespace.apply(budget("gateway", maxUnavailable=0), budget("second", maxUnavailable=0))
        note = namespace.wait_until(lambda: namespace.note("EvictionBlocked"), seconds=60)
        assert "2 PodDisruptionBudgets select it" in note
        ill = min(names - {asked})
        namespace.fault(ill, "unready")
        namespace.wait_until(lambda: ill not in namespace.pod_names(), seconds=60)
        assert asked in namespace.pod_names()
        assert asked not in {p["metadata"]["name"] for p in namespace.ready_pods()}
        namespace.kubectl("delete", "poddisruptionbudget", "gateway", "second")
        namespace.wait_until(lambda: asked not in namespace.pod_names())
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        users.wait_for_connected(90)
        assert users.leave()["dropped"] == 0
    assert names - {asked, ill} <= namespace.pod_names(), "nobody else had to go"
    assert "RemediationFailed" not in namespace.reasons()


def test_an_operator_killed_on_each_rung_goes_on_where_it_was(
    namespace: Namespace, operator: OperatorProcess
) -> None:
    ill = min(_begun(namespace, minReplicas=3, draining={**_SLOW, "deadline": "2m"}))
    seen: list[str] = []

    def killed() -> bool:
        """Kill the operator once in each phase that shows, until the gateway is replaced."""
        status = namespace.status()
        drains = status.get("drains", [])
        phase = drains[0]["phase"] if drains else ""
        if phase and phase not in seen:
            seen.append(phase)
            operator.kill()
            operator.start()
        # Not by its Event: to look for one is to wait for all that are promised, past a phase.
        return bool(status.get("remediations"))

    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.fault(ill, "unready")
        namespace.wait_until(killed, seconds=120)
        users.wait_for_connected(150)
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        report = users.leave()
    assert seen[:3] == ["Surging", "Isolating", "Draining"]
    assert report["dropped"] == 0
    for reason in (
        "GatewayUnhealthy",
        "GatewaySurged",
        "GatewayDraining",
        "GatewayDrained",
        "GatewayEvicted",
        "GatewayReplaced",
    ):
        assert namespace.reasons().count(reason) == 1, reason
    assert len(namespace.pod_names()) == 3
    assert namespace.status()["remediations"][-1]["pod"] == ill
    assert "Traceback" not in operator.log()
