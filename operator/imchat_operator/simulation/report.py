"""The figures of a run, and the JSON object that shows them.

Loads are what clients want, in percent of what the gateways in rotation can hold: clients that are
refused count, gateways that start or drain don't. Times are summed exactly, not by whole minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from imchat_operator.simulation.playback import Run, Stretch
from imchat_operator.units import instant_text

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_WARM, _HOT = 70, 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How a run went.

    Attributes:
        minutes_above_70: time in which the fleet's load was above 70 %.
        minutes_above_90: the same for 90 %.
        hottest_minutes_above_90: time in which some gateway held more than 90 % of its capacity.
        pod_hours: hours of all gateways, from their creation to their end.
        flips: changes of size in the other direction than the change before, however long ago.
        moved: connections that had to change their gateway: drained, shed or cut.
        cut: those of them that were cut, by a removal or by a drain's deadline.
        refused: connections that no gateway took when they came.
        replicas: the size from the beginning on, and each change of it.
    """

    minutes_above_70: float
    minutes_above_90: float
    hottest_minutes_above_90: float
    pod_hours: float
    flips: int
    moved: int
    cut: int
    refused: int
    replicas: tuple[tuple[datetime, int], ...]


def figures(run: Run) -> Figures:
    """Return the figures of a run."""
    sizes = tuple(
        (next(group).begin, count)
        for count, group in groupby(run.stretches, key=lambda s: s.replicas)
    )
    gateway = run.capacity
    return Figures(
        minutes_above_70=_time(s for s in run.stretches if is_above(s, _WARM, gateway)) / _MINUTE,
        minutes_above_90=_time(s for s in run.stretches if is_above(s, _HOT, gateway)) / _MINUTE,
        hottest_minutes_above_90=_time(s for s in run.stretches if s.hottest * 100 > _HOT * gateway)
        / _MINUTE,
        pod_hours=sum((s.replicas * (s.end - s.begin) for s in run.stretches), timedelta()) / _HOUR,
        flips=_flips([count for _, count in sizes]),
        moved=run.moved,
        cut=run.cut,
        refused=run.refused,
        replicas=sizes,
    )


def is_above(stretch: Stretch, percent: int, capacity: int) -> bool:
    """Return whether the fleet's load is above so many percent; any load is, if nobody serves."""
    return stretch.wanted * 100 > percent * capacity * stretch.serving


def _time(stretches: Iterable[Stretch]) -> timedelta:
    return sum((s.end - s.begin for s in stretches), timedelta())


def _flips(sizes: list[int]) -> int:
    """Count the changes in another direction than the change before."""
    directions = [later > earlier for earlier, later in pairwise(sizes)]
    return sum(later != earlier for earlier, later in pairwise(directions))


def document(found: Figures) -> dict[str, Any]:
    """Return the figures as JSON: minutes and hours to the hundredth, times in RFC 3339."""
    return {
        "minutesAbove70": round(found.minutes_above_70, 2),
        "minutesAbove90": round(found.minutes_above_90, 2),
        "hottestMinutesAbove90": round(found.hottest_minutes_above_90, 2),
        "podHours": round(found.pod_hours, 2),
        "flips": found.flips,
        "connectionsMoved": found.moved,
        "connectionsCut": found.cut,
        "connectionsRefused": found.refused,
        "replicas": [[instant_text(at), count] for at, count in found.replicas],
    }
