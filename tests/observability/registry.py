"""What the operator's process has for Prometheus: every metric with its type and labels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from imchat_operator.shell import events, gauges, leadership, telemetry

_PREFIX = "imchat_operator_"
# What Prometheus adds by itself, and prometheus_client to every process.
_ANYWHERE = {"instance", "job", "le", "namespace", "pod"}
_OF_A_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, by the name that queries use."""

    name: str
    type: str
    labels: frozenset[str]


def metrics() -> dict[str, Metric]:
    """Return all metrics of the operator's own."""
    return {m.name: m for m in (*_of_modules(), *_of_gauges())}


def _of_modules() -> Iterator[Metric]:
    for module in (telemetry, events, leadership):
        for found in vars(module).values():
            if isinstance(found, Counter | Gauge | Histogram):
                [family] = found.describe()
                total = "_total" if family.type == "counter" else ""
                yield Metric(
                    name=f"{family.name}{total}",
                    type=family.type,
                    labels=frozenset(found._labelnames),  # noqa: SLF001 -- told nowhere else
                )


def _of_gauges() -> Iterator[Metric]:
    for family in gauges.GAUGES.collect():
        labels = frozenset(family._labelnames)  # noqa: SLF001 -- told nowhere else
        yield Metric(name=family.name, type=family.type, labels=labels)


def exposed() -> set[str]:
    """Return the names of the families that a scrape of this process has, as queries use them."""
    return {
        f"{family.name}{'_total' if family.type == 'counter' else ''}"
        for family in REGISTRY.collect()
        if family.name.startswith(_PREFIX)
    }


def faults(query: str) -> list[str]:
    """Return what a PromQL query reads that the operator does not have: metrics, labels."""
    known = metrics()
    found: list[str] = []
    labels: set[str] = set()
    for name, matchers in re.findall(rf"({_PREFIX}\w+)(?:\{{([^}}]*)\}})?", query):
        metric = known.get(name) or _of_histogram(known, name)
        if metric is None:
            found.append(f"{name} is no metric")
            continue
        labels |= metric.labels
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        found.extend(f"{name} has no label {label}" for label in used - metric.labels - _ANYWHERE)
    for others in re.findall(r"\b(?:by|on|without|ignoring|group_left)\s*\(([^)]*)\)", query):
        used = {label.strip() for label in others.split(",") if label.strip()}
        found.extend(f"nothing has the label {label}" for label in used - labels - _ANYWHERE)
    foreign = set(re.findall(r"\b(?:process|python|kube|container|up)_\w+", query))
    found.extend(f"{name} is not of this process" for name in foreign - _OF_A_PROCESS)
    return found


def _of_histogram(known: dict[str, Metric], name: str) -> Metric | None:
    base = re.sub(r"_(?:bucket|sum|count)$", "", name)
    metric = known.get(base)
    return metric if metric is not None and metric.type == "histogram" else None
