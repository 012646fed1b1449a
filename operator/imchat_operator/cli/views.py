"""What `status` and `explain` print for people."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from imchat_operator.cli.fleet import Fleet, Gateway, Run
from imchat_operator.cli.output import printable
from imchat_operator.core.decision import Reason
from imchat_operator.models import Condition, Direction, SignalLoad
from imchat_operator.units import duration_text

_BAR = 20
# What a condition is while there is nothing to tell: its status, and for some its reasons.
_CALM = {
    "Ready": "True",
    "MetricsAvailable": "True",
    "DependenciesAvailable": "True",
    "CapacityPressure": "False",
    "MaintenanceActive": "False",
    "RemediationBlocked": "False",
    "Deferred": "False",
    "Scaling": "False",
    "Healing": "False",
}
_CALM_REASONS = {
    "Deferred": {Reason.NOTHING_DEFERRED},
    "Scaling": {
        Reason.STEADY,
        Reason.AT_MINIMUM,
        Reason.SCHEDULED_CAPACITY,
        Reason.SEASONAL_FLOOR,
    },
    "Healing": {Reason.ALL_HEALTHY},
}
_WORDS = {Direction.UP: "growing", Direction.DOWN: "shrinking"}
_UNTOLD = "the operator has not told yet: is it running, and is it for this namespace?"


def is_calm(condition: Condition) -> bool:
    """Return whether a condition tells of nothing that is under way, waited for or wrong."""
    reasons = _CALM_REASONS.get(condition.type)
    is_usual = condition.status == _CALM.get(condition.type, condition.status)
    return is_usual and (reasons is None or condition.reason in reasons)


def status_view(found: Fleet) -> RenderableType:
    """Return a fleet, what it waits for, and what was decided last."""
    return _view(found, _status_rows(found))


def explanation_view(found: Fleet) -> RenderableType:
    """Return how the size came about, and what is in the way of another."""
    return _view(found, _explanation_rows(found))


def _view(found: Fleet, rows: Iterable[tuple[str, RenderableType]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, content in rows:
        grid.add_row(label, content)
    return Group(_title(found), Padding(grid, (0, 0, 1, 2)))


def _title(found: Fleet) -> Text:
    status = found.status
    if status.observed_at is None:
        return Text.assemble((f"{found.namespace}/{found.name}", "bold"), f": {_UNTOLD}")
    text = (
        f": {_count(status.ready_replicas)} of {_count(status.replicas)} gateways ready, "
        f"{_count(status.desired_replicas)} wanted "
        f"({found.spec.min_replicas} to {found.spec.max_replicas}), "
        f"as of {_moment(status.observed_at)}"
    )
    style = "bold" if found.is_ready else "bold red"
    return Text.assemble((f"{found.namespace}/{found.name}", style), text)


def _status_rows(found: Fleet) -> Iterator[tuple[str, RenderableType]]:
    yield from _load_rows(found)
    yield from _run_rows(found)
    yield from _labelled("waits", (_told_text(c) for c in _unrest(found)))
    yield from _labelled("paused", (f"{p.what}: {p.reason} ({p.by})" for p in found.paused))
    windows = found.condition("MaintenanceActive")
    if windows is not None and is_calm(windows):
        yield "window", _text(windows.message)
    if found.gateways:
        yield "gateways", _fleet_table(found.gateways)
    yield from _labelled("latest", (f"{_moment(t.at)} {t.reason}: {t.message}" for t in found.told))
    yield from _labelled("note", found.notes)


def _explanation_rows(found: Fleet) -> Iterator[tuple[str, RenderableType]]:
    spec, sizing = found.spec, found.status.sizing
    yield "modes", _text(f"scaling {spec.scaling.mode}, healing {spec.healing.mode}")
    yield from _load_rows(found)
    yield from _run_rows(found)
    if sizing is None:
        yield "size", _text(_UNTOLD if found.status.observed_at is None else "no size was judged")
    else:
        asks = f"{sizing.by} asks for:" if sizing.by else "nobody asks; the load needs:"
        yield "size", _text(asks if sizing.steps else "nobody can tell what the load needs")
        if sizing.steps:
            yield "", _steps_table(found)
        for direction in Direction:
            held = [f"{o.reason}: {o.why}" for o in sizing.obstacles if o.direction is direction]
            against = "; ".join(held) or "nothing is in the way"
            yield _WORDS[direction], _text(against)
    for label, kind in (
        ("outcome", "Scaling"),
        ("healing", "Healing"),
        ("repairs", "RemediationBlocked"),
        ("windows", "MaintenanceActive"),
        ("deferred", "Deferred"),
    ):
        condition = found.condition(kind)
        if condition is not None:
            yield label, _text(f"{condition.reason}: {condition.message}")


def _load_rows(found: Fleet) -> Iterator[tuple[str, RenderableType]]:
    source = found.condition("MetricsAvailable")
    loads = found.status.sizing.loads if found.status.sizing else ()
    texts = [_load_text(load) for load in loads]
    if source is not None and source.status == "True":
        texts.append(source.message)
    yield from _labelled("load", texts)


def _load_text(load: SignalLoad) -> str:
    if load.percent is None:
        return f"not known: {load.unknown}"
    return (
        f"{load.percent}% {load.signal}: {load.load} {load.unit} on {load.gateways} gateways of "
        f"{load.capacity} (capacity target {load.limit}%)"
    )


def _run_rows(found: Fleet) -> Iterator[tuple[str, RenderableType]]:
    for number, run in enumerate(found.runs):
        bar = Table.grid(padding=(0, 2))
        bar.add_row(_text(run.rule), _bar(run.seconds, run.of_seconds), _text(_run_text(run)))
        yield "" if number else "streaks", bar


def _run_text(run: Run) -> str:
    lasted = duration_text(timedelta(seconds=int(run.seconds)))
    whole = duration_text(timedelta(seconds=run.of_seconds))
    if run.seconds >= run.of_seconds:
        return f"{lasted} of {whole}, complete"
    return f"{lasted} of {whole}, complete at {_clock(run.complete_at)}"


def _bar(done: float, whole: float) -> RenderableType:
    return ProgressBar(total=whole or 1, completed=done if whole else 1, width=_BAR)


def _unrest(found: Fleet) -> list[Condition]:
    return [c for c in found.status.conditions if not is_calm(c)]


def _told_text(condition: Condition) -> str:
    return f"{condition.type} {condition.reason}: {condition.message}"


def _fleet_table(gateways: Iterable[Gateway]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("name", "state", "connections", "", "node", ""):
        table.add_column(title, overflow="fold")
    for gateway in gateways:
        table.add_row(
            _text(gateway.name),
            _text(gateway.state),
            f"{_count(gateway.connections)} of {_count(gateway.capacity)}",
            _gateway_bar(gateway),
            _text(gateway.node),
            _drain_text(gateway),
        )
    return table


def _gateway_bar(gateway: Gateway) -> RenderableType:
    """Return how far a drain has come, else how full the gateway is; nothing if it is not heard."""
    held, before = gateway.connections, gateway.drain.connections if gateway.drain else None
    if held is not None and before:
        return _bar(max(0, before - held), before)
    if held is not None and gateway.capacity:
        return _bar(held, gateway.capacity)
    return _text()


def _drain_text(gateway: Gateway) -> str:
    drain = gateway.drain
    return f"{drain.purpose} since {_clock(drain.started_at)}" if drain else ""


def _steps_table(found: Fleet) -> Table:
    """Return each step with the size that it leaves; the first one starts from what there is."""
    table = Table.grid(padding=(0, 2))
    before = found.status.replicas
    for step in found.status.sizing.steps if found.status.sizing else ():
        change = f"{_count(before)} → {step.size}"
        table.add_row(_text(change), _text(step.reason), _text(step.why))
        before = step.size
    return table


def _labelled(label: str, texts: Iterable[str]) -> Iterator[tuple[str, RenderableType]]:
    for number, text in enumerate(texts):
        yield "" if number else label, _text(text)


def _text(text: str = "") -> Text:
    """Return text that others wrote, which must not steer the terminal."""
    return Text(printable(text))


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d} {_clock(moment)}"
