"""When a window is open: its schedules, less what is excluded, not valid or not announced."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from imchat_operator.core import openings
from imchat_operator.core.openings import Invalid, Occurrence
from imchat_operator.core.snapshot import Window
from imchat_operator.models import (
    Declaration,
    MaintenanceWindowSpec,
    NoticePolicy,
    WindowType,
)

# An emergency is over so long after its start, whatever its schedule says.
_EMERGENCY = timedelta(hours=8)


def opened(window: Window, now: datetime) -> Iterator[Occurrence] | Invalid:
    """Return the openings of a window that `now` lies in or that follow, in order.

    Those that touch are one; exclusions, validity and, where it is required, notice are heeded.
    Whether an emergency is approved is not.
    """
    spec, is_emergency = window.spec, window.spec.type is WindowType.EMERGENCY
    if is_emergency and (len(spec.schedules) != 1 or spec.schedules[0].once is None):
        return Invalid(field="spec.schedules", why="an Emergency is one schedule with once")
    excluded = openings.excluded(spec.exclusions)
    if isinstance(excluded, Invalid):
        return excluded
    found = openings.joined(spec.schedules, window.created_at, now)
    if isinstance(found, Invalid):
        return found
    longest = _EMERGENCY if is_emergency else timedelta.max
    valid = (_clipped(spec, o, longest) for o in found)
    due = _due(window, now)
    return (
        o
        for o in openings.without((v for v in valid if v.start < v.end), excluded)
        if now < o.end and (due is None or o.start >= due)
    )


def _clipped(spec: MaintenanceWindowSpec, opening: Occurrence, longest: timedelta) -> Occurrence:
    start, end = opening.start, opening.end
    if end - start > longest:
        end = start + longest
    return Occurrence(
        start=max(start, spec.valid_from or start), end=min(end, spec.valid_until or end)
    )


def _due(window: Window, now: datetime) -> datetime | None:
    """Return before when an opening is skipped for want of notice; None if none is."""
    spec = window.spec
    is_required = spec.type is WindowType.PLANNED and spec.notice_policy is NoticePolicy.REQUIRE
    if not is_required or not spec.notice:
        return None
    return declaration(window, now).at + max(spec.notice)


def declaration(window: Window, now: datetime) -> Declaration:
    """Return since when a window has its schedules: notice of its openings counts from there."""
    texts = [schedule.to_json() for schedule in window.spec.schedules]
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]
    before = window.status.declaration
    if before is not None and before.schedules == digest:
        return before
    is_new = before is None and window.generation == 1
    return Declaration(schedules=digest, at=window.created_at if is_new else now)


def is_approved(spec: MaintenanceWindowSpec) -> bool:
    """Whether nobody has to approve, or somebody has."""
    return spec.type is WindowType.PLANNED or spec.approval is not None


def occurrence(window: Window, now: datetime) -> Occurrence | Invalid | None:
    """Return the opening that `now` lies in, or else the next one; None if there is none."""
    found = opened(window, now)
    return found if isinstance(found, Invalid) else next(found, None)


def between(window: Window, start: datetime, end: datetime) -> Iterator[Occurrence]:
    """Yield the openings of a window that lie in a span of time, or reach into it.

    Raises:
        ValueError: the window can't be computed; a sentence that names the field.
    """
    now, is_more = start, True
    while is_more:
        found = opened(window, now)
        if isinstance(found, Invalid):
            raise ValueError(f"{found.field}: {found.why}")  # noqa: TRY004 -- of the manifest
        is_more = False
        for opening in found:
            if opening.start >= end:
                return
            yield opening
            now, is_more = opening.end, True


def utc(instant: datetime) -> str:
    """Return a time as messages show it."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
