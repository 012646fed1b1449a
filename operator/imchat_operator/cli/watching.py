"""`--watch`: look again every two seconds, and show what changed, until Ctrl-C.

A terminal is redrawn. Elsewhere each change is a new block, so that it can be kept in a file.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from imchat_operator.cli.failures import Unreachable

_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen: for people, and for programs as one line."""

    view: RenderableType
    line: str


def watch(look: Callable[[], Look], console: Console, *, is_for_people: bool) -> None:
    """Show what a call returns, again whenever it differs; return at Ctrl-C.

    An API server that does not answer for a while is told, and asked again.

    Raises:
        Failure: it can't be asked for another reason.
    """
    try:
        if is_for_people and console.is_terminal:
            _redraw(look, console)
        else:
            _append(look, console, is_for_people=is_for_people)
    except KeyboardInterrupt:
        return


def _redraw(look: Callable[[], Look], console: Console) -> None:
    seen: RenderableType = Text("asking the API server ...")
    with Live(seen, console=console, auto_refresh=False) as live:
        while True:
            try:
                seen = look().view
                live.update(seen, refresh=True)
            except Unreachable as error:
                live.update(Group(seen, Text(error.message, style="red")), refresh=True)
            time.sleep(_PAUSE_SECONDS)


def _append(look: Callable[[], Look], console: Console, *, is_for_people: bool) -> None:
    before = ""
    while True:
        try:
            found = look()
        except Unreachable as error:
            if before != error.message:
                before = error.message
                typer.echo(before, err=True)
        else:
            if found.line != before:
                before = found.line
                if is_for_people:
                    console.print(found.view)
                else:
                    typer.echo(found.line)
        time.sleep(_PAUSE_SECONDS)
