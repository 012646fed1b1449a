"""What the API server itself refuses of `spec.dependencies`, with a sentence; and its defaults."""

from pathlib import Path
from typing import Any

import pytest

from harness import Namespace
from harness.manifests import Manifest, cluster
from harness.namespace import KubectlError

_TCP = {"service": "postgres", "port": 5432}
_HTTP = {"service": "auth", "port": 8080, "path": "/healthz"}
_METRIC = {"source": "main", "query": "min(pg_up)"}
_ONE_PROBE = "needs exactly one of tcp, http and metric"
_NO_LABEL = "should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'"


def _dependency(**probes: Any) -> Manifest:
    return {"name": "database", **probes}


def _tcp(**changes: Any) -> Manifest:
    return _dependency(tcp={**_TCP, **changes})


def _http(**changes: Any) -> Manifest:
    return _dependency(http={**_HTTP, **changes})


def _metric(**changes: Any) -> Manifest:
    return _dependency(metric={**_METRIC, **changes})


@pytest.mark.parametrize(
    ("dependency", "field", "sentence"),
    [
        pytest.param(_dependency(), "", _ONE_PROBE, id="no probe"),
        pytest.param(_dependency(tcp=None), "", _ONE_PROBE, id="a probe that is null"),
        pytest.param(_dependency(tcp=_TCP, http=_HTTP), "", _ONE_PROBE, id="tcp and http"),
        pytest.param(_dependency(tcp=_TCP, metric=_METRIC), "", _ONE_PROBE, id="tcp and metric"),
        pytest.param(_dependency(http=_HTTP, metric=_METRIC), "", _ONE_PROBE, id="http and metric"),
        pytest.param(
            _dependency(tcp=_TCP, http=_HTTP, metric=_METRIC), "", _ONE_PROBE, id="all three"
        ),
        pytest.param({"tcp": _TCP}, ".name", "Required value", id="no name"),
        pytest.param({**_tcp(), "name": "Data Base"}, ".name", _NO_LABEL, id="a name in words"),
        *(
            pytest.param(probe(service=service), f".{kind}.service", _NO_LABEL, id=f"{kind} {name}")
            for kind, probe in (("tcp", _tcp), ("http", _http))
            for name, service in {
                "to a URL": "http://169.254.169.254/latest",
                "to an IPv4 address": "169.254.169.254",
                "to an IPv6 address": "fd00:ec2::254",
                "to another namespace's Service": "postgres.billing",
                "to a host": "postgres.example.com",
                "with a port in the name": "postgres:5432",
                "with a path in the name": "../pods/postgres",
                "in upper case": "Postgres",
                "with a hyphen at the end": "postgres-",
            }.items()
        ),
        *(
            pytest.param(probe(port=port), f".{kind}.port", sentence, id=f"{kind} port {port}")
            for kind, probe in (("tcp", _tcp), ("http", _http))
            for port, sentence in {
                -1: "should be greater than or equal to 1",
                0: "should be greater than or equal to 1",
                65536: "should be less than or equal to 65535",
            }.items()
        ),
        pytest.param(_tcp(port="postgres"), ".tcp.port", "must be of type integer", id="by name"),
        pytest.param(_dependency(tcp={"port": 80}), ".tcp.service", "Required value", id="nobody"),
        pytest.param(
            _dependency(tcp={"service": "a"}), ".tcp.port", "Required value", id="no port"
        ),
        *(
            pytest.param(_http(path=path), ".http.path", "should match '^/'", id=f"path {name}")
            for name, path in {
                "without a slash": "healthz",
                "of nothing": "",
                "that is a URL": "http://elsewhere.example/",
                "that would be part of the host": "@elsewhere.example/",
            }.items()
        ),
        pytest.param(
            _metric(source=""),
            ".metric.source",
            "should be at least 1 chars long",
            id="a source of no name",
        ),
        pytest.param(
            _metric(query=""),
            ".metric.query",
            "should be at least 1 chars long",
            id="a query of nothing",
        ),
    ],
)
def test_the_api_server_refuses_a_dependency(
    kubeconfig: Path, dependency: Manifest, field: str, sentence: str
) -> None:
    _is_refused(kubeconfig, [dependency], f"spec.dependencies[0]{field}:", sentence)


@pytest.mark.parametrize(
    ("dependencies", "sentence"),
    [
        pytest.param(
            [_tcp(), _http()],
            "every dependency needs a name of its own",
            id="two of one name",
        ),
        pytest.param(
            [{**_tcp(), "name": f"d{n}"} for n in range(17)],
            "must have at most 16 items",
            id="more than are probed",
        ),
    ],
)
def test_the_api_server_refuses_dependencies(
    kubeconfig: Path, dependencies: list[Manifest], sentence: str
) -> None:
    _is_refused(kubeconfig, dependencies, "spec.dependencies:", sentence)


def _is_refused(kubeconfig: Path, dependencies: list[Manifest], field: str, sentence: str) -> None:
    default = Namespace(kubeconfig=kubeconfig, name="default")
    with pytest.raises(KubectlError) as refusal:
        default.apply(cluster(dependencies=dependencies))
    assert field in str(refusal.value)
    assert sentence in str(refusal.value)


def test_the_api_server_takes_dependencies_with_defaults(namespace: Namespace) -> None:
    given = [
        {"name": "database", "tcp": {"service": "postgres", "port": 65535}},
        {"name": "auth-service", "http": {"service": "a", "port": 1}},
        {"name": "kafka", "metric": _METRIC},
        *({"name": "d" * n, "tcp": {"service": "s" * 63, "port": 80}} for n in range(51, 64)),
    ]
    namespace.apply(cluster(dependencies=given))
    given[1]["http"] = {"service": "a", "port": 1, "path": "/"}
    assert namespace.cluster()["spec"]["dependencies"] == given


def test_no_dependency_is_the_default(namespace: Namespace) -> None:
    namespace.apply(cluster())
    assert namespace.cluster()["spec"]["dependencies"] == []
