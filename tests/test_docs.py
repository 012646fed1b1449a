"""The docs keep up with the code."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from imchat_operator.cli.app import app
from imchat_operator.core.decision import Reason
from imchat_operator.models import Draining, MaintenanceWindowSpec, Metrics, Scaling

DOCS = Path(__file__).parents[1] / "docs"
SECTIONS: dict[str, type[BaseModel]] = {
    "spec.metrics": Metrics,
    "spec.scaling": Scaling,
    "spec.draining": Draining,
}


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the API names of a model's fields, those of its parts as `part.field`."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        default = field.default
        if isinstance(default, BaseModel):
            yield from fields(type(default), f"{path}.")
        else:
            yield path


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_of_scaling_has_its_row_with_a_default_and_a_reason(section: str) -> None:
    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    table = text.split(f"### {section}\n")[1].split("\n#")[0]
    rows = {
        cells[1].strip().strip("`") for line in table.splitlines() if (cells := line.split("|"))[1:]
    }
    missing = [
        f
        for f in fields(SECTIONS[section])
        if not any(r == f or r.startswith(f"{f}.") for r in rows)
    ]
    assert not missing


def test_every_field_of_a_window_has_its_row() -> None:
    text = (DOCS / "windows.md").read_text(encoding="utf-8")
    table = text.split("## Every field\n")[1].split("\n#")[0]
    named = {
        name.strip("` ")
        for line in table.splitlines()
        if line.startswith("| `")
        for name in line.split("|")[1].split(",")
    }
    assert named == set(fields(MaintenanceWindowSpec))


def test_every_event_of_a_window_that_docs_name_exists() -> None:
    text = (DOCS / "windows.md").read_text(encoding="utf-8")
    table = text.split("## What is told\n")[1].split("\n#")[0]
    named = {
        name.strip("` ")
        for line in table.splitlines()
        if line.startswith("| `")
        for name in line.split("|")[1].split(",")
    }
    assert len(named) > 10
    assert named <= set(Reason)


def test_the_calendar_that_docs_show_is_what_the_command_prints() -> None:
    text = (DOCS / "windows.md").read_text(encoding="utf-8")
    call, *shown = text.split("$ imchat ")[1].split("```")[0].splitlines()
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, call.split())
    printed = [line.rstrip() for line in result.stdout.splitlines()]
    assert [line.rstrip() for line in shown if line.strip()] == printed[1:6]


def test_every_reason_that_docs_name_exists() -> None:
    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    table = text.split("gives the reason")[1].split("### Floors")[0]
    named = {
        word.strip("` ")
        for line in table.splitlines()
        if line.startswith("| `")
        for word in line.split("|")[1].split(",")
    }
    assert named
    assert named <= set(Reason)
