"""The Markdown of docs/soak.md: a check a row."""

from typing import Any


def table(summary: dict[str, Any]) -> str:
    """The summary as Markdown."""
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(summary["faults"].items()))
    begun = (
        f"Seed {summary['seed']}, {summary['minutes']:g} minutes, {summary['weeks']:g} weeks of "
        f"the load, {summary['changesOfSize']} changes of size. Faults: {faults}.\n\n"
    )
    lines = [begun, "| check | held | figures |\n", "| --- | --- | --- |\n"]
    lines += [
        f"| {each['name']} | {'yes' if each['is_kept'] else '**no**'} | {each['told']} |\n"
        for each in summary["checks"]
    ]
    return "".join(lines)
