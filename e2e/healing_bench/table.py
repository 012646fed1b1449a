"""The Markdown table of docs/healing.md: a failure a row, the operator's figures beside plain's."""

from collections.abc import Callable, Mapping, Sequence

from healing_bench.figures import Figures, Results, Side, by_scenario

_Cell = Callable[[Figures, float], str]
_SIDES = (Side.OURS, Side.PLAIN)


def table(results: Results, titles: Mapping[str, str]) -> str:
    """The table, a row for each scenario that was measured, in the order of `titles`."""
    found = by_scenario(results.figures)
    cap = results.setting.cap
    rows = [["Failure", *_COLUMNS], ["---", *("---:" for _ in _COLUMNS)]]
    for name, title in titles.items():
        if name in found:
            sides = found[name]
            rows.append([title, *(_beside(sides, cell, cap) for cell in _COLUMNS.values())])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _beside(sides: Mapping[Side, Figures], cell: _Cell, cap: float) -> str:
    """Both sides' cells, the operator's first; a question mark for what was not measured."""
    return " / ".join(
        "?" if (found := sides.get(side)) is None or found.trouble else cell(found, cap)
        for side in _SIDES
    )


def _detected(figures: Figures, _cap: float) -> str:
    return "never" if figures.detected is None else f"{figures.detected:.1f}"


def _restored(figures: Figures, cap: float) -> str:
    seconds = figures.restored
    return f">{cap:g}" if seconds is None or seconds > cap else f"{seconds:.1f}"


def _cleared(figures: Figures, _cap: float) -> str:
    return "stays" if figures.cleared is None else f"{figures.cleared:.1f}"


def _touched(figures: Figures, _cap: float) -> str:
    counts = {
        "deleted": figures.deleted,
        "restarted": figures.restarted,
        "bystanders": figures.bystanders,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "0"


_COLUMNS: Mapping[str, _Cell] = {
    "noticed after, s": _detected,
    "service whole after, s": _restored,
    "failed pod gone after, s": _cleared,
    "connections cut": lambda f, _: str(f.cut),
    "moved with a close frame": lambda f, _: str(f.moved),
    "messages lost": lambda f, _: str(f.lost),
    "most clients without a connection": lambda f, _: str(f.most_without),
    "pods touched": _touched,
}


def troubles(figures: Sequence[Figures]) -> list[str]:
    """One line for each scenario and side that could not be measured."""
    return [f"{f.scenario}, {f.side}: {f.trouble}" for f in figures if f.trouble]
