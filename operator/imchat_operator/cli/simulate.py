"""`imchat simulate`: what a policy would have made of a load that was recorded."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from imchat_operator.cli import plot
from imchat_operator.cli.autoscaler import autoscaler
from imchat_operator.cli.failures import Failure
from imchat_operator.cli.manifests import policy_of
from imchat_operator.cli.output import Output, console, dumped
from imchat_operator.cli.sources import RangeQuery, csv_trace, prometheus_trace
from imchat_operator.cli.tables import figures_table
from imchat_operator.simulation.fleet import Conditions
from imchat_operator.simulation.playback import Load, Run
from imchat_operator.simulation.replay import replayed, replayed_by_hpa
from imchat_operator.simulation.report import document, figures
from imchat_operator.simulation.sharing import Balancing
from imchat_operator.simulation.trace import Trace
from imchat_operator.units import parsed_duration

PROMETHEUS = "prometheus"
_OURS, _THEIRS = "imchat", "hpa"


def _duration(text: str | timedelta) -> timedelta:
    if isinstance(text, timedelta):  # typer parses defaults too
        return text
    try:
        return parsed_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def length(text: str | timedelta) -> timedelta:
    """Return an option's duration, which is longer than zero."""
    found = _duration(text)
    if not found:
        raise typer.BadParameter("must be longer than zero, such as 15s or 30m")
    return found


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-03-01T18:00:00Z") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _load(text: str) -> float:
    try:
        load = float(text)
    except ValueError:
        load = 0.0
    if not 0 < load < float("inf"):
        raise typer.BadParameter(f"{text!r} is no load: write a number above 0")
    return load


_FLEET = "Fleet"
_RIVAL = "Comparison"
_QUERY = "With --trace prometheus"


def simulate(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    policy: Annotated[
        Path, typer.Option(metavar="FILE", help="Manifest of the ImChatCluster to try.")
    ],
    trace: Annotated[
        str,
        typer.Option(
            metavar="CSV|prometheus",
            help="The load: a CSV file with the columns timestamp (UTC) and value, "
            "or prometheus for a range query.",
        ),
    ],
    capacity: Annotated[
        float,
        typer.Option(
            parser=_load,
            metavar="VALUE",
            help="Value of the trace that one gateway carries at 100 %.",
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="hpa|FILE",
            help="Compare with a HorizontalPodAutoscaler: hpa for the policy's bounds and target "
            "with default behavior, or an autoscaling/v2 manifest.",
            rich_help_panel=_RIVAL,
        ),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="How to print the figures.")
    ] = Output.TABLE,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw a .png or .html picture.")
    ] = None,
    window: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Manifest of a MaintenanceWindow; may be repeated."),
    ] = None,
    interval: Annotated[
        timedelta | None,
        typer.Option(
            parser=length, metavar="DURATION", help="Instead of the policy's metrics.interval."
        ),
    ] = None,
    startup: Annotated[
        timedelta,
        typer.Option(
            parser=_duration,
            metavar="DURATION",
            show_default="30s",
            help="From a gateway's creation until it is ready.",
            rich_help_panel=_FLEET,
        ),
    ] = timedelta(seconds=30),
    session: Annotated[
        timedelta,
        typer.Option(
            parser=length,
            metavar="DURATION",
            show_default="30m",
            help="Mean length of a client's session. Sessions that end are followed by others, "
            "which is how a fleet evens out by itself: the longer they are, the slower.",
            rich_help_panel=_FLEET,
        ),
    ] = timedelta(minutes=30),
    gateway_connections: Annotated[
        int,
        typer.Option(
            min=10,
            max=1_000_000,
            help="Connections that a gateway holds at 100 %; draining paces relate to them.",
            rich_help_panel=_FLEET,
        ),
    ] = 1000,
    balancing: Annotated[
        Balancing,
        typer.Option(help="How new connections are spread.", rich_help_panel=_FLEET),
    ] = Balancing.ROUND_ROBIN,
    url: Annotated[
        str | None, typer.Option(help="The server's address.", rich_help_panel=_QUERY)
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(metavar="PROMQL", help="Has one series.", rich_help_panel=_QUERY),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(parser=_time, metavar="TIME", help="The begin.", rich_help_panel=_QUERY),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(parser=_time, metavar="TIME", help="The end.", rich_help_panel=_QUERY),
    ] = None,
    step: Annotated[
        timedelta,
        typer.Option(
            parser=length,
            metavar="DURATION",
            show_default="1m",
            help="Time between two points.",
            rich_help_panel=_QUERY,
        ),
    ] = timedelta(minutes=1),
) -> None:
    """Replay a load through the very policy that the operator runs, on a model of a fleet.

    In the model connections stick to their gateway, new gateways start empty, and drains take time.
    The trace is taken for the connections that clients want, whatever signals the policy names.
    The same inputs give the same figures.
    """
    try:
        points = _points(trace, url, query, (start, end, step))
        tried = policy_of(policy, tuple(window or ()), points.start)
        if interval is not None:
            tried = tried.sampled_every(interval)
        conditions = Conditions(
            kind=tried.spec.target_ref.kind,
            capacity=gateway_connections,
            startup=startup,
            session=session,
            balancing=balancing,
        )
        load = Load.of(points, capacity, gateway_connections)
        rival = autoscaler(against, tried.spec, gateway_connections) if against else None
        if plot_file is not None:
            plot.check(plot_file)
        runs = {_OURS: replayed(load, tried, conditions)}
        if rival is not None:
            runs[_THEIRS] = replayed_by_hpa(load, rival, conditions)
        if plot_file is not None:
            plot.save(plot.draw(runs, f"{tried.cluster.name} under {Path(trace).name}"), plot_file)
    except ValueError as error:
        raise Failure(str(error)) from None
    _print(runs, output)


def _points(
    trace: str,
    url: str | None,
    query: str | None,
    span: tuple[datetime | None, datetime | None, timedelta],
) -> Trace:
    if trace != PROMETHEUS:
        return csv_trace(Path(trace))
    match url, query, span:
        case str(), str(), (datetime() as start, datetime() as end, step):
            return prometheus_trace(
                RangeQuery(url=url, query=query, start=start, end=end, step=step)
            )
        case _:
            raise ValueError("--trace prometheus needs --url, --query, --start and --end")


def _print(runs: Mapping[str, Run], output: Output) -> None:
    found = {name: figures(run) for name, run in runs.items()}
    if output is Output.TABLE:
        console().print(figures_table(found))
        return
    objects = {name: document(each) for name, each in found.items()}
    typer.echo(dumped(objects.pop(_OURS) | objects, output))
