"""No Events, no rights to write, no memory: the operator says so, goes slow, and loses nothing."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kubernetes import client

import loopback_node
from harness import Namespace, OperatorProcess, Users
from harness.manifests import SLOWLY, cluster, gateways, scaling, steady
from harness.rights import reader_kubeconfig
from harness.waiting import wait_for

_SECONDS = 90.0
_MIB = 1 << 20


@pytest.fixture
def fleet(namespace: Namespace, nodes: loopback_node.LoopbackNodes) -> Namespace:
    """Two gateways, and an ImChatCluster that asks for three."""
    assert nodes.names
    namespace.apply(gateways(replicas=2), steady(minReplicas=3))
    return namespace


@contextmanager
def _running(
    namespace: Namespace, folder: Path, kubeconfig: Path | None = None
) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(
        namespace.kubeconfig,
        namespace.name,
        folder / "operator.log",
        own_kubeconfig=kubeconfig,
        forked=True,
    )
    with operator.started():
        yield operator


@contextmanager
def _no_events(namespace: Namespace) -> Iterator[None]:
    """Forbid Events for as long as the block lasts; quotas do not count them, whatever they say."""
    name = f"no-events-{namespace.name}"
    rule = {"apiGroups": ["", "events.k8s.io"], "resources": ["events"]}
    where = {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}
    policy = {
        "matchConstraints": {
            "resourceRules": [{**rule, "apiVersions": ["*"], "operations": ["CREATE"]}]
        },
        "validations": [{"expression": "false", "message": "no Events", "reason": "Forbidden"}],
    }
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": where},
    }
    kinds = {
        "ValidatingAdmissionPolicy": policy,
        "ValidatingAdmissionPolicyBinding": binding,
    }
    version = "admissionregistration.k8s.io/v1"
    for kind, spec in kinds.items():
        namespace.apply(
            {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
        )
    try:
        wait_for(lambda: not _takes_events(namespace), what="no Event is taken")
        yield
    finally:
        for kind in reversed(kinds):
            namespace.kubectl("delete", kind, name)


def _takes_events(namespace: Namespace) -> bool:
    about = {"kind": "Pod", "namespace": namespace.name, "name": "none"}
    event = {"metadata": {"generateName": "try-"}, "involvedObject": about, "reason": "Try"}
    try:
        namespace.post(f"/api/v1/namespaces/{namespace.name}/events?dryRun=All", event)
    except client.ApiException:
        return False
    return True


def test_where_events_are_forbidden_the_work_goes_on_and_they_come_once_they_may(
    fleet: Namespace, tmp_path: Path
) -> None:
    with _no_events(fleet), _running(fleet, tmp_path) as operator:
        fleet.wait_until(lambda: fleet.condition("Ready").get("status") == "True", seconds=_SECONDS)
        fleet.wait_until(lambda: fleet.replicas() == 3, seconds=_SECONDS)
        fleet.wait_until(lambda: len(fleet.ready_pods()) == 3, seconds=_SECONDS)
        assert fleet.reasons() == []
        promised = {e["reason"] for e in fleet.status()["pendingEvents"]}
        assert "ScalingUp" in promised
        assert "no Events" in operator.log()
    with _running(fleet, tmp_path) as operator:
        fleet.wait_until(lambda: promised <= set(fleet.reasons()), seconds=_SECONDS)
        fleet.wait_until(lambda: "pendingEvents" not in fleet.status(), seconds=_SECONDS)
        assert "Traceback" not in operator.log()


def test_what_is_promised_is_told_before_a_cluster_is_gone(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path
) -> None:
    assert nodes.names
    waits = [{"direction": "ScaleDown", "reason": "not yet"}]
    namespace.apply(
        gateways(replicas=3, capacity=300), cluster(draining=SLOWLY, scaling=scaling(pauses=waits))
    )
    with (
        _running(namespace, tmp_path),
        Users.connected(namespace.kubeconfig, namespace.name, "--clients", "60") as users,
    ):
        users.wait_for_connected(60, seconds=_SECONDS)
        with _no_events(namespace):
            namespace.change(scaling={"pauses": []})
            namespace.wait_until(lambda: namespace.status().get("drains"), seconds=_SECONDS)
            namespace.kubectl("delete", "imc", "chat", "--wait=false")
            namespace.wait_until(lambda: "drains" not in namespace.status(), seconds=_SECONDS)
            namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
            promised = {e["reason"] for e in namespace.status()["pendingEvents"]}
            assert "ScalingDown" in promised
        namespace.wait_until(lambda: not namespace.cluster(), seconds=_SECONDS)
        assert promised <= set(namespace.reasons())
        assert users.leave()["dropped"] == 0


def _failures(operator: OperatorProcess) -> float:
    found = operator.metrics().items()
    return sum(n for name, n in found if "passes_total" in name and 'result="error"' in name)


def _requests(operator: OperatorProcess) -> float:
    found = operator.metrics().items()
    return sum(n for name, n in found if name.startswith("imchat_operator_api_requests_total"))


def test_with_rights_to_read_alone_it_says_so_and_asks_ever_more_seldom(
    fleet: Namespace, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "reader.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(reader_kubeconfig(fleet), encoding="utf-8")
    with _running(fleet, tmp_path, kubeconfig) as operator:
        operator.wait_until_healthy()
        wait_for(lambda: _failures(operator) >= 5, seconds=2 * _SECONDS, what="five failed passes")
        before, failed = _requests(operator), _failures(operator)
        wait_for(lambda: _failures(operator) > failed, seconds=_SECONDS, what="one more")
        asked = _requests(operator) - before
        log = operator.log()
    assert "pass failed" in log
    assert "is forbidden" in log, "in the API server's own words"
    assert "Traceback" not in log
    assert asked < 30, "a failed pass costs a few requests, and each comes later than the last"
    assert fleet.replicas() == 2
    with _running(fleet, tmp_path):
        fleet.wait_until(lambda: fleet.replicas() == 3, seconds=_SECONDS)


def test_without_memory_it_ends_or_goes_on_and_the_end_is_the_same(
    fleet: Namespace, tmp_path: Path
) -> None:
    with _running(fleet, tmp_path) as operator:
        fleet.wait_until(lambda: fleet.replicas() == 3, seconds=_SECONDS)
        fleet.wait_until(lambda: len(fleet.ready_pods()) == 3, seconds=_SECONDS)
        pid = operator.pid
        assert pid is not None
        _, most = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (operator.memory + 2 * _MIB, most))
        for name in range(60):
            long = f"x{name}" + "x" * 200_000
            made = steady(targetRef={"name": f"none-{name}"})
            made["metadata"] = {"name": f"none-{name}", "annotations": {"example.dev/long": long}}
            fleet.post(fleet.path("imchatclusters"), made)
        fleet.change(minReplicas=4)
        wait_for(
            lambda: operator.pid is None or "MemoryError" in operator.log(),
            seconds=_SECONDS,
            what="want of memory",
        )
        operator.end()
        for name in range(60):
            fleet.kubectl("delete", "imc", f"none-{name}", "--wait=false")
        operator.start()
        fleet.wait_until(lambda: fleet.replicas() == 4, seconds=_SECONDS)
        fleet.wait_until(lambda: len(fleet.ready_pods()) == 4, seconds=_SECONDS)
        fleet.wait_until(lambda: fleet.condition("Ready").get("status") == "True")
        assert "drains" not in fleet.status()
