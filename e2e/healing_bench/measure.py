"""One scenario on one side: the failure happens, and is looked at until it is over or the cap."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.waiting import wait_for
from healing_bench.figures import Figures, Side
from healing_bench.scenarios import Case, Scenario, Step
from healing_bench.watch import (
    Life,
    Sample,
    Watch,
    cleared_at,
    reaction,
    touched,
    verdict_at,
    whole_since,
)

_TICK_SECONDS = 0.5
_HOLD_SECONDS = 10.0
"""How long all has to be well for the service to be restored: a user's patience and more."""
_UNNOTICED_SECONDS = 150.0
"""Once the service is whole, what the operator has not noticed for longer than its default times is
over unnoticed: others were faster."""
_SPARE_SECONDS = 60.0  # for the last look
_EVENTS_MAX = 60
_DETECTIONS = {
    "ActionRequired",
    "GatewayDeleted",
    "GatewayLeaving",
    "GatewayUnhealthy",
    "RolloutSuspected",
    "StormGate",
}


@dataclass(slots=True, kw_only=True)
class Course:
    """What has happened since the injection; the first sample is the one before it.

    `begun` is monotonic seconds, `begun_at` the same by the wall's clock, which Events have.
    """

    scenario: Scenario
    case: Case
    watch: Watch
    cap: float
    begun: float
    begun_at: datetime
    steps: list[Step]
    events: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def samples(self) -> list[Sample]:
        """The watch's, from the one before the injection on."""
        return self.watch.samples

    def is_over(self) -> bool:
        """Look once more, and do what is due; whether there is nothing more to wait for."""
        sample = self.watch.look()
        waited = sample.at - self.begun
        while self.steps and waited >= self.steps[0].after:
            self.steps.pop(0).do(self.case)
        self.scenario.again(self.case, sample)
        least = max((step.after for step in self.scenario.steps), default=0.0) + _HOLD_SECONDS
        is_settled = waited > least and self._is_settled(sample)
        return is_settled or waited > self.cap + _HOLD_SECONDS

    def restored(self) -> float | None:
        """Seconds after which the service was whole for good, or for long enough."""
        since = whole_since(self.samples[1:], self._ill())
        if since is None or self.samples[-1].at - since < _HOLD_SECONDS:
            return None
        return since - self.begun

    def cleared(self) -> float | None:
        """Seconds after which the failed pods were gone."""
        names = frozenset(v.name for v in self.case.victims)
        return self._after(cleared_at(self.samples, names))

    def detected(self) -> tuple[float, str] | None:
        """Seconds after which somebody noticed, and how it showed."""
        if self.case.side is Side.PLAIN:
            found = reaction(self.samples)
            return (found[0] - self.begun, found[1]) if found else None
        told = [(at, reason) for at, reason, _ in self.events if reason in _DETECTIONS]
        shown = verdict_at(self.samples)
        if shown:
            told.append((shown[0] - self.begun, shown[1]))
        return min(told, default=None)

    def hear(self) -> None:
        """Take in the operator's Events since the injection."""
        if self.case.side is Side.OURS:
            heard = (self._heard(e) for e in self.case.namespace.events())
            self.events = [e for e in heard if e[0] >= 0]

    def _ill(self) -> frozenset[Life]:
        if self.scenario.is_lifted and not self.steps:
            return frozenset()
        return frozenset(v.life for v in self.case.victims)

    def _is_settled(self, sample: Sample) -> bool:
        restored = self.restored()
        if self.steps or sample.is_busy or restored is None:
            return False
        if self.scenario.leaves_pods and self.cleared() is None:
            return False
        if self.case.side is Side.PLAIN:
            return True
        self.hear()
        is_late = sample.at - self.begun - restored > _UNNOTICED_SECONDS
        return is_late or self.detected() is not None

    def _after(self, at: float | None) -> float | None:
        return None if at is None else at - self.begun

    def _heard(self, event: dict[str, Any]) -> tuple[float, str, str]:
        at = datetime.fromisoformat(event["eventTime"])
        return (at - self.begun_at).total_seconds(), event["reason"], event.get("note", "")


def measured(scenario: Scenario, case: Case, watch: Watch, cap: float, log: Path) -> Figures:
    """Let the failure happen; what it cost. What was seen meanwhile goes to the file `log`."""
    del watch.samples[:-1]
    now = datetime.now(UTC)
    course = Course(
        scenario=scenario,
        case=case,
        watch=watch,
        cap=cap,
        begun=time.monotonic(),
        begun_at=now,
        steps=list(scenario.steps),
    )
    scenario.inject(case)
    longest = cap + _HOLD_SECONDS + _SPARE_SECONDS
    wait_for(course.is_over, seconds=longest, what="the end", tick=_TICK_SECONDS)
    course.hear()
    watch.write(log, course.begun)
    return figures(course)


def figures(course: Course) -> Figures:
    """What a course amounts to."""
    before, after = course.samples[0], course.samples[-1]
    detected = course.detected()
    done = touched(before, after)
    victims = frozenset(v.name for v in course.case.victims)
    held = before.report.get("byGateway", {})
    return Figures(
        scenario=course.scenario.name,
        side=course.case.side,
        measured_at=course.begun_at.isoformat(timespec="seconds"),
        held=sum(held.get(name, 0) for name in victims),
        detected=_rounded(detected[0] if detected else None),
        detected_by=detected[1] if detected else "",
        restored=_rounded(course.restored()),
        cleared=_rounded(course.cleared()),
        cut=after.harm[0] - before.harm[0],
        moved=after.moved - before.moved,
        lost=after.harm[1] - before.harm[1],
        most_without=max(sample.without_connection for sample in course.samples),
        deleted=len(done.deleted),
        restarted=len(done.restarted),
        bystanders=len((done.deleted | done.restarted) - victims),
        watched=round(after.at - course.begun, 1),
        load=round(os.getloadavg()[0], 1),
        events=tuple(f"{at:.1f} {r}: {n}" for at, r, n in course.events[:_EVENTS_MAX]),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 1)
