"""A real Prometheus that scrapes real gateways on loopback nodes, and where the program is from."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import loopback_node
import prometheus_server
from harness import Namespace, Users
from harness.manifests import gateways
from harness.waiting import wait_for
from loopback_node.registration import PREFIX_LABEL
from prometheus_server.program import PrometheusError, find_prometheus
from prometheus_server.server import PrometheusServer
from prometheus_server.targets import told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controlplane import ControlPlane

CONNECTIONS = "sum by (namespace, pod) (imchat_gateway_connections)"


@pytest.fixture(scope="module")
def prefix(control_plane: ControlPlane) -> Iterator[str]:
    prefix = f"prom-{secrets.token_hex(3)}"
    with loopback_node.running(
        control_plane.kubeconfig, nodes=1, prefix=prefix, lease_interval=1.0
    ):
        yield prefix


@pytest.fixture(scope="module")
def namespace(control_plane: ControlPlane, prefix: str) -> Iterator[Namespace]:
    """A namespace with three gateways, and a pod that is none."""
    made = Namespace(kubeconfig=control_plane.kubeconfig, name=f"t-{secrets.token_hex(4)}")
    made.create()
    [deployment, _] = gateways(replicas=3)
    template = deployment["spec"]["template"]["spec"]
    del template["readinessGates"]
    template["nodeSelector"] = {PREFIX_LABEL: prefix}
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "labels": {"app": "database"}},
        "spec": template,
    }
    made.apply(deployment, stranger)
    wait_for(lambda: len(made.ready_pods()) == 4, what="four pods ready")
    yield made
    made.delete()


@pytest.fixture
def prometheus(namespace: Namespace) -> Iterator[PrometheusServer]:
    with prometheus_server.running(namespace.kubeconfig, namespace.name) as server:
        yield server


def figures(prometheus: PrometheusServer, promql: str) -> dict[str, float]:
    """A query's value for each pod."""
    result = prometheus.query(promql)
    return {series["metric"]["pod"]: float(series["value"][1]) for series in result}


def test_it_sees_the_connections_of_each_gateway_and_of_nothing_else(
    namespace: Namespace, prometheus: PrometheusServer
) -> None:
    gateway_names = namespace.pod_names() - {"stranger"}
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "30") as users:
        users.wait_for_connected(30)

        def seen() -> dict[str, float]:
            found = figures(prometheus, CONNECTIONS)
            return found if sum(found.values()) == 30 else {}

        found = wait_for(seen, what="the sum of 30 clients")
        assert found == users.report()["byGateway"]
        assert set(found) == gateway_names
        labels = [series["metric"] for series in prometheus.query(CONNECTIONS)]
        assert {each["namespace"] for each in labels} == {namespace.name}
    wait_for(lambda: set(figures(prometheus, CONNECTIONS).values()) == {0}, what="no client")


def test_stopped_it_answers_nobody_and_started_again_it_has_its_data_and_its_port(
    prometheus: PrometheusServer,
) -> None:
    wait_for(lambda: len(figures(prometheus, CONNECTIONS)) == 3, what="three gateways")
    url, before = prometheus.url, prometheus.query("imchat_gateway_connections[1m]")
    prometheus.stop()
    prometheus.stop()
    with pytest.raises(OSError, match="refused"):
        prometheus.query(CONNECTIONS)
    prometheus.start()
    assert prometheus.url == url
    first = {series["metric"]["pod"]: series["values"][0] for series in before}
    again = prometheus.query("imchat_gateway_connections[5m]")
    assert {series["metric"]["pod"]: series["values"][0] for series in again} == first

    def grows() -> bool:
        newest = prometheus.query("timestamp(imchat_gateway_connections)")
        return bool(newest) and float(newest[0]["value"][1]) > last

    last = max(float(series["values"][-1][0]) for series in before)
    wait_for(grows, what="a sample of after the stop")


def test_while_the_api_server_is_away_the_answer_is_an_error_and_no_empty_list(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "kubeconfig"
    text = control_plane.kubeconfig.read_text()
    elsewhere.write_text(re.sub("server: .*", "server: https://127.0.0.1:1", text))
    with (
        told(elsewhere, "default", selector="app=gateway", port=8080) as url,
        pytest.raises(HTTPError, match="503") as answer,
    ):
        urlopen(url)  # noqa: S310 - our own
    answer.value.close()


def test_one_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    nonsense: dict[str, Any] = {"scrape_configs": "none"}
    server = PrometheusServer(find_prometheus(), tmp_path, nonsense)
    with pytest.raises(PrometheusError, match="cannot unmarshal"):
        server.start()


def put(folder: Path, name: str, script: str) -> None:
    """A program that is a shell script."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


APT = 'test "$1" = download && echo package > p.deb'
# A fresh machine: there are no package lists before `apt-get update`.
NEW_APT = "case $1 in update) : > {0}/lists;; *) test -e {0}/lists && echo package > p.deb;; esac"
DPKG = "mkdir -p unpacked/usr/bin && echo packaged > unpacked/usr/bin/prometheus"
GO = 'echo built > "$GOBIN/prometheus"'
NOTHING = "echo out of order >&2; exit 1"


@pytest.mark.parametrize(
    ("programs", "origin"),
    [
        pytest.param({"apt-get": APT, "dpkg-deb": DPKG, "go": GO}, "packaged", id="the package"),
        pytest.param(
            {"apt-get": NEW_APT, "dpkg-deb": DPKG, "go": GO},
            "packaged",
            id="no package lists",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may update them"),
        ),
        pytest.param({"apt-get": NOTHING, "dpkg-deb": DPKG, "go": GO}, "built", id="no package"),
        pytest.param({"apt-get": APT, "dpkg-deb": NOTHING, "go": GO}, "built", id="a broken one"),
        pytest.param({"go": GO}, "built", id="another distribution"),
    ],
)
def test_it_is_fetched_the_fastest_way_that_works_and_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], origin: str
) -> None:
    tools, cache = tmp_path / "tools", tmp_path / "cache"
    for name, script in programs.items():
        put(tools, name, script.format(tmp_path))
    put(tools, "mkdir", 'exec /bin/mkdir "$@"')
    monkeypatch.setenv("PATH", str(tools))
    assert find_prometheus(cache=cache).read_text() == f"{origin}\n"
    for name in programs:
        put(tools, name, NOTHING)
    assert find_prometheus(cache=cache) == cache / "prometheus"
    assert sorted(path.name for path in cache.iterdir()) == [".lock", "prometheus"]


def test_where_nothing_works_all_reasons_are_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "tools", "apt-get", NOTHING)
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    with pytest.raises(PrometheusError, match="out of order") as told:
        find_prometheus(cache=tmp_path / "cache")
    assert "there is no `go` on the PATH" in str(told.value)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_one_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "tools", "prometheus", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    assert find_prometheus(cache=tmp_path / "cache") == tmp_path / "tools" / "prometheus"
    assert not (tmp_path / "cache").exists()
