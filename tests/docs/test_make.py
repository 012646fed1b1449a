"""What the pages and the workflow call by `make` exists; the workflow trusts nobody it need not."""

import re
from pathlib import Path

import pytest
import yaml
from tests.docs.pages import ROOT, fences, pages, shown

TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yaml"))


@pytest.mark.parametrize("page", [pytest.param(page, id=shown(page)) for page in pages()])
def test_a_page_calls_targets_that_there_are(page: Path) -> None:
    called = re.findall(r"`make ([a-z0-9-]+)", page.read_text(encoding="utf-8"))
    for fence in fences(page):
        called += re.findall(r"^\$ make ([a-z0-9-]+)", fence.text, flags=re.MULTILINE)
    assert set(called) <= TARGETS


@pytest.mark.parametrize("workflow", [pytest.param(path, id=path.name) for path in WORKFLOWS])
def test_a_workflow_pins_its_actions_has_no_secrets_and_calls_targets_that_there_are(
    workflow: Path,
) -> None:
    text = workflow.read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert found["permissions"] == {"contents": "read"}
    assert not re.search(r"\$\{\{\s*secrets", text)
    steps = [step for job in found["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []
    called = {target for step in steps for target in re.findall(r"make ([a-z0-9-]+)", str(step))}
    assert called
    assert called <= TARGETS
