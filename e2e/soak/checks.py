"""What has to hold over a soak. Pure: from what was seen to verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from statistics import linear_regression, median
from typing import Any

from soak.faults import Happened, Kind
from soak.watch import Resources, Sight
from soak.weeks import is_window_open

WARM_SECONDS = 180.0
"""A process has to be so old for its memory to count."""
_GROWTH_PERCENT = 5.0
_MORE_FILES = 4
_EDGE = 0.2
_WINDOW_MARGIN = 5.0
_LEASE_SECONDS = 30.0
_MISSED = 3
"""Clients that may have come to a victim since their latest report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that has to hold, whether it did, and the figures."""

    name: str
    is_kept: bool
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The memory of the longest life of the operator's process, and what else it held.

    `slope` is in bytes an hour, by least squares; `growth` is what that makes over the life.
    """

    minutes: float
    resident: int
    slope: float
    growth: float
    files: tuple[float, float]
    sockets: tuple[float, float]
    threads: tuple[float, float]


def longest_life(resources: Sequence[Resources]) -> Life | None:
    """The longest life once it is warm; None if none was."""
    warm = [r for r in resources if r.age > WARM_SECONDS]
    if not warm:
        return None
    pids = {r.pid for r in warm}
    lives = [[r for r in warm if r.pid == pid] for pid in pids]
    life = max(lives, key=lambda each: each[-1].age)
    if len(life) < 1 / _EDGE:
        return None
    slope, _ = linear_regression([r.at for r in life], [r.resident for r in life])
    seconds = life[-1].at - life[0].at
    return Life(
        minutes=seconds / 60,
        resident=life[-1].resident,
        slope=slope * 3600,
        growth=slope * seconds,
        files=_ends([r.files for r in life]),
        sockets=_ends([r.sockets for r in life]),
        threads=_ends([r.threads for r in life]),
    )


def _ends(values: Sequence[int]) -> tuple[float, float]:
    """Medians of the first and of the last fifth."""
    share = max(1, int(len(values) * _EDGE))
    return median(values[:share]), median(values[-share:])


def no_leak(life: Life | None) -> Check:
    """Memory, files, sockets and threads of the longest life."""
    if life is None:
        return Check(name="no leak", is_kept=False, told="no life of the operator was long enough")
    grown = 100 * life.growth / life.resident
    more = [later - first for first, later in (life.files, life.sockets, life.threads)]
    return Check(
        name="no leak",
        is_kept=grown < _GROWTH_PERCENT and max(more) <= _MORE_FILES,
        told=(
            f"{life.minutes:.0f} minutes of one process: {life.resident / 1e6:.0f} MB at the end, "
            f"{life.slope / 1e6:+.2f} MB an hour ({grown:+.1f} % in all); open files "
            f"{life.files[0]:g} → {life.files[1]:g}, sockets {life.sockets[0]:g} → "
            f"{life.sockets[1]:g}, threads {life.threads[0]:g} → {life.threads[1]:g}"
        ),
    )


def no_lost_streak(sights: Sequence[Sight], interrupted: int) -> Check:
    """The streak of a rule that is always met has one beginning, which no fault changes."""
    begun = [since for since, _ in groupby(s.since for s in sights)]
    known = begun[1:] if begun and not begun[0] else begun  # not yet, at first
    return Check(
        name="no lost streak",
        is_kept=len(known) == 1 and bool(known[0]) and not interrupted,
        told=(
            f"the lasting streak's beginnings: {', '.join(each or 'none' for each in known)}; "
            f"StreakInterrupted: {interrupted}"
        ),
    )


def no_unexplained_cut(dropped: int, happened: Sequence[Happened]) -> Check:
    """Connections that ended without a close frame were on a gateway that a fault took away."""
    explained = sum(each.held + _MISSED * len(each.victims) for each in happened)
    return Check(
        name="no cut beyond the faults",
        is_kept=dropped <= explained,
        told=f"{dropped} cut; the gateways that failed held {sum(h.held for h in happened)}",
    )


def windows_kept(sights: Sequence[Sight]) -> Check:
    """While the silent window is open nothing shrinks and no repair begins."""
    shrunk = [
        b.clock
        for a, b in pairwise(sights)
        if b.replicas < a.replicas
        and is_window_open(a.clock, _WINDOW_MARGIN)
        and is_window_open(b.clock, _WINDOW_MARGIN)
    ]
    begun = {each for sight in sights for each in sight.repairs}
    repaired = [t for t in sorted(begun) if is_window_open(datetime.fromisoformat(t), 1)]
    openings = len({s.clock.replace(second=0, microsecond=0) for s in sights if _is_open(s)})
    return Check(
        name="windows kept",
        is_kept=not shrunk and not repaired,
        told=(
            f"{openings} openings; of {len(begun)} repairs {len(repaired)} began in one, "
            f"{len(shrunk)} scale-downs fell into one" + "".join(f"; {t}" for t in repaired)
        ),
    )


def _is_open(sight: Sight) -> bool:
    return is_window_open(sight.clock, 0)


def never_ended(ended: Sequence[float], happened: Sequence[Happened]) -> Check:
    """The operator ends by itself only where it lost its Lease: the API server stood still."""
    pauses = [(h.at, h.at + h.seconds + _LEASE_SECONDS) for h in happened if h.kind is Kind.API]
    odd = [at for at in ended if not any(begin <= at <= end for begin, end in pauses)]
    return Check(
        name="the operator lives",
        is_kept=not odd,
        told=f"it gave up its Lease {len(ended) - len(odd)} times, ended else {len(odd)} times",
    )


def no_drift(trouble: str, sizes: Sequence[int]) -> Check:
    """After the last fault all is as it was wanted, and the status has not grown without bound."""
    return Check(
        name="no drift",
        is_kept=not trouble,
        told=trouble or f"all well at the end; status {sizes[-1]:,} bytes, {max(sizes):,} at most",
    )


def leftovers(pods: Sequence[dict[str, Any]], status: dict[str, Any], replicas: int) -> list[str]:
    """What is not as it should be once all is calm; empty if nothing."""
    found = []
    if len(pods) != replicas:
        found.append(f"{len(pods)} pods for {replicas} replicas")
    found += [f"{key} is not empty" for key in ("drains", "resize", "suspects") if status.get(key)]
    cost = "controller.kubernetes.io/pod-deletion-cost"
    marked = [p["metadata"]["name"] for p in pods if cost in p["metadata"].get("annotations", {})]
    found += [f"{name} still has a deletion cost" for name in marked]
    return found
