"""What is made of other files is up to date; what Helm renders is compared in e2e/tests."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.rights import INSTALLED
from installation import CHART, copies
from rights_proof import granted
from rights_proof.audit import CLUSTER, NODE_LEASES, SERVED

COPIES = copies()
DOCS = Path(__file__).parents[1] / "docs"
# The manifests that are compared serve the namespace that they lie in.
PLACES = {
    "served": SERVED,
    "own": SERVED,
    "cluster": CLUSTER,
    "kube-node-lease": NODE_LEASES,
}


@pytest.mark.parametrize("path", sorted(COPIES), ids=lambda path: path.name)
def test_the_chart_has_what_crds_and_policies_have(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == COPIES[path], "run `make chart`"


def test_the_chart_has_no_other_crds_and_policies() -> None:
    found = {p for folder in ("crds", "policies") for p in (CHART / "files" / folder).iterdir()}
    assert found == set(COPIES)


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert set(schema["properties"]) - {"global"} == set(values)
    assert not list(unknown(values, schema))


def unknown(values: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Return the paths of values that the schema leaves open."""
    if not isinstance(values, dict) or schema.get("additionalProperties") is not False:
        return []
    return [
        wrong
        for name, value in values.items()
        for wrong in (
            unknown(value, schema["properties"][name], f"{path}.{name}")
            if name in schema["properties"]
            else [f"{path}.{name}"]
        )
    ]


def test_the_docs_give_each_right_that_is_granted_and_no_other() -> None:
    section = (DOCS / "installation.md").read_text(encoding="utf-8").partition("## Rights\n")[2]
    rows = [line.split("|") for line in section.split("\n## ")[0].splitlines() if ": " in line]
    told = {
        (PLACES[cells[2].strip()], resource, verb)
        for cells in rows
        if cells[3:]
        for resources, _, verbs in [cells[1].strip().partition(": ")]
        for resource in resources.split(", ")
        for verb in verbs.split(", ")
    }
    rights = granted(yaml.safe_load_all(INSTALLED.read_text(encoding="utf-8")))
    # metrics.k8s.io has pods of its own.
    named = {
        (r.place, f"{r.resource}.{r.group}" if "metrics" in r.group else r.resource, r.verb)
        for r in rights
    }
    assert told == named
