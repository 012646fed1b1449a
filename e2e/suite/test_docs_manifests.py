"""Every ImChatCluster and MaintenanceWindow that the docs show is one that the API server takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness import Namespace
from harness.manifests import Manifest
from harness.namespace import KubectlError

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```yaml\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
KINDS = {"ImChatCluster", "MaintenanceWindow"}


def texts() -> Iterator[str]:
    """Yield the YAML of the pages and of the examples."""
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        yield from FENCE.findall(page.read_text())
    for file in sorted(ROOT.glob("docs/examples/*.yaml")):
        yield file.read_text()


def shown_manifests() -> list[Manifest]:
    """Return the custom resources among it."""
    found = (document for text in texts() for document in yaml.safe_load_all(text))
    return [d for d in found if isinstance(d, dict) and d.get("kind") in KINDS]


def test_the_api_server_takes_what_the_docs_show(namespace: Namespace) -> None:
    shown = shown_manifests()
    assert len(shown) > 5
    for manifest in shown:
        text = yaml.safe_dump(manifest)
        taken = namespace.kubectl("apply", "--dry-run=server", "-f", "-", manifest=text)
        assert "created (server dry run)" in taken


def test_what_the_docs_must_not_show_is_refused(namespace: Namespace) -> None:
    wrong = {**shown_manifests()[0], "spec": {"targetRef": {"name": "x"}, "maxReplica": 3}}
    with pytest.raises(KubectlError, match="maxReplica"):
        namespace.kubectl("apply", "--dry-run=server", "-f", "-", manifest=yaml.safe_dump(wrong))
