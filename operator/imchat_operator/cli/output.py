"""How results are printed: for people, or as JSON or YAML for programs."""

import json
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console


class Output(StrEnum):
    """The forms that a result is printed in."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def dumped(document: Any, output: Output) -> str:
    """Return a document of plain values as JSON or YAML."""
    if output is Output.YAML:
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip()
    return json.dumps(document, indent=2, ensure_ascii=False)


def printable(text: str) -> str:
    """Return text that others wrote (in an annotation, say) without what steers a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def console() -> Console:
    """Return where text for people goes; in colour only to a terminal, unless NO_COLOR is set."""
    return Console(highlight=False)
