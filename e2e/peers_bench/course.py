"""What was seen of one subject, and the figures that it amounts to. Pure.

A sample says how things were until the next one. Times are real seconds; what the tables tell in
minutes and hours is in those of the trace, `SPEED` times as long.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from healing_bench.watch import Life
from peers_bench.setting import CAPACITY, LEAST, MOST, SPEED

WARM, HOT = 70, 90
_NOT_YET = 0.03
"""Share of the clients that may be on their way while users count as served: the trace moves."""
_SERVED_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The fleet at one moment.

    Attributes:
        at: monotonic seconds.
        wanted: clients that there should be.
        connected: clients with a connection.
        serving: the lives of the pods that new connections go to.
        pods: how many there are, those that start or end included.
        replicas: how many are asked for.
    """

    at: float
    wanted: int
    connected: int
    serving: frozenset[Life]
    pods: int
    replicas: int

    @property
    def demand(self) -> int:
        """The gateways that hold utilization at 70 %, within the bounds."""
        return min(max(-(-self.wanted * 100 // (CAPACITY * WARM)), LEAST), MOST)

    def is_above(self, percent: int) -> bool:
        """Whether the load is above so many percent of what serves."""
        return self.wanted * 100 > percent * CAPACITY * len(self.serving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that was made to fail: what, when, which lives, how many clients they held."""

    kind: str
    at: float
    victims: frozenset[Life]
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """All that was seen of a subject; `reports` are its clients', each with its moment."""

    samples: Sequence[Sample]
    reports: Sequence[tuple[float, dict[str, Any]]]
    failures: Sequence[Failure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """How long a failure lasted, in real seconds; None: until the end.

    Attributes:
        kind: what failed.
        held: clients that were on it.
        users_back: until (nearly) all clients had a connection again; to the second.
        capacity_back: until as many gateways served as before, or as are asked for meanwhile.
    """

    kind: str
    held: int
    users_back: float | None
    capacity_back: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How a subject came through. Minutes and hours are the trace's.

    Attributes:
        minutes_above_70: utilization (clients wanted, of what serves) above 70 %.
        minutes_above_90: the same for 90 %.
        pod_hours: of all pods that there were.
        flips: changes of the replicas in the other direction than the change before.
        moved: connections that a drain closed, at its pace (1012).
        ended: connections that a gateway closed since its pod was removed (1001).
        cut: connections that ended without a close frame.
        worst_returns: clients that came back in the worst second, real.
        worst_ends: connections that were taken from clients in the worst second, real.
        refused: attempts that failed.
        sent: messages.
        unanswered: messages without an echo.
        without_service: seconds of all clients, real.
        under_accuracy: lacking gateways in percent of the demand, mean over time.
        over_accuracy: the same for superfluous ones.
        under_time: percent of the time in which there were too few.
        over_time: percent in which there were too many.
        instability: percent of the samples at which supply and demand moved apart.
        repairs: of the failures.
    """

    minutes_above_70: float
    minutes_above_90: float
    pod_hours: float
    flips: int
    moved: int
    ended: int
    cut: int
    worst_returns: float
    worst_ends: float
    refused: int
    sent: int
    unanswered: int
    without_service: float
    under_accuracy: float
    over_accuracy: float
    under_time: float
    over_time: float
    instability: float
    repairs: tuple[Repair, ...]


def figures(course: Course) -> Figures:
    """What a course amounts to."""
    samples = course.samples
    first, last = course.reports[0][1], course.reports[-1][1]
    short = _mean(samples, lambda s: max(0, s.demand - len(s.serving)) / s.demand)
    spare = _mean(samples, lambda s: max(0, len(s.serving) - s.demand) / s.demand)
    return Figures(
        minutes_above_70=_minutes(samples, lambda s: s.is_above(WARM)),
        minutes_above_90=_minutes(samples, lambda s: s.is_above(HOT)),
        pod_hours=_sum(samples, lambda s: s.pods) * SPEED / 3600,
        flips=flips([s.replicas for s in samples]),
        moved=_closed(last, "1012") - _closed(first, "1012"),
        ended=_closed(last, "1001") - _closed(first, "1001"),
        cut=last["dropped"] - first["dropped"],
        worst_returns=worst(course.reports, lambda r: r["returned"]),
        worst_ends=worst(course.reports, lambda r: r["dropped"] + sum(r["closed"].values())),
        refused=last["refused"] - first["refused"],
        sent=last["sent"] - first["sent"],
        unanswered=last["lost"] - first["lost"],
        without_service=last["withoutServiceSeconds"] - first["withoutServiceSeconds"],
        under_accuracy=100 * short,
        over_accuracy=100 * spare,
        under_time=100 * _mean(samples, lambda s: len(s.serving) < s.demand),
        over_time=100 * _mean(samples, lambda s: len(s.serving) > s.demand),
        instability=instability(samples),
        repairs=tuple(repair(course, failure) for failure in course.failures),
    )


def _closed(report: dict[str, Any], code: str) -> int:
    return int(report["closed"].get(code, 0))


def _sum(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """A value's integral over real seconds."""
    return sum(value(s) * (later.at - s.at) for s, later in pairwise(samples))


def _mean(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return _sum(samples, value) / (samples[-1].at - samples[0].at)


def _minutes(samples: Sequence[Sample], is_so: Callable[[Sample], bool]) -> float:
    return _sum(samples, is_so) * SPEED / 60


def flips(sizes: Iterable[int]) -> int:
    """Changes in another direction than the change before."""
    steps = [size for size, _ in groupby(sizes)]
    directions = [later > earlier for earlier, later in pairwise(steps)]
    return sum(later != earlier for earlier, later in pairwise(directions))


def worst(
    reports: Sequence[tuple[float, dict[str, Any]]], count: Callable[[dict[str, Any]], int]
) -> float:
    """The most that a count rose by in a second."""
    pairs = pairwise(reports)
    rises = ((count(b) - count(a)) / max(1.0, later - at) for (at, a), (later, b) in pairs)
    return max(rises, default=0.0)


def instability(samples: Sequence[Sample]) -> float:
    """Percent of the steps between samples at which demand and supply moved differently."""
    apart = [
        _sign(b.demand - a.demand) != _sign(len(b.serving) - len(a.serving))
        for a, b in pairwise(samples)
    ]
    return 100 * sum(apart) / len(apart)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def repair(course: Course, failure: Failure) -> Repair:
    """How long a failure was felt."""
    back = _capacity_back(course.samples, failure)
    served = _users_back(course.reports, failure.at)
    return Repair(
        kind=failure.kind,
        held=failure.held,
        users_back=None if served is None else served - failure.at,
        capacity_back=None if back is None else back - failure.at,
    )


def _capacity_back(samples: Sequence[Sample], failure: Failure) -> float | None:
    before = [s for s in samples if s.at <= failure.at][-1]
    for sample in samples:
        if sample.at > failure.at:
            alive = len(sample.serving - failure.victims)
            if alive >= min(len(before.serving), sample.replicas):
                return sample.at
    return None


def _users_back(reports: Sequence[tuple[float, dict[str, Any]]], begun: float) -> float | None:
    """Since when, after the failure, (nearly) all clients were connected for some seconds.

    The first report after it may be of a moment before the clients noticed.
    """
    since = None
    for at, report in [each for each in reports if each[0] > begun][1:]:
        if report["connected"] < (1 - _NOT_YET) * report["target"]:
            since = None
        elif since is None:
            since = at
        elif at - since >= _SERVED_SECONDS:
            return since
    return None
