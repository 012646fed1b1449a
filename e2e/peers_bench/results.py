"""The file of what was measured: one JSON object, a run a line, made to be added to."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peers_bench.course import Course, Figures, Sample
from peers_bench.machine import Busy
from peers_bench.setting import CAPACITY, LEAST, MOST, NODES, PEAK, SPEED, USERS

_EVERY = 4
"""Of the samples, for the plots."""
SETTING: Mapping[str, Any] = {
    "speed": SPEED,
    "capacity": CAPACITY,
    "peakClients": PEAK,
    "minReplicas": LEAST,
    "maxReplicas": MOST,
    "nodesPerSubject": NODES,
    "users": list(USERS),
}
"""What has to be the same for runs to stand in one table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One play of one part: the figures by subject, and the curves (Curve) of each."""

    part: str
    context: Mapping[str, Any]
    busy: Mapping[str, float]
    figures: Mapping[str, Mapping[str, Any]]
    curves: Mapping[str, list[list[float]]]


def run_of(
    part: str,
    context: Mapping[str, Any],
    busy: Busy,
    courses: Mapping[str, Course],
    figures: Mapping[str, Figures],
) -> Run:
    """What is kept of a run."""
    return Run(
        part=part,
        context=context,
        busy=asdict(busy),
        figures={name: rounded(asdict(each)) for name, each in figures.items()},
        curves={name: curve(each.samples) for name, each in courses.items()},
    )


def curve(samples: Iterable[Sample]) -> list[list[float]]:
    """Rows of seconds, clients wanted, clients connected, gateways that serve, pods."""
    chosen = list(samples)
    begin = chosen[0].at
    return [
        [round(s.at - begin, 1), s.wanted, s.connected, len(s.serving), s.pods]
        for s in chosen[::_EVERY]
    ]


def rounded(value: Any) -> Any:
    """Floats to the hundredth, however deep."""
    match value:
        case float():
            return round(value, 2)
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [rounded(each) for each in value]
        case _:
            return value


def as_json(runs: Iterable[Run]) -> str:
    """The text of a results file."""
    lines = ",\n".join(json.dumps(asdict(run)) for run in runs)
    return f'{{"setting": {json.dumps(SETTING)}, "runs": [\n{lines}\n]}}\n'


def kept(file: Path | None) -> tuple[Run, ...]:
    """The runs that a results file holds already; none if there is no file.

    Raises:
        ValueError: it can't be added to; the sentence says why.
    """
    if file is None or not file.exists():
        return ()
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        runs = tuple(Run(**each) for each in document["runs"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{file} does not hold runs of this benchmark: {error}") from error
    if document["setting"] != SETTING:
        raise ValueError(f"{file} holds runs of another setting: {document['setting']}")
    return runs
