"""Every page: links lead somewhere, YAML is what it says."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs import pages
from tests.docs.pages import anchors, broken_links, fences, shown, unknown_fields

from imchat_operator.crds import definitions
from imchat_operator.models import ImChatClusterSpec, MaintenanceWindowSpec, Model

EVERY_PAGE = [pytest.param(page, id=shown(page)) for page in pages.pages()]
MODELS: dict[str, type[Model]] = {
    "ImChatCluster": ImChatClusterSpec,
    "MaintenanceWindow": MaintenanceWindowSpec,
}
SCHEMAS: dict[str, dict[str, Any]] = {
    d["spec"]["names"]["kind"]: d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for d in definitions().values()
}
MANIFESTS = [
    pytest.param(fence.text, id=f"{shown(page)}:{fence.line}")
    for page in pages.pages()
    for fence in fences(page)
    if fence.language == "yaml"
]


def test_the_pages_are_found() -> None:
    found = {shown(page) for page in pages.pages()}
    assert {"README.md", "docs/healing.md", "operator/ARCHITECTURE.md"} <= found


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# Two words: `a.b`\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    good = ["other.md", "other.md#two-words-ab", "other.md#twice-1", "https://example.org", "#here"]
    bad = ["gone.md", "other.md#gone", "#gone", "/etc/passwd", "../up.md", "http://example.org"]
    text = "\n\n".join(f"[x]({link})" for link in [*good, *bad])
    page.write_text(f"# Here\n\n{text}\n\n![x](gone.png)\n\n`[x](in-code.md)`\n")
    assert broken_links(page) == [*bad, "gone.png"]
    assert anchors(page) == {"here"}


@pytest.mark.parametrize("text", MANIFESTS)
def test_yaml_is_what_it_says(text: str) -> None:
    for document in yaml.safe_load_all(text):
        assert document is not None
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind in MODELS:
            assert document["apiVersion"] == "imchat.dev/v1alpha1"
            assert list(unknown_fields(document["spec"], SCHEMAS[kind]["properties"]["spec"])) == []
            MODELS[kind].model_validate(document["spec"])


def test_a_field_that_does_not_exist_is_found() -> None:
    spec = {"targetRef": {"nam": "x"}, "scaling": {"scaleUp": [{"over": 70}]}, "maxReplica": 3}
    schema = SCHEMAS["ImChatCluster"]["properties"]["spec"]
    assert list(unknown_fields(spec, schema)) == [
        "targetRef.nam",
        "scaling.scaleUp.over",
        "maxReplica",
    ]
