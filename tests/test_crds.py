from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from imchat_operator.crds import as_yaml, definitions, structural_schema
from imchat_operator.models import ImChatClusterSpec, MaintenanceWindowSpec, Model, TargetRef

CRDS = Path(__file__).parents[1] / "crds"
FILES = sorted(definitions())
KINDS: dict[str, type[Model]] = {
    "ImChatCluster": ImChatClusterSpec,
    "MaintenanceWindow": MaintenanceWindowSpec,
}


def nodes(schema: dict[str, Any], path: str = "spec") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from nodes(schema[inner], f"{path}[]")


def schemas(file: str) -> dict[str, Any]:
    version = definitions()[file]["spec"]["versions"][0]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]
    return found


@pytest.mark.parametrize("file", FILES)
def test_the_file_that_is_checked_in_is_what_the_models_say(file: str) -> None:
    assert (CRDS / file).read_text() == as_yaml(definitions()[file]), "run `make crds`"


@pytest.mark.parametrize("file", FILES)
def test_what_is_written_as_yaml_reads_as_the_definition(file: str) -> None:
    assert yaml.safe_load(as_yaml(definitions()[file])) == definitions()[file]


def test_every_definition_checked_in_has_its_model() -> None:
    assert sorted(path.name for path in CRDS.glob("*.yaml")) == FILES


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("part", ["spec", "status"])
def test_the_schema_is_structural(file: str, part: str) -> None:
    for path, node in nodes(schemas(file)[part], part):
        assert "type" in node, path
        assert not node.keys() & {"$ref", "anyOf", "allOf", "oneOf", "const", "title"}, path


@pytest.mark.parametrize("file", FILES)
def test_every_field_of_a_spec_is_described(file: str) -> None:
    for path, node in nodes(schemas(file)["spec"]):
        if not path.endswith("[]") and path != "spec":
            assert node.get("description") or node["type"] == "object", path


def unbounded(part: str, schema: dict[str, Any]) -> list[str]:
    """Return the paths of all that an author could make as large as an object can be."""
    found = []
    for path, node in nodes(schema, part):
        match node["type"]:
            case "string":
                is_bounded = "maxLength" in node or "enum" in node or node.get("format") == "date"
            case "array":
                is_bounded = "maxItems" in node
            case "object":
                is_bounded = "properties" in node or "maxProperties" in node
            case "integer":
                is_bounded = part == "status" or {"minimum", "maximum"} <= node.keys()
            case kind:
                is_bounded = kind == "boolean"
        if not is_bounded or "x-kubernetes-preserve-unknown-fields" in node:
            found.append(path)
    return found


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("part", ["spec", "status"])
def test_nothing_is_without_bounds(file: str, part: str) -> None:
    assert unbounded(part, schemas(file)[part]) == []


@pytest.mark.parametrize(
    "node",
    [
        pytest.param({"type": "string"}, id="a string"),
        pytest.param({"type": "string", "format": "date-time"}, id="a time"),
        pytest.param({"type": "array", "items": {"type": "boolean"}}, id="a list"),
        pytest.param({"type": "integer", "minimum": 0}, id="a number"),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "boolean"}}, id="a mapping"
        ),
        pytest.param({"type": "number"}, id="what is no kind of ours"),
    ],
)
def test_what_has_no_bounds_is_found_wherever_it_is(node: dict[str, Any]) -> None:
    items = {"type": "array", "maxItems": 3, "items": {"type": "object", "properties": {"x": node}}}
    schema = {"type": "object", "properties": {"list": items}}
    assert unbounded("spec", schema) == ["spec.list[].x"]


@pytest.mark.parametrize("file", FILES)
def test_rules_of_the_api_server_come_with_a_sentence(file: str) -> None:
    rules = [r for _, n in nodes(schemas(file)["spec"]) for r in n.get(RULES, ())]
    assert rules
    assert all(rule["rule"] and rule["message"] for rule in rules)


RULES = "x-kubernetes-validations"


@pytest.mark.parametrize("file", FILES)
def test_no_default_is_written_into_a_status(file: str) -> None:
    assert [path for path, node in nodes(schemas(file)["status"]) if "default" in node] == []


def test_a_model_becomes_a_schema_without_what_the_api_server_refuses() -> None:
    assert structural_schema(TargetRef) == {
        "type": "object",
        "description": "The workload that runs the gateways, in the same namespace.",
        "required": ["name"],
        "properties": {
            "apiVersion": {
                "type": "string",
                "default": "apps/v1",
                "maxLength": 128,
                "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z]([-a-z0-9]*[a-z0-9])?$",
                "description": "API group and version.",
            },
            "kind": {
                "type": "string",
                "default": "Deployment",
                "maxLength": 63,
                "pattern": "^[A-Za-z][A-Za-z0-9]*$",
                "description": "Any kind with a scale subresource.",
            },
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
                "description": "Name of the workload.",
            },
        },
    }


@pytest.mark.parametrize(
    "sample", [pytest.param(p, id=p.name) for p in sorted(CRDS.glob("samples/*.yaml"))]
)
def test_a_sample_is_what_it_says(sample: Path) -> None:
    for document in yaml.safe_load_all(sample.read_text()):
        if document["kind"] in KINDS:
            assert document["apiVersion"] == "imchat.dev/v1alpha1"
            KINDS[document["kind"]].model_validate(document["spec"])


def test_defaults_are_written_as_users_write_them() -> None:
    properties = schemas("imchatclusters.yaml")["spec"]["properties"]
    assert properties["metrics"]["properties"]["interval"]["default"] == "15s"
    assert properties["scaling"]["default"]["scaleUp"] == [{"above": 70, "for": "15m"}]
