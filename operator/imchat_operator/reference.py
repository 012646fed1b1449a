"""The API reference, made from the CRDs by `python -m imchat_operator.reference FILE`.

Every field of both custom resources with its type, default, bounds and meaning, and what the API
server refuses. docs/reference.md is checked in, and a test compares it with what this module makes.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from imchat_operator.crds import definitions
from imchat_operator.units import Duration, Quantity

Schema = dict[str, Any]

_RULES = "x-kubernetes-validations"
_INTRODUCTION = """\
<!-- Made by `make crds` from operator/imchat_operator/models; edit that instead. -->
# Reference

Every field of the two custom resources. What a field is good for is in [scaling](scaling.md),
[healing](healing.md) and [maintenance windows](windows.md); `kubectl explain imc.spec` and
`kubectl explain mwin.spec` print the same descriptions from the cluster.

- *duration*: Go-style text such as `90s`, `15m`, `1h30m`, `500ms`; never negative.
- *quantity*: as in a pod's resources, above zero: `250m`, `1.5`, `125M`, `2Gi`.
- *time*: RFC 3339 with an offset, `2026-03-01T02:00:00Z`. *date*: `2026-03-01`.
- Percentages are whole numbers. A field without a default is optional, or empty, unless it says
  *required*.

The status is the operator's: nobody else writes it, and the operator remembers nothing else.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One row: the path within its section, the field's schema, whether it must be given."""

    path: str
    schema: Schema
    is_required: bool


def markdown() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *(_kind(d) for d in definitions().values())])


def _kind(definition: Schema) -> str:
    names, version = definition["spec"]["names"], definition["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    kind, group = names["kind"], definition["spec"]["group"]
    head = (
        f"## {kind}\n\n{root['description']} `{group}/{version['name']}`, in a namespace, "
        f"`{names['shortNames'][0]}` for short.\n"
    )
    sections = [
        section
        for part in ("spec", "status")
        for section in _sections(f"{kind}: {part}", root["properties"][part])
    ]
    return "\n".join([head, *sections])


def _sections(title: str, part: Schema) -> Iterator[str]:
    """Yield a section for the plain fields of a part, and one for each field that has fields."""
    fields = list(_children(part, ""))
    plain = [field for field in fields if not _has_fields(field.schema)]
    within = [text for field in plain for text in _refusals(field.schema, field.path)]
    yield _section(title, plain, [*_own_refusals(part, ""), *within])
    for field in fields:
        if _has_fields(field.schema):
            about = f"{field.schema['description']}{_notes(field)}\n\n"
            rows = list(_descendants(field.schema, ""))
            refusals = list(_refusals(field.schema, ""))
            yield _section(f"{title}.{field.path}{_brackets(field.schema)}", rows, refusals, about)


def _section(title: str, fields: list[_Field], refusals: list[str], about: str = "") -> str:
    rows = "".join(f"| {' | '.join(_cells(field))} |\n" for field in fields)
    head = "| field | type | default | bounds | meaning |\n| --- | --- | --- | --- | --- |\n"
    refused = "".join(f"- {text}\n" for text in dict.fromkeys(refusals))
    rules = f"\nThe API server refuses what breaks a rule, with these words:\n\n{refused}"
    return f"### {title}\n\n{about}{head}{rows}{rules if refused else ''}"


def _notes(field: _Field) -> str:
    bounds = _bounds(field.schema)
    notes = [*(["required"] if field.is_required else []), *([bounds] if bounds else [])]
    return f" ({', '.join(notes)})" if notes else ""


def _children(schema: Schema, prefix: str) -> Iterator[_Field]:
    required = schema.get("required", ())
    for name, child in schema.get("properties", {}).items():
        yield _Field(path=f"{prefix}{name}", schema=child, is_required=name in required)


def _descendants(schema: Schema, prefix: str) -> Iterator[_Field]:
    for field in _children(_inner(schema), prefix):
        yield field
        yield from _descendants(field.schema, f"{field.path}{_brackets(field.schema)}.")


def _inner(schema: Schema) -> Schema:
    """Return a list's items, and else the schema itself."""
    items: Schema = schema.get("items", schema)
    return items


def _brackets(schema: Schema) -> str:
    return "[]" if "items" in schema and _has_fields(schema) else ""


def _has_fields(schema: Schema) -> bool:
    return "properties" in _inner(schema)


def _cells(field: _Field) -> tuple[str, ...]:
    schema = field.schema
    default = "required" if field.is_required else ""
    if schema.get("default", "") not in ("", []) and "properties" not in schema:
        default = f"`{_literal(schema['default'])}`"
    cells = (f"`{field.path}`", _type(schema), default, _bounds(schema), schema["description"])
    return tuple(cell.replace("|", "\\|") for cell in cells)


def _literal(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _named_types() -> dict[str, str]:
    """Return what our own scalars are called, by the first rule that the API server checks."""
    scalars: dict[str, TypeAdapter[Any]] = {
        "duration": TypeAdapter(Duration),
        "quantity": TypeAdapter(Quantity),
    }
    return {a.json_schema()[_RULES][0]["rule"]: name for name, a in scalars.items()}


_NAMED_TYPES = _named_types()
_FORMATS = {"date-time": "time", "date": "date"}
_TYPES = {"string": "text", "boolean": "true or false", "integer": "whole number"}


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "items" in schema:
        return "list" if _has_fields(schema) else f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    if schema["type"] == "object":
        return "object"
    own = _named_type(schema)
    return own or _FORMATS.get(schema.get("format", "")) or _TYPES[schema["type"]]


def _named_type(schema: Schema) -> str:
    rules = schema.get(_RULES, ())
    return _NAMED_TYPES.get(rules[0]["rule"], "") if rules else ""


def _bounds(schema: Schema) -> str:
    if "enum" in schema or _named_type(schema):
        return ""
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None:
        return f"{least} to {most}" if least is not None else f"at most {most}"
    if least is not None:
        return f"{least} or more"
    if "maxLength" in schema:
        return f"{schema['maxLength']} characters"
    if "maxItems" in schema:
        fewest = f"{schema['minItems']} to " if "minItems" in schema else "at most "
        return f"{fewest}{schema['maxItems']}"
    return ""


def _refusals(schema: Schema, path: str) -> Iterator[str]:
    """Yield what the API server says when a rule of a field, or of one within, is broken."""
    yield from _own_refusals(schema, path)
    for field in _children(schema, f"{path}." if path else ""):
        yield from _refusals(field.schema, field.path)
    if "items" in schema:
        yield from _refusals(schema["items"], f"{path}[]")


def _own_refusals(schema: Schema, path: str) -> Iterator[str]:
    if _named_type(schema):
        return  # what a duration or a quantity is, the introduction says
    for rule in schema.get(_RULES, ()):
        field = f"{path}{rule.get('fieldPath', '')}".lstrip(".")
        yield f"`{field}`: {rule['message']}" if field else rule["message"]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
