"""Whoever an alert wakes finds its entry."""

import yaml
from tests.docs.pages import ROOT, anchors, section

PAGE = ROOT / "docs" / "troubleshooting.md"
RULES = ROOT / "helm" / "imchat-operator" / "files" / "alerts.yaml"


def test_every_alert_has_its_entry_and_no_entry_is_without_an_alert() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    entries = section(PAGE, "Alerts").split("\n### ")[1:]
    assert {rule["alert"] for rule in rules} == {entry.splitlines()[0] for entry in entries}
    runbooks = {rule["annotations"]["runbook_url"].rpartition("#")[2] for rule in rules}
    assert runbooks <= anchors(PAGE)
    assert len(runbooks) == len(rules)
