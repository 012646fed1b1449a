"""Maintenance windows: when they are open, and what they hold.

An action is held if an open Silence window names it, or if Permit windows name it and none of those
is open; Silence beats Permit, an exclusion closes either, and a window that has kept an action
waiting for its `maxDeferral` holds that action no longer.

What does nothing: a window that can't be computed, one that never opens again, an Emergency that
nobody approved, and any window outside its `validFrom` and `validUntil`. An open Emergency that
permits lets an action go on; while it is closed nothing waits for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from imchat_operator.core.openings import Invalid, Occurrence
from imchat_operator.core.snapshot import Window
from imchat_operator.core.window_openings import is_approved, opened, utc
from imchat_operator.models import (
    Deferral,
    Effect,
    MaintenanceWindowSpec,
    Overrun,
    WindowAction,
    WindowType,
    matches,
)
from imchat_operator.units import duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A window that counts for a cluster: its opening now, and the next one."""

    window: Window
    now: datetime
    current: Occurrence | None
    following: Occurrence | None

    @property
    def spec(self) -> MaintenanceWindowSpec:
        """The window's spec."""
        return self.window.spec

    @property
    def until(self) -> str:
        """Until when it is open, in words; empty where it is not."""
        return utc(self.current.end) if self.current else ""

    @property
    def holds(self) -> str:
        """Who holds, and until when, in words."""
        return f"window {self.window.name} holds it until {self.until}"

    @property
    def prepared(self) -> Occurrence | None:
        """The opening that is open, or whose gateways have to be there by now."""
        ahead = self.following
        if self.current is None and ahead and ahead.start - self.now <= self.spec.prepare:
            return ahead
        return self.current

    def is_in_cutoff(self) -> bool:
        """Whether it is so late that nothing more begins before a boundary."""
        edge = self.current if self.spec.effect is Effect.PERMIT else self.following
        if edge is None or not self.spec.start_cutoff:
            return False
        end = edge.end if self.spec.effect is Effect.PERMIT else edge.start
        return end - self.now <= self.spec.start_cutoff

    def is_expired(self, action: WindowAction, deferrals: tuple[Deferral, ...]) -> bool:
        """Whether it has kept an action waiting for as long as it may."""
        since = next((d.since for d in deferrals if d.action is action), None)
        return since is not None and self.now - since >= self.spec.max_deferral

    def is_restricting(self) -> bool:
        """Whether actions wait for it: a planned Permit window that is valid by now."""
        begins = self.spec.valid_from
        is_planned = self.spec.type is WindowType.PLANNED
        return is_planned and (begins is None or begins <= self.now)

    def changes(self, deferrals: tuple[Deferral, ...]) -> Iterator[datetime]:
        """Yield the moments at which what it holds may change."""
        spec = self.spec
        if self.current is not None:
            yield self.current.end
            yield self.current.end - spec.start_cutoff
        if self.following is not None:
            yield self.following.start
            yield self.following.start - spec.start_cutoff
            if spec.min_replicas is not None:
                yield self.following.start - spec.prepare
        if spec.valid_from is not None:
            yield spec.valid_from
        yield from (d.since + spec.max_deferral for d in deferrals if d.action in self.actions)

    @property
    def actions(self) -> tuple[WindowAction, ...]:
        """What it holds."""
        return self.spec.held_actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """What the windows of a cluster mean now.

    Attributes:
        standings: the windows that count, the open one that closes last first.
        deferrals: the actions that wait by now.
        next_change: when what is held may change next; None if never.
    """

    standings: tuple[Standing, ...] = ()
    deferrals: tuple[Deferral, ...] = ()
    next_change: datetime | None = None

    @property
    def open(self) -> tuple[Standing, ...]:
        """The open windows, the one that closes last first."""
        return tuple(s for s in self.standings if s.current is not None)

    def held(self, action: WindowAction) -> str:
        """Return why an action may not begin: which window, and until when; empty if it may."""
        return self._silenced(action) or self._awaited(action)

    def stopped(self, action: WindowAction) -> str:
        """Return why an action that is under way has to be undone; empty if it goes on."""
        for standing in self.open:
            is_strict = standing.spec.overrun is Overrun.UNDO
            if is_strict and self._counts(standing, action, Effect.SILENCE):
                return standing.holds
        permits = self._permits(action)
        if any(p.current is not None for p in permits):
            return ""
        strict = [p for p in permits if p.spec.overrun is Overrun.UNDO]
        return self._waits_for(strict, action)

    def is_expired(self, action: WindowAction) -> bool:
        """Whether a window has kept an action waiting for as long as it may."""
        naming = [s for s in self.standings if action in s.actions]
        return any(s.is_expired(action, self.deferrals) for s in naming)

    def _silenced(self, action: WindowAction) -> str:
        for standing in self.standings:
            if not self._counts(standing, action, Effect.SILENCE):
                continue
            if standing.current is not None:
                return standing.holds
            if standing.is_in_cutoff() and standing.following is not None:
                cutoff = duration_text(standing.spec.start_cutoff)
                opens = utc(standing.following.start)
                return (
                    f"window {standing.window.name} opens at {opens}: "
                    f"nothing begins in the {cutoff} before"
                )
        return ""

    def _awaited(self, action: WindowAction) -> str:
        permits = self._permits(action)
        if any(p.current is not None and not p.is_in_cutoff() for p in permits):
            return ""
        for standing in permits:
            if standing.current is not None and self._restricts(standing, action):
                cutoff = duration_text(standing.spec.start_cutoff)
                closes = utc(standing.current.end)
                return (
                    f"window {standing.window.name} closes at {closes}: "
                    f"nothing begins in its last {cutoff}"
                )
        return self._waits_for(permits, action)

    def _waits_for(self, permits: list[Standing], action: WindowAction) -> str:
        awaited = [
            (p.following.start, p.window.name)
            for p in permits
            if p.following is not None and self._restricts(p, action)
        ]
        if not awaited:
            return ""
        opens, name = min(awaited)
        return f"it waits for window {name}, which opens at {utc(opens)}"

    def _permits(self, action: WindowAction) -> list[Standing]:
        permits = [s for s in self.standings if s.spec.effect is Effect.PERMIT]
        return [s for s in permits if action in s.actions]

    def _restricts(self, permit: Standing, action: WindowAction) -> bool:
        return permit.is_restricting() and self._counts(permit, action, Effect.PERMIT)

    def _counts(self, standing: Standing, action: WindowAction, effect: Effect) -> bool:
        return (
            standing.spec.effect is effect
            and action in standing.actions
            and not standing.is_expired(action, self.deferrals)
        )


def maintenance(
    windows: tuple[Window, ...],
    labels: tuple[tuple[str, str], ...],
    now: datetime,
    deferrals: tuple[Deferral, ...] = (),
) -> Maintenance:
    """Return what the windows that select a cluster with these labels mean at `now`."""
    selected = [w for w in windows if matches(w.spec.cluster_selector, labels)]
    standings = [s for w in selected if (s := _standing(w, now)) is not None]
    changes = [c for s in standings for c in s.changes(deferrals) if c > now]
    return Maintenance(
        standings=tuple(sorted(standings, key=_rank)),
        deferrals=deferrals,
        next_change=min(changes, default=None),
    )


def _standing(window: Window, now: datetime) -> Standing | None:
    found = opened(window, now)
    if isinstance(found, Invalid) or not is_approved(window.spec):
        return None
    ahead = tuple(islice(found, 2))
    if not ahead:
        return None
    is_open = ahead[0].start <= now
    following = ahead[1:] if is_open else ahead[:1]
    return Standing(
        window=window,
        now=now,
        current=ahead[0] if is_open else None,
        following=following[0] if following else None,
    )


def _rank(standing: Standing) -> tuple[float, float, str]:
    """Sort the open windows first, by their ends, the others by their starts."""
    if standing.current is not None:
        return (0, -standing.current.end.timestamp(), standing.window.name)
    opens = standing.following.start.timestamp() if standing.following else 0
    return (1, opens, standing.window.name)
