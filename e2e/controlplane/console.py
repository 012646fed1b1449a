"""Shows progress on standard error: live on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .progress import OnProgress, Progress

_PLAIN_SECONDS: Final = 30.0


@contextmanager
def shown() -> Iterator[OnProgress]:
    """Something to report progress to, shown while the block lasts."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield plain(lambda line: sys.stderr.write(f"{line}\n"))
        return
    live = _Live(console)
    try:
        yield live.report
    finally:
        live.close()


def plain(write: Callable[[str], object]) -> OnProgress:
    """Report a step's begin and end, and that it goes on twice a minute."""
    next_line: dict[str, float] = {}

    def report(progress: Progress) -> None:
        if progress.finished:
            took = f": done in {progress.seconds:.1f} s" if next_line.pop(progress.step, 0) else ""
            write(f"{progress.step}{took}")
        elif progress.seconds >= next_line.get(progress.step, 0.0):
            next_line[progress.step] = progress.seconds + _PLAIN_SECONDS
            share = "" if progress.fraction is None else f" ({progress.fraction:.0%})"
            write(f"{progress.step} ... {progress.seconds:.0f} s{share}")

    return report


class _Live:
    """One line that moves while a step lasts; between steps the terminal is the caller's."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._display: Display | None = None

    def report(self, progress: Progress) -> None:
        if self._display is None:
            if progress.finished:
                self._console.print(progress.step, highlight=False)
                return
            self._display = self._begun(progress.step)
        (task,) = self._display.task_ids
        if progress.finished:
            self._display.update(task, total=1.0, completed=1.0)
            self.close()
        elif progress.fraction is not None:
            self._display.update(task, total=1.0, completed=progress.fraction)

    def close(self) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None

    def _begun(self, step: str) -> Display:
        text = TextColumn("{task.description}", markup=False)
        columns = SpinnerColumn(), text, BarColumn(bar_width=20), TimeElapsedColumn()
        display = Display(*columns, console=self._console)
        display.add_task(step, total=None)
        display.start()
        return display
