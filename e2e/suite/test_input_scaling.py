"""What the API server itself refuses of a scaling policy, with a sentence; and its defaults."""

from pathlib import Path
from typing import Any

import pytest

from harness import Namespace
from harness.manifests import Manifest, cluster, scaling
from harness.namespace import KubectlError

_PROMETHEUS = {"source": "Prometheus", "prometheus": {"name": "main"}}
_SUNDAY = {"rrule": "FREQ=WEEKLY;BYDAY=SU", "startTime": "18:00", "duration": "2h"}


def _signals(*signals: Manifest, **metrics: Any) -> Manifest:
    return cluster(metrics=metrics, scaling=scaling(signals=list(signals)))


def _query(**changes: Any) -> Manifest:
    return _signals({"type": "Query", "name": "q", "query": "q", "capacity": "1k", **changes})


def _event(**changes: Any) -> Manifest:
    recurring = {**_SUNDAY, "timeZone": "Europe/Berlin"}
    event = {"name": "push", "minReplicas": 4, "recurring": recurring, **changes}
    return cluster(scaling=scaling(schedules=[event]))


@pytest.mark.parametrize(
    ("manifest", "field", "sentence"),
    [
        # models/cluster.py
        pytest.param(
            _signals({"type": "Connections"}, source="Resource"),
            "spec.scaling.signals",
            "source Resource tells CPU and Memory only: choose such signals or another source",
            id="connections from metrics.k8s.io",
        ),
        pytest.param(
            _signals({"type": "Network", "capacity": "125M"}),
            "spec.scaling.signals",
            "with source Pods a signal of type Network or Disk needs query: "
            "the name of the gateway's metric",
            id="network from the gateways, without a metric's name",
        ),
        pytest.param(
            _signals({"type": "Disk", "capacity": "10Gi", "query": ""}),
            "spec.scaling.signals",
            "with source Pods a signal of type Network or Disk needs query",
            id="disk from the gateways, with an empty name",
        ),
        pytest.param(
            _signals({"type": "Disk", "capacity": "10Gi"}, **_PROMETHEUS),
            "spec.scaling.signals",
            "with source Prometheus a signal of type Disk needs query: PromQL by pod",
            id="disk from Prometheus without PromQL",
        ),
        # models/metrics.py
        pytest.param(
            cluster(metrics={"source": "Prometheus"}),
            "spec.metrics.source",
            "prometheus.name goes with source Prometheus: set both or neither",
            id="source Prometheus without its name",
        ),
        pytest.param(
            cluster(metrics={"prometheus": {"name": "main"}}),
            "spec.metrics.source",
            "prometheus.name goes with source Prometheus: set both or neither",
            id="a Prometheus that is not the source",
        ),
        pytest.param(
            cluster(metrics={"source": "Prometheus", "prometheus": {"name": ""}}),
            "spec.metrics.prometheus.name",
            "should be at least 1 chars long",
            id="a Prometheus without a name",
        ),
        pytest.param(
            cluster(metrics={"source": "Http"}),
            "spec.metrics.source",
            'supported values: "Pods", "Prometheus", "Resource"',
            id="an unknown source",
        ),
        pytest.param(
            cluster(metrics={"maxAge": "0s"}),
            "spec.metrics.maxAge",
            "must be longer than zero",
            id="a greatest age of nothing",
        ),
        pytest.param(
            cluster(metrics={"maxGap": "-1m"}),
            "spec.metrics.maxGap",
            "must be a duration that is not negative",
            id="a negative gap",
        ),
        pytest.param(
            cluster(metrics={"coverage": 0}),
            "spec.metrics.coverage",
            "should be greater than or equal to 1",
            id="a coverage of nothing",
        ),
        # models/scaling.py
        pytest.param(
            _query(name=""),
            "spec.scaling.signals[0]",
            "a signal of type Query needs a name and a query",
            id="a query without a name",
        ),
        pytest.param(
            _query(query=""),
            "spec.scaling.signals[0]",
            "a signal of type Query needs a name and a query",
            id="a query of nothing",
        ),
        pytest.param(
            _signals({"type": "Network", "query": "network"}),
            "spec.scaling.signals[0]",
            "a signal of type Network, Disk or Query needs capacity: "
            "the value at which one gateway is at 100 %",
            id="network without a capacity",
        ),
        pytest.param(
            _signals({"type": "CPU", "capacity": "2"}),
            "spec.scaling.signals[0].capacity",
            "CPU and Memory are measured against the pod's own requests or limits: "
            "remove capacity and choose with `of`",
            id="CPU with a capacity",
        ),
        pytest.param(
            _signals({"type": "CPU"}, {"type": "CPU", "of": "Limits"}),
            "spec.scaling.signals",
            "each signal may be named once: remove the repeated one",
            id="CPU twice",
        ),
        pytest.param(
            cluster(scaling=scaling(signals=[])),
            "spec.scaling.signals",
            "should have at least 1 items",
            id="no signal",
        ),
        pytest.param(
            cluster(scaling=scaling(fallback={"after": "1m"})),
            "spec.scaling.fallback.replicas",
            "replicas goes with behavior CurrentReplicasIfHigher: set both or neither",
            id="a fallback to at least nothing",
        ),
        pytest.param(
            cluster(scaling=scaling(fallback={"behavior": "CurrentReplicas", "replicas": 3})),
            "spec.scaling.fallback.replicas",
            "replicas goes with behavior CurrentReplicasIfHigher: set both or neither",
            id="a fallback that would be ignored",
        ),
        pytest.param(
            cluster(scaling=scaling(mode="Automatic")),
            "spec.scaling.mode",
            'supported values: "Observe", "Recommend", "Auto"',
            id="an unknown mode",
        ),
        pytest.param(
            cluster(scaling=scaling(pauses=[{"direction": "ScaleDown", "reason": ""}])),
            "spec.scaling.pauses[0].reason",
            "should be at least 1 chars long",
            id="a pause without a reason",
        ),
        pytest.param(
            cluster(scaling=scaling(rebalance={"above": 1})),
            "spec.scaling.rebalance.above",
            "should be greater than or equal to 5",
            id="a rebalance for every connection",
        ),
        pytest.param(
            _event(recurring=None),
            "spec.scaling.schedules[0]",
            "needs either once or recurring",
            id="an event at no time",
        ),
        pytest.param(
            _event(recurring={**_SUNDAY, "timeZone": "CEST+2"}),
            "spec.scaling.schedules[0].recurring.timeZone",
            "must be the name of an IANA time zone",
            id="an event in an unknown time zone",
        ),
        pytest.param(
            cluster(scaling=scaling(season={"period": "0h"})),
            "spec.scaling.season.period",
            "must be longer than zero",
            id="a season of no length",
        ),
        pytest.param(
            cluster(scaling=scaling(maxStep={"scaleDown": 17})),
            "spec.scaling.maxStep.scaleDown",
            "should be less than or equal to 16",
            id="more victims at a time than a status can hold",
        ),
        pytest.param(
            cluster(draining={"slowAbove": "0ms"}),
            "spec.draining.slowAbove",
            "must be longer than zero",
            id="drains that any answer time slows down",
        ),
        # units.py
        *(
            pytest.param(
                _query(capacity=text),
                "spec.scaling.signals[0].capacity",
                "must be a quantity above zero, such as 250m, 1.5, 125M or 2Gi",
                id=f"{text or 'nothing'} for a quantity",
            )
            for text in ("", "0", "0.0m", "-1", "1K", "1 Gi", "2GiB", "many", ".5")
        ),
    ],
)
def test_the_api_server_refuses(
    kubeconfig: Path, manifest: Manifest, field: str, sentence: str
) -> None:
    default = Namespace(kubeconfig=kubeconfig, name="default")
    with pytest.raises(KubectlError) as refusal:
        default.apply(manifest)
    assert f"{field}:" in str(refusal.value)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["250m", "1", "1.5", "0.5k", "125M", "2Gi", "10T", "1P", "3Ti", "7Ki", "9Mi", "1G"]
)
def test_the_api_server_takes_the_quantity(namespace: Namespace, text: str) -> None:
    namespace.apply(_query(capacity=text))
    assert namespace.cluster()["spec"]["scaling"]["signals"][0]["capacity"] == text


def _stored(namespace: Namespace, **spec: Any) -> dict[str, Any]:
    """Return the spec as the API server stores it; only what it needs is given, and `spec`."""
    needed = {"targetRef": {"name": "gateway"}, "maxReplicas": 4}
    namespace.apply({**cluster(), "spec": {**needed, **spec}})
    found: dict[str, Any] = namespace.cluster()["spec"]
    return found


def test_the_api_server_stores_the_defaults(namespace: Namespace) -> None:
    stored = _stored(namespace)
    assert stored["metrics"] == {
        "source": "Pods",
        "interval": "15s",
        "timeout": "2s",
        "coverage": 80,
        "pods": {
            "path": "/metrics",
            "connections": "imchat_gateway_connections",
            "maxConnections": "imchat_gateway_connections_max",
        },
    }
    assert stored["scaling"] == {
        "mode": "Auto",
        "signals": [{"type": "Connections", "name": "", "query": "", "of": "Requests"}],
        "target": 60,
        "margin": 5,
        "scaleUp": [{"above": 70, "for": "15m"}],
        "scaleDown": [{"below": 30, "for": "1h"}],
        "failureHeadroom": 1,
        "maxStep": {"scaleUp": 1000, "scaleDown": 16},
        "cooldown": {"scaleUp": "0s", "scaleDown": "5m"},
        "pauses": [],
        "schedules": [],
        "rebalance": {"mode": "Auto", "above": 20},
    }
    assert stored["draining"] == {
        "connectionsPerSecond": 100,
        "deregisterDelay": "10s",
        "deadline": "10m",
        "residual": 0,
        "slowAbove": "500ms",
    }


def test_the_api_server_completes_what_is_given_in_part(namespace: Namespace) -> None:
    once = {"start": "2026-11-27T18:00:00Z", "end": "2026-11-27T22:00:00Z"}
    given: Manifest = {
        "fallback": {"replicas": 3},
        "season": {},
        "schedules": [{"name": "push", "minReplicas": 4, "once": once}],
        "maxStep": {"scaleDown": 2},
        "rebalance": {"above": 50},
    }
    stored = _stored(namespace, scaling=given)["scaling"]
    assert {name: stored[name] for name in given} == {
        "fallback": {"after": "3m", "behavior": "CurrentReplicasIfHigher", "replicas": 3},
        "season": {"period": "24h", "lead": "30m"},
        "schedules": [{**given["schedules"][0], "prepare": "15m"}],
        "maxStep": {"scaleUp": 1000, "scaleDown": 2},
        "rebalance": {"mode": "Auto", "above": 50},
    }
