"""The alert rules, and every query of the dashboards, as promtool judges them."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from prometheus_server import find_promtool

_ROOT = Path(__file__).parents[2]
_FILES = _ROOT / "helm" / "imchat-operator" / "files"
_ALERTS = _FILES / "alerts.yaml"
_STORIES = Path(__file__).with_name("alert_rules.yaml")
# What Grafana puts in place of its variables.
_VARIABLES = {"$__rate_interval": "5m", "$namespace": ".*", "$cluster": ".*"}


@pytest.fixture(scope="module")
def promtool() -> Path:
    """The tool that comes with Prometheus."""
    return find_promtool()


def judged(promtool: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool and return what it says."""
    command = [str(promtool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_rules_are_valid(promtool: Path) -> None:
    done = judged(promtool, "check", "rules", str(_ALERTS))
    assert done.returncode == 0, done.stderr


def test_each_alert_fires_on_its_symptom_and_not_on_what_is_like_it(promtool: Path) -> None:
    done = judged(promtool, "test", "rules", str(_STORIES))
    assert done.returncode == 0, done.stderr


def test_every_alert_has_a_story() -> None:
    rules = [r for g in yaml.safe_load(_ALERTS.read_text())["groups"] for r in g["rules"]]
    stories = yaml.safe_load(_STORIES.read_text())["tests"]
    fired = {
        check["alertname"]
        for story in stories
        for check in story.get("alert_rule_test", ())
        if check["exp_alerts"]
    }
    assert fired == {r["alert"] for r in rules}


def test_every_query_of_a_dashboard_is_promql(promtool: Path, tmp_path: Path) -> None:
    queries = [
        target["expr"]
        for path in _FILES.glob("dashboards/*.json")
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(queries) > 40
    for name, value in _VARIABLES.items():
        queries = [query.replace(name, value) for query in queries]
    rules = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(queries)]
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = judged(promtool, "check", "rules", str(written))
    assert done.returncode == 0, done.stderr
