"""What the terminal shows: the story so far, the fleet as a live table, what is waited for.

Without a terminal the same story is told in lines.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.fleet import Fleet

_TICK_SECONDS = 0.2
_LINE_SECONDS = 5.0
_COLOURS = {"Ready": "green", "Draining": "cyan", "Isolating": "cyan", "Removing": "cyan"}


class NotToldError(Exception):
    """A part of the story did not happen in time."""


class Screen:
    """The narrator."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._fleet: Fleet | None = None
        self._capacity = 0
        self._waiting = ("", 0.0, 0.0)
        self._told_at = 0.0

    @contextmanager
    def showing(self, fleet: Fleet, capacity: int) -> Iterator[None]:
        """Show a fleet, whose gateways hold so many connections each, while the block lasts."""
        self._fleet, self._capacity = fleet, capacity
        if not self._console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self._screen, console=self._console, refresh_per_second=4, transient=True
        ) as self._live:
            yield

    def tell(self, text: str) -> None:
        """Tell what happens."""
        at = f"{self._fleet.elapsed():5.0f}s" if self._fleet else "      "
        self._console.print(f"[dim]{at}[/dim]  {text}")

    def wait_for(self, what: str, happened: Callable[[], bool], seconds: float) -> None:
        """Wait, with a progress bar, until something has happened.

        Raises:
            NotToldError: it did not happen in time.
        """
        begun = time.monotonic()
        while not happened():
            waited = time.monotonic() - begun
            if waited > seconds:
                raise NotToldError(f"{what}: it did not happen within {seconds:g}s")
            self._waiting = (what, waited, seconds)
            self._line()
            time.sleep(_TICK_SECONDS)
        self._waiting = ("", 0.0, 0.0)

    def _line(self) -> None:
        """Without a terminal: a line of figures now and then."""
        if self._live or self._fleet is None or time.monotonic() - self._told_at < _LINE_SECONDS:
            return
        self._told_at = time.monotonic()
        view = self._fleet.view
        held = " ".join(f"{g.state}:{g.connections}" for g in view.gateways)
        report = view.report
        self.tell(
            f"[dim]waiting: {self._waiting[0]} | {held} | clients {report.get('connected', 0)}, "
            f"dropped {report.get('dropped', 0)}[/dim]"
        )

    def _screen(self) -> RenderableType:
        what, waited, seconds = self._waiting
        parts: list[RenderableType] = [self._table(), self._people()]
        if what:
            bar = ProgressBar(total=seconds, completed=waited, width=40)
            row = Table.grid(padding=(0, 1))
            row.add_row(Text(what, style="bold"), bar, f"{waited:.0f}s of at most {seconds:.0f}s")
            parts.append(row)
        return Panel(Group(*parts), title="imchat-operator", border_style="blue")

    def _table(self) -> Table:
        assert self._fleet is not None
        table = Table(expand=True, box=None)
        for column in ("gateway", "node", "state"):
            table.add_column(column, no_wrap=True)
        table.add_column("connections", ratio=1)
        for row in self._fleet.view.gateways:
            bar = ProgressBar(total=self._capacity, completed=row.connections, width=30)
            held = Table.grid(padding=(0, 1))
            held.add_row(bar, f"{row.connections} of {self._capacity}")
            style = _COLOURS.get(row.state, "yellow")
            table.add_row(row.name, row.node, Text(row.state, style=style), held)
        return table

    def _people(self) -> Text:
        assert self._fleet is not None
        report, conditions = self._fleet.view.report, self._fleet.view.conditions
        scaling = conditions.get("Scaling", {}).get("message", "")
        return Text(
            f"clients {report.get('connected', 0)}   messages echoed {report.get('echoed', 0)}   "
            f"moved by a drain {report.get('closed', {}).get('1012', 0)}   "
            f"dropped {report.get('dropped', 0)}\nscaling: {scaling}"
        )
