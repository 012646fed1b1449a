"""The Markdown tables of docs/benchmarks.md, from what was measured and from nothing else."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from scale_bench.figures import Figure, Results, line

_FIT_SIZES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a figure is called, what its size counts, and what it should not exceed."""

    title: str
    of: str
    unit: str
    goal: str = ""


ROWS: Final[dict[str, Row]] = {
    "sweep-first-to-last-write": Row(
        title="load of all rises at once: first to last scale write",
        of="clusters",
        unit="s",
        goal="1",
    ),
    "sweep-step-to-last-write": Row(
        title="from the rise to the last scale write, the interval of 15 s included",
        of="clusters",
        unit="s",
    ),
    "sweep-sample-to-write": Row(
        title="a cluster's sample to its scale write, p99", of="clusters", unit="s", goal="2"
    ),
    "hpa-first-to-last-write": Row(
        title="HPA controller, its defaults: first to last scale write", of="autoscalers", unit="s"
    ),
    "hpa-scaled": Row(title="of these scaled within 330 s", of="autoscalers", unit=""),
    "hpa-requests-per-second": Row(
        title="its requests meanwhile", of="autoscalers", unit="a second"
    ),
    "hpa-raised-first-to-last-write": Row(
        title="HPA controller, limits raised: first to last scale write",
        of="autoscalers",
        unit="s",
    ),
    "hpa-raised-scaled": Row(title="of these scaled within 330 s", of="autoscalers", unit=""),
    "hpa-raised-requests-per-second": Row(
        title="its requests meanwhile", of="autoscalers", unit="a second"
    ),
    "decision-median": Row(title="one decision, median", of="gateways", unit="µs", goal="50"),
    "decision-p99": Row(title="one decision, p99", of="gateways", unit="µs"),
    "first-start": Row(
        title="start to the first sample of every gateway, no status yet", of="clusters", unit="s"
    ),
    "cold-start": Row(
        title="restart to the first sample of every gateway", of="clusters", unit="s", goal="3"
    ),
    "end": Row(
        title="SIGTERM while the load of all has just risen, to the end of the process",
        of="clusters",
        unit="s",
        goal="15",
    ),
    "memory-steady": Row(title="memory, steady", of="clusters", unit="MiB"),
    "memory-peak": Row(title="memory, peak", of="clusters", unit="MiB"),
    "rest-requests": Row(
        title="at rest: requests to the API server", of="clusters", unit="a second", goal="0.5"
    ),
    "rest-writes": Row(title="at rest: writes", of="clusters", unit="", goal="0"),
    "rest-cpu": Row(title="at rest: CPU", of="clusters", unit="% of a core"),
    "rest-scrapes": Row(title="at rest: gateways asked", of="clusters", unit="a second"),
    "pods-memory-steady": Row(title="memory, steady", of="watched pods", unit="MiB", goal="110"),
    "pods-memory-peak": Row(title="memory, peak", of="watched pods", unit="MiB", goal="130"),
    "pods-cold-start": Row(
        title="restart to the first sample of every gateway",
        of="watched pods",
        unit="s",
        goal="3",
    ),
    "kopf-memory-steady": Row(title="the same in kopf's index, steady", of="pods", unit="MiB"),
    "kopf-memory-peak": Row(title="the same in kopf's index, peak", of="pods", unit="MiB"),
    "kopf-cold-start": Row(title="start until kopf's index is whole", of="pods", unit="s"),
    "pods-changes": Row(title="pods changed meanwhile", of="watched pods", unit="a second"),
    "pods-change-to-pass": Row(
        title="a pod's change to the pass that sees it, p99, at most; 0.2 s of it are a pause",
        of="watched pods",
        unit="s",
        goal="0.05",
    ),
    "pods-change-to-pass-median": Row(title="the same, median", of="watched pods", unit="s"),
    "pods-pass": Row(title="such a pass, p99, at most", of="watched pods", unit="s"),
    "pods-pass-median": Row(title="the same, median", of="watched pods", unit="s"),
    "unrelated-memory-steady": Row(
        title="memory after a restart, steady, with unrelated pods beside the most watched ones",
        of="unrelated pods",
        unit="MiB",
    ),
    "unrelated-memory-peak": Row(title="memory, peak", of="unrelated pods", unit="MiB"),
    "unrelated-cold-start": Row(
        title="restart to the first sample of every gateway", of="unrelated pods", unit="s"
    ),
    "quiet-requests": Row(
        title="at rest for ten minutes: requests to the API server",
        of="clusters",
        unit="a second",
        goal="0.5",
    ),
    "quiet-writes": Row(title="at rest for ten minutes: writes", of="clusters", unit="", goal="0"),
    "generations-slope": Row(
        title="memory that remains of 1,000 pods that came and went",
        of="pods that came and went",
        unit="MiB",
        goal="0",
    ),
    "generations-slope-error": Row(
        title="plus or minus, with 95 %", of="pods that came and went", unit="MiB"
    ),
    "generations-memory": Row(
        title="memory at the end of that", of="pods that came and went", unit="MiB"
    ),
    "failure-to-repair": Row(
        title="crash loop in the pod's status to the begin of its repair, p99",
        of="clusters, one gateway of each fails",
        unit="s",
        goal="1",
    ),
    "flaps-replaced": Row(
        title="not ready for 15 s: gateways gone a minute later",
        of="clusters, one gateway of each flaps",
        unit="",
        goal="0",
    ),
    "flaps-evictions": Row(
        title="not ready for 15 s: evictions",
        of="clusters, one gateway of each flaps",
        unit="",
        goal="0",
    ),
    "delete-worst-second": Row(
        title="a pod is deleted: reconnects in the worst second", of="connections", unit=""
    ),
    "delete-worst-ten": Row(
        title="reconnects in the worst ten seconds", of="connections", unit="a second"
    ),
    "delete-cut": Row(title="connections cut", of="connections", unit=""),
    "delete-lost": Row(title="messages without an echo", of="connections", unit=""),
    "drain-pace": Row(
        title="a gateway is drained, at `connectionsPerSecond`", of="connections", unit="a second"
    ),
    "drain-worst-second": Row(
        title="reconnects in the worst second of it", of="connections", unit=""
    ),
    "drain-worst-ten": Row(
        title="reconnects in the worst ten seconds of it", of="connections", unit="a second"
    ),
    "drain-cut": Row(title="connections cut by it", of="connections", unit="", goal="0"),
    "drain-lost": Row(title="messages without an echo in it", of="connections", unit="", goal="0"),
    "drain-times-lower": Row(
        title="worst second of the deletion to that of the drain (at least)",
        of="connections",
        unit="to 1",
        goal="20",
    ),
}


def tables(results: Results) -> str:
    """A table of all figures, in the order of `ROWS`, and one of how they grow."""
    by_name: dict[str, list[Figure]] = defaultdict(list)
    for figure in sorted(results.figures, key=lambda f: f.size):
        by_name[figure.name].append(figure)
    rows = [_row(f, ROWS[name]) for name in ROWS for f in by_name.get(name, ())]
    head = "| figure | size | median | least to most | runs | goal |\n"
    text = head + "| --- | --- | ---: | ---: | ---: | ---: |\n" + "".join(rows)
    fits = [_fit(by_name[n], row) for n, row in ROWS.items() if len(by_name[n]) >= _FIT_SIZES]
    growth = "| figure | fixed | for each 100 more | sizes |\n| --- | ---: | ---: | --- |\n"
    return f"{text}\n{growth}{''.join(fits)}"


def _row(figure: Figure, row: Row) -> str:
    low, high = min(figure.values), max(figure.values)
    unit = f" {row.unit}" if row.unit else ""
    spread = f"{low:.3g} to {high:.3g}" if len(figure.values) > 1 else ""
    goal = f"{row.goal}{unit}" if row.goal else ""
    return (
        f"| {row.title} | {figure.size:,} {row.of} | {figure.median:.3g}{unit} | {spread} "
        f"| {len(figure.values)} | {goal} |\n"
    )


def _fit(figures: list[Figure], row: Row) -> str:
    fixed, slope = line((f.size, f.median) for f in figures)
    sizes = ", ".join(f"{f.size:,}" for f in figures)
    unit = f" {row.unit}" if row.unit else ""
    return f"| {row.title} | {fixed:.3g}{unit} | {slope * 100:.3g}{unit} | {sizes} {row.of} |\n"
