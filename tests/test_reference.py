"""docs/reference.md has every field of both custom resources, as the models have it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imchat_operator.crds import definitions
from imchat_operator.reference import markdown

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}{name}", child
        brackets = "[]" if "items" in child else ""
        yield from fields(child.get("items", child), f"{path}{name}{brackets}.")


def parts() -> Iterator[Any]:
    for definition in definitions().values():
        kind = definition["spec"]["names"]["kind"]
        root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for part in ("spec", "status"):
            schema = root["properties"][part]
            yield pytest.param(kind, part, schema, id=f"{kind} {part}")


PARTS = list(parts())


def section(title: str) -> str:
    return PAGE.read_text(encoding="utf-8").split(f"### {title}\n")[1].split("\n##")[0]


def test_the_page_that_is_checked_in_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run `make crds`"


@pytest.mark.parametrize(("kind", "part", "schema"), PARTS)
def test_every_field_is_described(kind: str, part: str, schema: dict[str, Any]) -> None:
    bare = [path for path, child in fields(schema) if not child.get("description", "").strip()]
    assert not bare, f"{kind} {part}"


@pytest.mark.parametrize(("kind", "part", "schema"), PARTS)
def test_every_field_has_its_row_or_section(kind: str, part: str, schema: dict[str, Any]) -> None:
    found = dict(fields(schema))
    assert len(found) > 8
    for path, child in found.items():
        if "." not in path and "properties" in child.get("items", child):
            brackets = "[]" if "items" in child else ""
            assert child["description"] in section(f"{kind}: {part}.{path}{brackets}")
            continue
        top, _, rest = path.partition(".")
        row = f"| `{rest or top}` |"
        assert row in section(f"{kind}: {part}.{top}" if rest else f"{kind}: {part}")


@pytest.mark.parametrize(
    ("title", "row"),
    [
        pytest.param(
            "ImChatCluster: spec",
            "| `minReplicas` | whole number | `2` | 1 to 1000 | The fleet is never smaller. |",
            id="a number with bounds and a default",
        ),
        pytest.param(
            "ImChatCluster: spec.metrics",
            "| `interval` | duration | `15s` |  | Time between two samples. |",
            id="a duration, not the text that it is written in",
        ),
        pytest.param(
            "ImChatCluster: spec.scaling",
            "| `scaleUp[].above` | whole number | required | 1 to 100 |",
            id="a field of a list's items that must be given",
        ),
        pytest.param(
            "MaintenanceWindow: spec",
            "| `effect` | `Silence`, `Permit` | `Silence` |",
            id="a choice",
        ),
        pytest.param(
            "MaintenanceWindow: spec",
            "- `schedules`: an Emergency is one schedule with once, of at most 8h",
            id="a rule of the API server",
        ),
    ],
)
def test_a_row_says(title: str, row: str) -> None:
    assert row in section(title)
