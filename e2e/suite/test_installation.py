"""Installed for real: by Helm, on a control plane that knows nothing of the operator yet.

The pods are real processes of the loopback nodes, which mount no service account. Their kubeconfig
is that account's by its name, so that they have the rights that the chart binds to it.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import controlplane
import loopback_node
import rights_proof
from controlplane.console import plain
from controlplane.kubectl import kubectl
from controlplane.locations import named_context
from harness import Namespace
from harness.manifests import gateways, steady
from harness.namespace import KubectlError
from harness.waiting import wait_for
from installation import CHART, CONFIG, NAMESPACE, Chart

RELEASE = "imchat-operator"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:imchat-operator"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
COLUMN = "    - name: Gateways\n      type: integer\n      jsonPath: .status.readyReplicas\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A cluster with nodes, the operator's namespace, and one for gateways."""

    chart: Chart
    kubeconfig: Path
    audit_log: Path
    own: Namespace
    served: Namespace
    values: dict[str, Any]

    def helm(self, command: str, *arguments: str, values: dict[str, Any] | None = None) -> str:
        """Run Helm on the cluster, for the release's namespace."""
        flags = (f"--namespace={NAMESPACE}", "--timeout=180s")
        return self.chart.run(
            command, *arguments, *flags, kubeconfig=self.kubeconfig, values=values
        )

    def kubectl(self, *arguments: str, manifest: str = "") -> str:
        """Run kubectl in no namespace of its own.

        Raises:
            KubectlError: it failed.
        """
        done = kubectl(*arguments, kubeconfig=self.kubeconfig, manifest=manifest)
        if done.returncode:
            raise KubectlError(done.stderr)
        return done.stdout

    def operators(self) -> list[dict[str, Any]]:
        """Return the operator's pods that are ready."""
        return self.own.ready_pods()


@pytest.fixture(scope="module")
def stage(programs: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if named_context() is not None:
        pytest.skip("the pods of a named cluster can't read a kubeconfig of this machine")
    assert programs
    chart = Chart.found(plain(print))
    with controlplane.running(audit=True) as plane:
        everywhere = Namespace(kubeconfig=plane.kubeconfig, name="default")
        nodes = loopback_node.running(
            plane.kubeconfig,
            nodes=3,
            restart_backoff=1.0,
            log=tmp_path_factory.mktemp("nodes") / "node.log",
        )
        with nodes:
            own = Namespace(kubeconfig=plane.kubeconfig, name=NAMESPACE)
            served = Namespace(kubeconfig=plane.kubeconfig, name="chat")
            own.create()
            served.create()
            everywhere.kubectl("label", "namespace", NAMESPACE, RESTRICTED)
            account = controlplane.kubeconfig_of(plane, ACCOUNT)
            address = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
            values = {
                "watchNamespaces": [served.name],
                "extraEnv": [
                    {"name": "KUBECONFIG", "value": str(account)},
                    {"name": "IMCHAT_ADDRESS", **address},  # they share the machine
                ],
                "gatewayNetworks": ["127.0.0.0/8"],
            }
            assert plane.audit_log is not None
            yield Stage(
                chart=chart,
                kubeconfig=plane.kubeconfig,
                audit_log=plane.audit_log,
                own=own,
                served=served,
                values=values,
            )


@pytest.fixture(scope="module")
def installed(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The chart is installed at an older version, whose ImChatCluster has a column less."""
    older = tmp_path_factory.mktemp("chart") / "imchat-operator"
    shutil.copytree(CHART, older)
    definition = older / "files" / "crds" / "imchatclusters.yaml"
    text = definition.read_text()
    assert COLUMN in text
    definition.write_text(text.replace(COLUMN, ""))
    return stage.helm("install", RELEASE, str(older), "--wait", values=stage.values)


def columns(stage: Stage) -> set[str]:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/imchatclusters.imchat.dev"
    found = stage.own.get(path)
    assert found is not None, "there is no definition of ImChatCluster"
    return {column["name"] for column in found["spec"]["versions"][0]["additionalPrinterColumns"]}


def test_what_the_chart_makes_is_taken_by_the_api_server(stage: Stage) -> None:
    """Every field is known (the API server validates strictly), and every pod is restricted."""
    everything = {
        "metricSources": {
            "prometheus": [
                {
                    "name": "main",
                    "url": "http://prometheus.monitoring.svc:9090",
                    "tokenSecret": {"name": "token", "key": "token"},
                    "caConfigMap": {"name": "ca", "key": "ca.crt"},
                }
            ]
        },
        "networkPolicy": {"egress": {"enabled": True}},
        "grafanaDashboards": {"enabled": True},
        "priorityClassName": "system-cluster-critical",
    }
    for values in ({}, {**everything, "watchNamespaces": [stage.served.name]}):
        objects = stage.chart.template(values)
        deployment = next(o for o in objects if o["kind"] == "Deployment")
        pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
        pod["metadata"] |= {"name": "operator", "namespace": NAMESPACE}
        accounts = [o for o in objects if o["kind"] == "ServiceAccount"]
        stage.kubectl("create", "-f", "-", manifest=json.dumps(accounts[0]))
        try:
            manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects, pod]})
            stage.kubectl("apply", "--dry-run=server", "-f", "-", manifest=manifest)
            pod["spec"]["hostNetwork"] = True
            with pytest.raises(KubectlError, match="violates PodSecurity"):
                stage.kubectl("create", "--dry-run=server", "-f", "-", manifest=json.dumps(pod))
        finally:
            stage.own.kubectl("delete", "serviceaccount", accounts[0]["metadata"]["name"])


@pytest.mark.parametrize("folder", [CONFIG, CONFIG / "namespaced"], ids=["all", "namespaced"])
def test_kustomize_does_it_too(stage: Stage, folder: Path) -> None:
    stage.kubectl("apply", "--dry-run=server", "-k", str(folder))


def test_helm_waits_until_both_operators_are_ready_and_tells_what_comes_next(
    stage: Stage, installed: str
) -> None:
    assert len(stage.operators()) == 2
    assert "kubectl --namespace chat apply -f - <<END" in installed
    example = installed.partition("<<END\n")[2].partition("\nEND\n")[0]
    stage.served.kubectl("apply", "--dry-run=server", "-f", "-", manifest=example)


@pytest.mark.usefixtures("installed")
def test_a_cluster_is_served(stage: Stage) -> None:
    stage.served.apply(gateways(replicas=2), steady())
    stage.served.wait_until(lambda: stage.served.condition("Ready").get("status") == "True")


@pytest.mark.usefixtures("installed")
def test_an_upgrade_brings_new_definitions_and_new_pods(stage: Stage) -> None:
    before = {pod["metadata"]["uid"] for pod in stage.operators()}
    assert "Gateways" not in columns(stage)
    values = {**stage.values, "podAnnotations": {"example.org/new": "yes"}}
    stage.helm("upgrade", RELEASE, str(CHART), "--wait", values=values)
    assert "Gateways" in columns(stage)
    wait_for(lambda: len(stage.operators()) == 2, what="two operators")
    assert not before & {pod["metadata"]["uid"] for pod in stage.operators()}
    assert stage.served.condition("Ready")["status"] == "True"


@pytest.mark.usefixtures("installed")
def test_nothing_but_the_definitions_and_what_they_define_outlives_the_release(
    stage: Stage, rights: Path
) -> None:
    # From here on operators that still end are denied what they had.
    rights_proof.left(stage.audit_log, rights)
    stage.helm("uninstall", RELEASE, "--wait")
    assert columns(stage)
    assert stage.served.cluster()["metadata"]["name"] == "chat"
    kinds = "clusterroles,clusterrolebindings,roles,rolebindings,deployments,services,configmaps"
    kinds += ",serviceaccounts,networkpolicies,poddisruptionbudgets,validatingadmissionpolicies"
    selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
    assert not stage.kubectl("get", kinds, selector, "--all-namespaces", "--output=name")
