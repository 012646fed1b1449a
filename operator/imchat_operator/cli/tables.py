"""Figures as tables for people."""

from collections.abc import Mapping

from rich.table import Table

from imchat_operator.simulation.report import Figures


def figures_table(found: Mapping[str, Figures]) -> Table:
    """Return a table with one column for each run."""
    table = Table(caption="load: what clients want, in percent of the gateways in rotation")
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right")
    for label, cells in _rows(tuple(found.values())):
        table.add_row(label, *cells)
    return table


def _rows(found: tuple[Figures, ...]) -> list[tuple[str, list[str]]]:
    return [
        ("gateways, least to most", [_sizes(f) for f in found]),
        ("changes of size", [f"{len(f.replicas) - 1:,}" for f in found]),
        ("flips of direction", [f"{f.flips:,}" for f in found]),
        ("minutes above 70 %", [f"{f.minutes_above_70:,.1f}" for f in found]),
        ("minutes above 90 %", [f"{f.minutes_above_90:,.1f}" for f in found]),
        ("minutes above 90 %, hottest gateway", [_hottest(f) for f in found]),
        ("pod-hours", [f"{f.pod_hours:,.1f}" for f in found]),
        ("connections moved", [f"{f.moved:,}" for f in found]),
        ("of these cut", [f"{f.cut:,}" for f in found]),
        ("connections refused", [f"{f.refused:,}" for f in found]),
    ]


def _sizes(found: Figures) -> str:
    counts = [count for _, count in found.replicas]
    return f"{min(counts)} to {max(counts)}"


def _hottest(found: Figures) -> str:
    return f"{found.hottest_minutes_above_90:,.1f}"
