"""What a long step tells while it runs. Showing it is the caller's: see `console`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report of a step: what it does, for how many seconds, how far, and whether it ended.

    `fraction` is between 0 and 1, or None where the end can't be foreseen. A `finished` report
    with `seconds` of 0 is a remark, not the end of a step.
    """

    step: str
    seconds: float = 0.0
    fraction: float | None = None
    finished: bool = False


OnProgress: TypeAlias = Callable[[Progress], None]
Advance: TypeAlias = Callable[[float | None], None]


def silent(_: Progress) -> None:
    """Show nothing."""


def remark(on_progress: OnProgress, text: str) -> None:
    """Tell one thing that took no time."""
    on_progress(Progress(step=text, finished=True))


@contextmanager
def step(on_progress: OnProgress, text: str) -> Iterator[Advance]:
    """Report a step's begin and, unless it raises, its end; the value reports how far it is."""
    start = time.monotonic()

    def report(fraction: float | None = None, *, finished: bool = False) -> None:
        seconds = time.monotonic() - start
        on_progress(Progress(step=text, seconds=seconds, fraction=fraction, finished=finished))

    report()
    yield report
    report(finished=True)
