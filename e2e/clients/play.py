"""Playing a trace: a fleet's target follows the rows, faster than life."""

import asyncio
import logging
from typing import Protocol

from clients.trace import Row, Trace

log = logging.getLogger("clients")


class Targeted(Protocol):
    """Whatever has a number of clients to set; a ClientFleet."""

    target: int


def clients_for(trace: Trace, peak: int) -> tuple[int, ...]:
    """Clients for each row, so that the trace's highest value gives `peak` of them."""
    highest = max(row.value for row in trace.rows)
    if highest == 0:
        return tuple(0 for _ in trace.rows)
    return tuple(round(row.value / highest * peak) for row in trace.rows)


async def play(trace: Trace, fleet: Targeted, *, peak: int, speed: float) -> None:
    """Set the fleet's target row by row; one step of the trace takes step / speed seconds.

    Gaps are skipped and logged. Row k starts k steps after the start, however long the
    rows before it took to handle, so that a slow machine does not stretch the trace.
    """
    loop = asyncio.get_running_loop()
    start, seconds = loop.time(), trace.step.total_seconds() / speed
    for number, (row, clients) in enumerate(zip(trace.rows, clients_for(trace, peak), strict=True)):
        _tell_gap(trace, row)
        fleet.target = clients
        await asyncio.sleep(start + (number + 1) * seconds - loop.time())


def _tell_gap(trace: Trace, row: Row) -> None:
    if row.gap:
        log.info("%s has no rows for %s before %s; skipped", trace.name, row.gap, row.at)
