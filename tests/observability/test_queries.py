"""Alerts and dashboards read only what the operator has, and say what they show."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from tests.docs.pages import ROOT, anchors
from tests.observability.registry import exposed, faults, metrics

FILES = ROOT / "helm" / "imchat-operator" / "files"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in FILES.glob("dashboards/*.json")}
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]


def panels(dashboard: str) -> Iterator[dict[str, Any]]:
    """Yield the panels that show something."""
    yield from (p for p in DASHBOARDS[dashboard]["panels"] if p["type"] != "row")


PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name in DASHBOARDS
    for panel in panels(name)
]


def test_every_metric_is_in_the_registry_that_is_scraped() -> None:
    assert set(metrics()) == exposed()


def test_names_keep_the_conventions() -> None:
    for metric in metrics().values():
        is_counter = metric.type == "counter"
        assert metric.name.endswith("_total") is is_counter, metric.name
        assert metric.type != "histogram" or metric.name.endswith("_seconds"), metric.name
        assert not metric.labels & {"user", "connection", "gateway", "uid", "le"}, metric.name


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            'sum by (imchatcluster) (imchat_operator_drains{purpose="Healing"}) > 0',
            [],
            id="a good one",
        ),
        pytest.param(
            "imchat_operator_unicorns", ["imchat_operator_unicorns is no metric"], id="a metric"
        ),
        pytest.param(
            "imchat_operator_passes", ["imchat_operator_passes is no metric"], id="without _total"
        ),
        pytest.param(
            'imchat_operator_drains{colour=~"red"}',
            ["imchat_operator_drains has no label colour"],
            id="a label",
        ),
        pytest.param(
            "sum by (colour) (imchat_operator_drains)",
            ["nothing has the label colour"],
            id="a grouping",
        ),
        pytest.param(
            "imchat_operator_drains_bucket",
            ["imchat_operator_drains_bucket is no metric"],
            id="buckets of a gauge",
        ),
        pytest.param(
            "kube_pod_info", ["kube_pod_info is not of this process"], id="another exporter's"
        ),
    ],
)
def test_a_query_that_reads_what_there_is_not_is_found(query: str, expected: list[str]) -> None:
    assert faults(query) == expected


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_reads_what_there_is_and_says_what_it_shows(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert faults(target["expr"]) == []
        assert target["datasource"]["uid"] == "${datasource}"
        labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
        assert labels <= kept | {"instance"}, "the legend's labels are in the answer"
    refs = [t["refId"] for t in panel["targets"]]
    assert len(refs) == len(set(refs)) > 0
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_whole(name: str) -> None:
    board = DASHBOARDS[name]
    assert board["uid"]
    assert board["title"]
    ids = [p["id"] for p in board["panels"]]
    assert len(ids) == len(set(ids))
    known = {v["name"] for v in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(board["panels"])))
    assert used - known == {"__rate_interval"} & used
    for variable in board["templating"]["list"]:
        assert faults(variable.get("definition", "")) == []
    for one, other in combinations((p["gridPos"] for p in board["panels"]), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
        assert one["x"] + one["w"] <= 24


def test_the_dashboards_are_found() -> None:
    assert set(DASHBOARDS) == {"fleets", "operator"}


@pytest.mark.parametrize("rule", [pytest.param(r, id=r["alert"]) for r in ALERTS])
def test_an_alert_reads_what_there_is_and_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []
    for query in re.findall(r'printf "([^"]*)"', rule["annotations"]["summary"]):
        assert faults(query.replace("%s", "x")) == [] or "%" in query
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(ROOT / page)
