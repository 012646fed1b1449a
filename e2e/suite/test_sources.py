"""Where the load comes from: a real Prometheus that fails and recovers, and metrics.k8s.io."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

import loopback_node
import prometheus_server
from harness import Namespace, OperatorProcess, Users
from harness.manifests import Manifest, by_cpu, cluster, gateways, scaling
from harness.usage import Usage
from prometheus_server import PrometheusServer

_SOURCE = {
    "source": "Prometheus",
    "prometheus": {"name": "main"},
    "interval": "500ms",
    "timeout": "2s",
    "maxAge": "5s",
}


@pytest.fixture
def prometheus(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path
) -> Iterator[PrometheusServer]:
    """A Prometheus that scrapes the gateways, and an operator that knows it as `main`."""
    assert nodes.names
    sources = tmp_path / "sources.yaml"
    log = tmp_path / "operator.log"
    with prometheus_server.running(namespace.kubeconfig, namespace.name) as server:
        known = {"prometheus": [{"name": "main", "url": server.url}]}
        sources.write_text(yaml.safe_dump(known))
        environment = {"IMCHAT_METRIC_SOURCES": str(sources)}
        operator = OperatorProcess(
            namespace.kubeconfig, namespace.name, log, environment, forked=True
        )
        with operator.started():
            yield server


def _by_prometheus(**changes: object) -> Manifest:
    return cluster(metrics=_SOURCE, scaling=scaling(**changes))


def _metrics(namespace: Namespace, status: str) -> str:
    """Wait for a status of MetricsAvailable; return its message."""

    def message() -> str:
        found = namespace.condition("MetricsAvailable")
        return str(found["message"]) if found.get("status") == status else ""

    return namespace.wait_until(message)


def test_prometheus_tells_the_load_and_while_it_is_away_nothing_shrinks(
    namespace: Namespace, prometheus: PrometheusServer
) -> None:
    policy = _by_prometheus(scaleDown=[{"below": 30, "for": "5s"}], rebalance={"mode": "Off"})
    namespace.apply(gateways(replicas=2, capacity=100), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    who = (namespace.kubeconfig, namespace.name)
    with Users.connected(*who, "--clients", "30") as few:
        with Users.connected(*who, "--clients", "120") as many:
            many.wait_for_connected(120)
            namespace.wait_until(lambda: namespace.replicas() == 3)
            assert "above 70% for 3s (now 75%, connections)" in namespace.note("ScalingUp")
            message = _metrics(namespace, "True")
            assert message == "Prometheus main reports the gateways' load"
            assert many.leave()["dropped"] == 0
        prometheus.stop()
        at_least_5 = {"after": "6s", "behavior": "CurrentReplicasIfHigher", "replicas": 5}
        namespace.change(scaling={"fallback": at_least_5})
        gone = "Prometheus main can't be asked"
        namespace.wait_until(lambda: gone in _metrics(namespace, "False"))
        blind = datetime.fromisoformat(namespace.status()["blindness"]["since"])
        note = namespace.wait_until(lambda: namespace.note("FallbackActivated"))
        assert namespace.told_at("FallbackActivated") - blind >= timedelta(seconds=6)
        assert note.endswith("at least 5 gateways are kept")
        namespace.wait_until(lambda: namespace.replicas() == 5)
        assert "ScalingDown" not in namespace.reasons()
        prometheus.start()
        note = namespace.wait_until(lambda: namespace.note("FallbackDeactivated"))
        assert note.startswith("the source answers again: ")
        _metrics(namespace, "True")
        namespace.wait_until(lambda: namespace.replicas() == 2, seconds=60)
        assert few.leave()["dropped"] == 0
    assert namespace.told_at("ScalingDown") > namespace.told_at("FallbackDeactivated")
    assert namespace.reasons().count("FallbackActivated") == 1


def test_a_named_query_is_a_signal_of_its_own(
    namespace: Namespace, prometheus: PrometheusServer
) -> None:
    query = f'sum by (pod) (imchat_gateway_connections{{namespace="{namespace.name}"}})'
    sessions = {"type": "Query", "name": "sessions", "query": query, "capacity": "25"}
    unknown = {"type": "Query", "name": "unknown", "query": "no_such_metric", "capacity": "1k"}
    namespace.apply(gateways(replicas=2), _by_prometheus(signals=[sessions, unknown]))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "40") as users:
        users.wait_for_connected(40)
        namespace.wait_until(lambda: namespace.replicas() == 4)
        users.leave()
    assert prometheus.query(query), "the same query as the operator's"
    assert "above 70% for 3s (now 80%, sessions); 40 sessions at 25" in namespace.note("ScalingUp")
    assert "unknown: the query gives no value" in _metrics(namespace, "False")


@pytest.mark.usefixtures("operator")
def test_a_source_that_the_administrator_did_not_name_is_none(namespace: Namespace) -> None:
    namespace.apply(gateways(replicas=2), _by_prometheus())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    message = (
        "connections: the operator's configuration has no Prometheus 'main' for this namespace "
        "(it has none)"
    )
    namespace.wait_until(lambda: _metrics(namespace, "False") == message)


@pytest.mark.usefixtures("operator")
def test_metrics_k8s_io_tells_cpu_and_memory_and_old_figures_are_none(
    namespace: Namespace, usage: Usage
) -> None:
    policy = by_cpu(scaleDown=[])
    policy["spec"]["scaling"]["signals"] = [{"type": "CPU"}, {"type": "Memory"}]
    namespace.apply(gateways(replicas=2), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    usage.put(90, memory=50, age=timedelta(minutes=2))
    old = "0 of 2 gateways report their cpu (2 figures older than 1m), 80% are needed"
    namespace.wait_until(lambda: old in _metrics(namespace, "False"))
    usage.put(50, memory=50)
    assert _metrics(namespace, "True") == "metrics.k8s.io reports the gateways' load"
    assert "ScalingUp" not in namespace.reasons()
    usage.put(50, memory=75)
    namespace.wait_until(lambda: namespace.replicas() == 3)
    assert "(now 75%, memory of requests); 150 MiB at 100 a gateway" in namespace.note("ScalingUp")
