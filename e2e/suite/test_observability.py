"""One decision is found in status, Event, log and audit; and the figures are what clients saw."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import loopback_node
from harness import Namespace, OperatorProcess, Users
from harness.manifests import cluster, gateways, scaling
from prometheus_server import PrometheusServer, find_prometheus

_PREFIX = "imchat_operator_"
_DASHBOARDS = Path(__file__).parents[2] / "helm" / "imchat-operator" / "files" / "dashboards"


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """The file that the operator writes its audit to."""
    return tmp_path / "audit.jsonl"


@pytest.fixture
def operator(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path, audit: Path
) -> Iterator[OperatorProcess]:
    """An operator that logs JSON and has an audit file."""
    assert nodes.names
    told = {"IMCHAT_LOG_FORMAT": "json", "IMCHAT_AUDIT_LOG": str(audit)}
    log = tmp_path / "operator.log"
    process = OperatorProcess(namespace.kubeconfig, namespace.name, log, told, forked=True)
    with process.started():
        yield process


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class Figures:
    """One scrape, of one fleet."""

    def __init__(self, namespace: Namespace, operator: OperatorProcess) -> None:
        self._owner = ('imchatcluster="chat"', f'namespace="{namespace.name}"')
        self._all = operator.metrics()

    def one(self, name: str, *labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        wanted = (*self._owner, *labels)
        found = [
            value
            for key, value in self._all.items()
            if key.startswith(f"{_PREFIX}{name}{{") and all(label in key for label in wanted)
        ]
        assert found, f"no {name} with {wanted}"
        return sum(found)

    def process(self, name: str) -> float:
        """Return the sum of a metric's samples that are of no fleet."""
        keys = [k for k in self._all if k.partition("{")[0] == f"{_PREFIX}{name}"]
        assert keys, f"no {name}"
        return sum(self._all[k] for k in keys)


@pytest.fixture
def prometheus(operator: OperatorProcess, tmp_path: Path) -> Iterator[PrometheusServer]:
    """A real Prometheus that scrapes the operator, as its ServiceMonitor has it."""
    scrape = {
        "job_name": "operator",
        "honor_labels": True,
        "static_configs": [{"targets": [operator.metrics_url.split("/")[2]]}],
    }
    period = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    folder = tmp_path / "prometheus"
    folder.mkdir()
    server = PrometheusServer(
        find_prometheus(), folder, {"global": period, "scrape_configs": [scrape]}
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_a_heal_and_a_scale_down_are_told_alike_everywhere(
    namespace: Namespace, operator: OperatorProcess, audit: Path, prometheus: PrometheusServer
) -> None:
    calm = scaling(
        scaleUp=[{"above": 95, "for": "1h"}],
        scaleDown=[{"below": 1, "for": "1h"}],
        rebalance={"mode": "Off"},
    )
    namespace.apply(gateways(replicas=3), cluster(scaling=calm))
    operator.wait_until_healthy()
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    ill = min(namespace.pod_names())
    who = (namespace.kubeconfig, namespace.name)
    with Users.connected(*who, "--clients", "90") as early:
        early.wait_for_connected(90)
        namespace.fault(ill, "unready")
        namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
        # The new gateway has its share of those, so that the scale-down's victim is not empty.
        with Users.connected(*who, "--clients", "60") as late:
            late.wait_for_connected(60)
            namespace.change(scaling={"scaleDown": [{"below": 50, "for": "1s"}]})
            namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
            namespace.wait_until(lambda: not namespace.status().get("drains"))
            early.wait_for_connected(90)
            late.wait_for_connected(60)
            # While clients are there: that all gateways hold none is not believed, nor shown.
            namespace.wait_until(lambda: _empty_panels(prometheus, namespace) <= _QUIET)
            reports = late.leave(), early.leave()
    namespace.wait_until(
        lambda: Figures(namespace, operator).one("gateways_current") == 2, seconds=10
    )
    figures, lines = Figures(namespace, operator), records(audit.read_text())
    _agree_with_clients(figures, *reports)
    _fleet_is_shown(figures, namespace.status()["remediations"])
    _ids_join(namespace, records(operator.log()), lines, ill)


def _agree_with_clients(figures: Figures, *reports: dict[str, Any]) -> None:
    moved = [figures.one("connections_moved_total", f'purpose="{p}"') for p in _DRAINED]
    assert all(moved), "both the repair and the scale-down moved some"
    assert sum(moved) == sum(r["closed"].get("1012", 0) for r in reports)
    assert figures.one("connections_cut_total") == sum(r["dropped"] for r in reports) == 0


_DRAINED = ("Healing", "ScaleDown")


def _fleet_is_shown(figures: Figures, repairs: list[dict[str, Any]]) -> None:
    assert figures.one("gateways_ready") == figures.one("gateways_wanted") == 2
    for outcome in ("Replaced", "Failed"):
        count = sum(r["outcome"] == outcome for r in repairs)
        assert figures.one("remediations_total", f'outcome="{outcome}"') == count
    assert figures.one("passes_total", 'result="ok"') > 10
    assert figures.one("decisions_total", 'reason="Remediating"') >= 1
    assert figures.one("actions_total", 'action="Scale"', 'outcome="done"') == 1
    assert figures.one("drains") == 0
    assert figures.process("detection_seconds_count") == len(repairs) >= 1
    assert figures.process("recovery_seconds_count") >= 1
    assert figures.process("stage_duration_seconds_count") > 40
    assert figures.process("wake_latency_seconds_count") >= 1
    assert figures.process("api_requests_total") > 20
    assert figures.process("audit_lines_lost_total") == 0


def _ids_join(
    namespace: Namespace, log: list[dict[str, Any]], lines: list[dict[str, Any]], ill: str
) -> None:
    told = _decisions(namespace, "Pod", ill)
    steps = {line["action"]: line for line in lines if line.get("pod") == ill}
    begin = next(line for line in lines if line.get("pod") == ill and line["after"] == _OUT)
    assert begin["decision"] == begin["origin"] == told["GatewayUnhealthy"]
    assert steps["StartDrain"]["decision"] == told["GatewayDraining"]
    assert {steps[a]["origin"] for a in ("StartDrain", "Evict")} == {begin["origin"]}
    assert begin["reason"] == "Remediating"
    assert "NotReady" in begin["why"]
    [scale] = [line for line in lines if line["action"] == "Scale"]
    assert scale["origin"] == _decisions(namespace, "ImChatCluster", "chat")["ScalingDown"]
    assert (scale["before"]["replicas"], scale["after"]) == (3, {"replicas": 2})
    assert len({(n["action"], n["uid"], str(n["after"])) for n in lines}) == len(lines)
    shown = [r for r in log if r["logger"] == "imchat_operator.audit"]
    assert [(r["decision"], r["action"]) for r in shown] == [
        (n["decision"], n["action"]) for n in lines
    ]
    ours = [r for r in log if r.get("decision") == told["GatewayDraining"]]
    assert {r["cluster"] for r in ours} == {"chat"}
    assert {r["namespace"] for r in ours} == {namespace.name}
    assert any("GatewayDraining" in r["message"] for r in ours)


_OUT = {"accepting": 0}
# Panels of what did not happen here.
_QUIET = {
    "Longest drain under way",
    "Requests that failed",
    "Time until a window opens, or closes",
    "Windows",
}


def _empty_panels(prometheus: PrometheusServer, namespace: Namespace) -> set[str]:
    """Return the titles of the dashboards' panels that have a query without an answer."""
    variables = {"$__rate_interval": "1m", "$namespace": namespace.name, "$cluster": "chat"}
    empty = set()
    for path in _DASHBOARDS.glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                query = target["expr"]
                for name, value in variables.items():
                    query = query.replace(name, value)
                if not prometheus.query(query):
                    empty.add(panel["title"])
    return empty


def _decisions(namespace: Namespace, kind: str, name: str) -> dict[str, str]:
    """Return the decision that each of the operator's Events on an object names."""
    return {
        e["reason"]: e["metadata"]["annotations"]["imchat.dev/decision"]
        for e in namespace.events(kind)
        if e["reportingController"] == "imchat-operator" and e["regarding"]["name"] == name
    }
