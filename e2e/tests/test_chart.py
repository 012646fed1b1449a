"""The chart by Helm alone: what it makes of values, and which values it refuses."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.console import plain
from imchat_operator.settings import Settings
from installation import CHART, Chart, HelmError, rendered
from rights_proof import Use, granted
from rights_proof.audit import CLUSTER, NODE_LEASES

Values = dict[str, Any]

MAIN: Values = {"name": "main", "url": "https://prometheus.monitoring.svc:9090"}
EVERYTHING: Values = {
    "replicaCount": 3,
    "image": {"digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "watchNamespaces": ["chat", "games"],
    "metricSources": {
        "prometheus": [
            {
                **MAIN,
                "tokenSecret": {"name": "prometheus-token", "key": "token"},
                "caConfigMap": {"name": "prometheus-ca", "key": "ca.crt"},
                "namespaces": ["chat"],
            }
        ]
    },
    "gatewayAccess": [
        {
            "namespace": "chat",
            "serverName": "gateways.chat.svc",
            "caConfigMap": {"name": "gateways-ca", "key": "ca.crt"},
            "tokenSecret": {"name": "gateways-token", "key": "token"},
        }
    ],
    "gatewayNetworks": ["10.0.0.0/8", "fd00::/8"],
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "rbac": {"targets": [{"apiGroup": "apps.kruise.io", "resources": ["clonesets"]}]},
    "podLabels": {"team": "chat"},
    "podAnnotations": {"team": "chat"},
    "serviceAccount": {"annotations": {"team": "chat"}},
    "priorityClassName": "system-cluster-critical",
    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}],
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 -- in the container
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "podDisruptionBudget": {"minAvailable": "50%", "maxUnavailable": None},
    "networkPolicy": {
        "metricsFrom": [{"namespaceSelector": {}}],
        "egress": {"enabled": True, "to": [{"ports": [{"port": 9090}]}]},
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "grafanaDashboards": {"enabled": True},
}
VARIANTS = [
    pytest.param({}, id="as it comes"),
    pytest.param({"watchNamespaces": ["chat"]}, id="one namespace"),
    pytest.param(EVERYTHING, id="everything set"),
    pytest.param({"rbac": {"create": False}, "crds": {"install": False}}, id="as little as can be"),
]


_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart.found(plain(print))


@pytest.mark.parametrize("values", VARIANTS)
def test_helm_finds_nothing_to_say(chart: Chart, values: Values) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in chart.lint(values)


def test_the_manifests_for_those_without_helm_are_the_charts(chart: Chart) -> None:
    for path, text in rendered(chart).items():
        assert path.read_text(encoding="utf-8") == text, "run `make chart`"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"replicas": 3}, "replicas", id="a value that there is not"),
        pytest.param({"crds": {"instal": True}}, "instal", id="a slip in a group"),
        pytest.param({"replicaCount": "2"}, "/replicaCount", id="text for a number"),
        pytest.param({"watchNamespaces": "chat"}, "/watchNamespaces", id="no list"),
        pytest.param({"watchNamespaces": ["Chat"]}, "/watchNamespaces/0", id="no namespace's name"),
        pytest.param({"logFormat": "xml"}, "/logFormat", id="a format that there is not"),
        pytest.param({"image": {"digest": "latest"}}, "/image/digest", id="no digest"),
        pytest.param(
            {"metricSources": {"prometheus": [{"name": "main"}]}},
            "/metricSources/prometheus/0",
            id="a source without address",
        ),
        pytest.param(
            {"metricSources": {"prometheus": [{**MAIN, "url": "https://me:secret@prometheus"}]}},
            "/metricSources/prometheus/0/url",
            id="a password in an address",
        ),
        pytest.param(
            {"gatewayAccess": [{"namespace": "chat", "serverName": "chat"}]},
            "/gatewayAccess/0",
            id="gateways that nobody vouches for",
        ),
        pytest.param({"gatewayNetworks": ["10.0.0.0"]}, "/gatewayNetworks/0", id="no network"),
        pytest.param(
            {"rbac": {"targets": [{"apiGroup": "apps", "resources": ["*"]}]}},
            "/rbac/targets/0/resources/0",
            id="a wildcard",
        ),
        pytest.param(
            {"extraEnv": [{"name": "TZ", "val": "UTC"}]}, "/extraEnv/0", id="a slip in a variable"
        ),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(chart: Chart, values: Values, named: str) -> None:
    with pytest.raises(HelmError) as refused:
        chart.template(values)
    assert "values don't meet the specifications of the schema" in str(refused.value)
    assert named in str(refused.value)


def test_a_service_account_of_ones_own_has_to_be_named(chart: Chart) -> None:
    with pytest.raises(HelmError, match=r"serviceAccount\.name: name the service account"):
        chart.template({"serviceAccount": {"create": False}})


def test_one_namespace_gives_the_same_rights_there_and_none_elsewhere(chart: Chart) -> None:
    everywhere = granted(chart.template({"admissionPolicies": {"enabled": False}}))
    only_there = {"watchNamespaces": ["chat"], "admissionPolicies": {"enabled": False}}
    there = granted(chart.template(only_there))
    assert {use[1:] for use in there} == {use[1:] for use in everywhere}
    beyond = {use for use in there if use.place in {CLUSTER, NODE_LEASES}}
    nodes = {Use(CLUSTER, "", "nodes", verb) for verb in ("get", "list", "watch")}
    assert beyond == nodes | {Use(NODE_LEASES, "coordination.k8s.io", "leases", "get")}


@pytest.mark.parametrize("values", VARIANTS)
def test_no_role_of_the_operator_reaches_far(chart: Chart, values: Values) -> None:
    objects = chart.template(values)
    bound = {o["roleRef"]["name"] for o in objects if o["kind"].endswith("RoleBinding")}
    rights = granted(o for o in objects if o["metadata"]["name"] in bound)
    assert all("*" not in use for use in rights)
    assert not {"secrets", "configmaps", "pods/exec"} & {use.resource for use in rights}
    assert not {"escalate", "bind", "impersonate"} & {use.verb for use in rights}
    created = {use.resource for use in rights if use.verb == "create"}
    assert created <= {"events", "pods/eviction", "leases"}


@pytest.mark.parametrize("keep", [True, False])
def test_the_definitions_are_those_of_crds_and_kept_if_wanted(chart: Chart, *, keep: bool) -> None:
    made = {
        o["metadata"]["name"]: o
        for o in chart.template({"crds": {"keep": keep}})
        if o["kind"] == "CustomResourceDefinition"
    }
    sources = [yaml.safe_load(p.read_text()) for p in (CHART / "files" / "crds").iterdir()]
    assert {name: o["spec"] for name, o in made.items()} == {
        o["metadata"]["name"]: o["spec"] for o in sources
    }
    for found in made.values():
        assert ("helm.sh/resource-policy" in found["metadata"].get("annotations", {})) is keep


def test_everything_has_the_labels_that_tell_whose_it_is(chart: Chart) -> None:
    for found in chart.template(EVERYTHING):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "imchat-operator"
        assert labels["app.kubernetes.io/instance"] == "imchat-operator"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_every_file_of_alerts_and_dashboards_is_in_what_is_installed(chart: Chart) -> None:
    objects = chart.template(EVERYTHING)
    boards = {
        name
        for o in objects
        if o["kind"] == "ConfigMap" and "grafana_dashboard" in o["metadata"]["labels"]
        for name in o["data"]
    }
    assert boards == {path.name for path in (CHART / "files").glob("dashboards/*.json")}
    alerts = CHART / "files" / "alerts.yaml"
    rules = [o["spec"] for o in objects if o["kind"] == "PrometheusRule"]
    assert rules == ([yaml.safe_load(alerts.read_text())] if alerts.exists() else [])


def test_foreign_kinds_come_only_when_asked_for(chart: Chart) -> None:
    groups = {o["apiVersion"] for o in chart.template()}
    assert not {group for group in groups if "monitoring.coreos.com" in group}


def test_the_operator_takes_its_settings_as_the_chart_gives_them(
    chart: Chart, tmp_path: Path
) -> None:
    objects = chart.template(EVERYTHING)
    (told,) = (o["data"] for o in objects if "metric-sources.yaml" in o.get("data", {}))
    listed = yaml.safe_load(told["metric-sources.yaml"])
    files = {e[name] for part in listed.values() for e in part for name in ("tokenFile", "caFile")}
    pod = template(objects)["spec"]
    assert pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/etc/imchat"
    paths = {
        f"/etc/imchat/{item['path']}"
        for part in pod["volumes"][0]["projected"]["sources"]
        for each in part.values()
        for item in each.get("items", ())
    }
    assert files == paths
    assert len(files) == 4
    # The operator itself takes the file.
    written = tmp_path / "sources.yaml"
    written.write_text(told["metric-sources.yaml"])
    variables = {v["name"]: v.get("value", "") for v in pod["containers"][0]["env"]}
    settings = Settings.from_environment({**variables, "IMCHAT_METRIC_SOURCES": str(written)})
    assert [(s.url, s.namespaces) for s in settings.prometheus] == [(MAIN["url"], ("chat",))]
    assert [(g.namespace, g.server_name) for g in settings.gateways] == [
        ("chat", "gateways.chat.svc")
    ]
    assert [str(n) for n in settings.gateway_networks] == ["10.0.0.0/8", "fd00::/8"]
    assert settings.namespaces == ("chat", "games")


def template(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the pod template of the operator."""
    (found,) = (o["spec"]["template"] for o in objects if o["kind"] == "Deployment")
    return dict(found)


def test_a_digest_wins_over_a_tag(chart: Chart) -> None:
    image = template(chart.template({"image": {"tag": "edge"}}))["spec"]["containers"][0]["image"]
    assert image == "ghcr.io/imchat/imchat-operator:edge"
    image = template(chart.template(EVERYTHING))["spec"]["containers"][0]["image"]
    assert image == f"ghcr.io/imchat/imchat-operator@sha256:{'0' * 64}"


def test_the_values_of_the_documentation_put_the_audit_file_on_its_volume(chart: Chart) -> None:
    page = (_ROOT / "docs" / "installation.md").read_text()
    section = page.partition("### An audit file")[2].partition("\n#")[0]
    values = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    (pod,) = (
        found["spec"]["template"]["spec"]
        for found in chart.template(values)
        if found["kind"] == "Deployment"
    )
    (container,) = pod["containers"]
    path = next(e["value"] for e in container["env"] if e["name"] == "IMCHAT_AUDIT_LOG")
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    assert Path(path).parent == Path(mount["mountPath"])
    assert volume["name"] == mount["name"]
