"""JSON bodies, checked field by field. All errors are ValueErrors of one sentence."""

import json
from typing import Any


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a text holds."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"the body must be a JSON object: {error}") from error
    match document:
        case dict():
            return document
        case _:
            raise ValueError(f"the body must be a JSON object, not {document!r}")


def number(
    document: dict[str, Any],
    field: str,
    *,
    least: float,
    most: float,
    default: float | None = None,
) -> float:
    """The field's value, a number from `least` to `most`; `default` where it is absent."""
    value = document.get(field, default)
    match value:
        case bool():
            pass
        case int() | float() if least <= value <= most:
            return float(value)
    raise ValueError(f"{field} is {value!r}, but must be a number from {least:g} to {most:g}")


def whole_number(document: dict[str, Any], field: str, *, default: int) -> int:
    """The field's value, a whole number from 0 on; `default` where it is absent."""
    value = document.get(field, default)
    match value:
        case bool():
            pass
        case int() if value >= 0:
            return value
    raise ValueError(f"{field} is {value!r}, but must be a whole number, 0 or more")
