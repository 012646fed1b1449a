"""What is measured: one `Figures` per scenario and side, and the file that keeps them.

A file may be filled by several runs, such as one per side: what a run does not measure again
stays as it is.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any


class Side(StrEnum):
    """Who looks after the gateways."""

    OURS = "ours"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one failure cost. Times are seconds since the injection, None: not within the cap.

    Attributes:
        scenario: its name.
        side: who looked after the gateways.
        measured_at: RFC 3339.
        held: connections on the failing gateways at the injection.
        detected: ours: the first Event about it, or a change of Healing or RemediationBlocked;
            plain: the first restart, deletion or new pod.
        detected_by: the reason of that Event or condition, or what Kubernetes did.
        restored: from then on all clients were connected, as many gateways as wanted were ready,
            none of them a failing one, no message was lost and no connection cut.
        cleared: the objects of the failed pods were gone.
        cut: connections that ended without a close frame.
        moved: connections that a gateway ended with one.
        lost: messages without an echo.
        most_without: clients without a connection, at the worst moment.
        deleted: pods of the beginning that were deleted.
        restarted: pods of the beginning that only got a new process.
        bystanders: of both, those that had not failed.
        watched: how long it was looked at.
        load: of the machine, its average over the last minute: far above its cores, the figures
            are those of a machine that had other work too.
        events: the operator's, each with its seconds; none on the plain side.
        trouble: why there are no figures; empty if there are.
    """

    scenario: str
    side: Side
    measured_at: str
    held: int = 0
    detected: float | None = None
    detected_by: str = ""
    restored: float | None = None
    cleared: float | None = None
    cut: int = 0
    moved: int = 0
    lost: int = 0
    most_without: int = 0
    deleted: int = 0
    restarted: int = 0
    bystanders: int = 0
    watched: float = 0.0
    load: float = 0.0
    events: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What has to be the same for figures to stand in one table. Seconds."""

    clients: int
    gateways: int
    capacity: int
    cap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that is known; `context` tells the machine and the versions of the latest run."""

    setting: Setting
    context: Mapping[str, Any]
    figures: tuple[Figures, ...] = ()

    def with_figures(self, measured: Figures) -> "Results":
        """These results with new figures in the place of those of the same scenario and side."""
        key = (measured.scenario, measured.side)
        others = (f for f in self.figures if (f.scenario, f.side) != key)
        return replace(self, figures=(*others, measured))


def as_json(results: Results) -> str:
    """The text of a results file."""
    return json.dumps(asdict(results), indent=2) + "\n"


def figures_from(text: str, setting: Setting) -> tuple[Figures, ...]:
    """The figures in the text of a results file.

    Raises:
        ValueError: they were measured in another setting, or it is no such file.
    """
    try:
        document = json.loads(text)
        other = Setting(**document["setting"])
        found = tuple(map(_figures, document["figures"]))
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"it does not hold figures of this benchmark: {error}") from error
    if other != setting:
        raise ValueError(f"its figures are of {other}, and can't stand beside those of {setting}")
    return found


def kept(file: Path | None, setting: Setting) -> tuple[Figures, ...]:
    """The figures that a results file holds already; none if there is no file yet.

    Raises:
        ValueError: it can't be added to; the sentence says why.
    """
    if file is None or not file.exists():
        return ()
    try:
        return figures_from(file.read_text(), setting)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def by_scenario(figures: Iterable[Figures]) -> dict[str, dict[Side, Figures]]:
    """The figures of each scenario, side by side."""
    found: dict[str, dict[Side, Figures]] = {}
    for each in figures:
        found.setdefault(each.scenario, {})[each.side] = each
    return found


def _figures(document: dict[str, Any]) -> Figures:
    own = {"side": Side(document["side"]), "events": tuple(document["events"])}
    return Figures(**{**document, **own})
