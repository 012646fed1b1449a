"""`imchat windows`: when maintenance windows are open, as a table, as JSON, and as a calendar."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from dateutil.relativedelta import relativedelta
from icalendar import Calendar, Event
from rich.box import SIMPLE_HEAD
from rich.table import Table

from imchat_operator.cli.cluster import Cluster, Place
from imchat_operator.cli.failures import Failure
from imchat_operator.cli.manifests import documents, of_kind, window
from imchat_operator.cli.options import Context, Kubeconfig, Namespace
from imchat_operator.cli.output import Output, console, dumped
from imchat_operator.core.notices import effect_text
from imchat_operator.core.snapshot import Window
from imchat_operator.core.window_openings import between, is_approved
from imchat_operator.models import API_VERSION, GROUP
from imchat_operator.units import duration_text, instant_text

_KIND = "MaintenanceWindow"
_LONGEST_MONTHS = 120


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Entry:
    """One opening of a window."""

    start: datetime
    end: datetime
    name: str
    effect: str
    what: str


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is no time zone, such as Europe/Berlin") from None


def windows(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Manifests of MaintenanceWindows; may be repeated. Without it: the windows of the "
            "cluster that kubectl talks to.",
        ),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in the zone; today."),
    ] = None,
    months: Annotated[
        int, typer.Option(min=1, max=_LONGEST_MONTHS, help="How many months from then on.")
    ] = 6,
    zone: Annotated[
        ZoneInfo,
        typer.Option(parser=_zone, metavar="ZONE", show_default="UTC", help="IANA time zone."),
    ] = "UTC",  # type: ignore[assignment]  # typer parses defaults too
    output: Annotated[
        Output,
        typer.Option("--output", "-o", help="How to print the openings; JSON and YAML are in UTC."),
    ] = Output.TABLE,
    ics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an iCalendar file as well.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print when maintenance windows are open, by the very code that the operator runs.

    A window of a file that does not say when it was created counts as created at the begin. An
    emergency is left out until it is approved.
    """
    day = (start or datetime.now(zone)).date()
    begin = datetime.combine(day, time(), zone)
    end = datetime.combine(day + relativedelta(months=months), time(), zone)
    try:
        place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
        found = _read(tuple(file), begin) if file else _served(place, begin)
        entries = sorted(e for w in found for e in _entries(w, begin, end))
        if ics is not None:
            ics.write_bytes(_calendar(entries))
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from None
    except Failure as error:
        hint = "" if file else ", or name files with -f"
        raise Failure(f"{error.message}{hint}", error.exit_code) from None
    _print(entries, zone, output)


def _read(files: tuple[Path, ...], begin: datetime) -> list[Window]:
    return [
        window(path, of_kind(path, document, _KIND, API_VERSION), begin)
        for path in files
        for document in documents(path)
    ]


def _served(place: Place, begin: datetime) -> list[Window]:
    """Return the windows of a namespace, as the API server has them."""
    with Cluster.at(place) as cluster:
        items = cluster.items(cluster.custom("maintenancewindows"))
    return [window(Path(item["metadata"]["name"]), item, begin) for item in items]


def _entries(found: Window, begin: datetime, end: datetime) -> list[_Entry]:
    if not is_approved(found.spec):
        typer.echo(f"{found.name} is left out: nobody has approved it", err=True)
        return []
    try:
        openings = list(between(found, begin.astimezone(UTC), end.astimezone(UTC)))
    except ValueError as error:
        raise ValueError(f"{found.name}: {error}") from None
    effect, what = str(found.spec.effect), effect_text(found.spec)
    return [
        _Entry(start=o.start, end=o.end, name=found.name, effect=effect, what=what)
        for o in openings
    ]


def _calendar(entries: list[_Entry]) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//imchat.dev//imchat windows//EN")
    calendar.add("version", "2.0")
    for entry in entries:
        event = Event()
        event.add("uid", f"{entry.name}-{entry.start:%Y%m%dT%H%M%SZ}@{GROUP}")
        event.add("dtstamp", entry.start)  # the same windows give the same file
        event.add("dtstart", entry.start)
        event.add("dtend", entry.end)
        event.add("summary", f"Maintenance: {entry.name}")
        event.add("description", f"{entry.effect}: {entry.what}")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _print(entries: list[_Entry], zone: ZoneInfo, output: Output) -> None:
    if output is Output.TABLE:
        console().print(_table(entries, zone))
        return
    objects = [
        {"name": e.name, "start": instant_text(e.start), "end": instant_text(e.end)}
        for e in entries
    ]
    typer.echo(dumped(objects, output))


def _table(entries: list[_Entry], zone: ZoneInfo) -> Table:
    table = Table(caption=f"times of {zone.key}", box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    for title in ("window", "opens", "closes", "lasts", "effect"):
        table.add_column(title, no_wrap=True)
    for entry in entries:
        opens = f"{entry.start.astimezone(zone):%a %Y-%m-%d %H:%M %z}"
        closes = f"{entry.end.astimezone(zone):%a %Y-%m-%d %H:%M}"
        lasts = duration_text(entry.end - entry.start)
        table.add_row(entry.name, opens, closes, lasts, entry.effect)
    return table
