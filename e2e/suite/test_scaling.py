"""The fleet grows under load, shares it out, shrinks after it, and tells why."""

import re

import pytest

from harness import Namespace, Users
from harness.manifests import by_cpu, cluster, gateways, scaling, steady
from harness.usage import Usage

pytestmark = pytest.mark.usefixtures("operator")

# Parts of the Events that `kubectl describe` has to show, in this order; each with its figures.
_STORY = (
    r"ScalingUp .*2 → 4 gateways: above 70% for 3s \(now 90%, connections\); 180 connections ",
    r"at 100 a gateway need 4 to stay at 80% with 1 lost",
    r"ScalingDown .*4 → [23] gateways: below 30% for 3s \(now 15%, connections\).*draining ",
    r"GatewayDraining .* closes \d+ connections, \d+ a second",
    r"GatewayDrained .* closed all its connections in [\d.]+s, none was cut",
    r"ScaledDown .*[34] → 2 gateways: .* drained and removed",
)


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
            surge = many.leave()
        # By way of 3, if a sample fell between those who left: no smaller than what they needed.
        namespace.wait_until(lambda: "→ 2 gateways" in namespace.note("ScaledDown"), seconds=60)
        assert namespace.replicas() == 2
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
        few.wait_for_connected(60)
        report = few.leave()
    assert surge["dropped"] == report["dropped"] == 0
    assert not {"WrongVictim", "ConnectionsCut"} & set(namespace.reasons())
    described = namespace.kubectl("describe", "imc", "chat")
    print(described)  # noqa: T201 -- pytest shows it when a part of the story is missing
    assert re.search(".*".join(_STORY), described, re.DOTALL)


def test_a_new_gateway_gets_its_share_once_rebalancing_is_on(namespace: Namespace) -> None:
    off = scaling(scaleDown=[], rebalance={"mode": "Off"})
    namespace.apply(gateways(replicas=2, capacity=100), cluster(scaling=off))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    old = namespace.pod_names()
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
        [new] = namespace.pod_names() - old
        namespace.wait_until(lambda: "is not above" in namespace.condition("Scaling")["message"])
        assert new not in users.report()["byGateway"], "long-lived connections stay where they are"
        assert "Rebalancing" not in namespace.reasons()
        namespace.change(scaling={"rebalance": {"mode": "Auto"}})
        namespace.wait_until(lambda: namespace.note("Rebalanced"))
        users.wait_for_connected(150)
        held = users.report()["byGateway"]
        assert held[new] >= 20, "of 50 that are its share"
        assert max(held.values()) <= 65, "target and margin"
        assert len(namespace.ready_pods()) == 3
        assert users.leave()["dropped"] == 0
    begun = r"3 gateways hold 0 to \d+ connections; .* move \d+ of them to the others, 200 a second"
    assert re.match(begun, namespace.note("Rebalancing"))
    assert re.match(r"now 3 gateways hold \d+ to \d+ connections", namespace.note("Rebalanced"))


def test_a_fleet_below_min_replicas_grows_at_once(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=1), steady())
    namespace.wait_until(lambda: namespace.replicas() == 2)
    assert "minReplicas is 2" in namespace.note("ScalingUp")


def test_a_cool_down_holds_a_scale_down_and_tells_its_end(
    namespace: Namespace, usage: Usage
) -> None:
    policy = by_cpu(scaleDown=[{"below": 30, "for": "1s"}], cooldown={"scaleDown": "10m"})
    namespace.apply(gateways(replicas=2), {**policy, "spec": {**policy["spec"], "minReplicas": 3}})
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    usage.put(10)
    namespace.change(minReplicas=2)
    namespace.wait_until(lambda: namespace.condition("Scaling")["reason"] == "CoolingDown")
    message = namespace.condition("Scaling")["message"]
    assert re.match(r"cooling down for 10m since \d\d:\d\d:\d\d UTC: 3 → 2 gateways", message)
    assert "ScalingDown" not in namespace.reasons()
