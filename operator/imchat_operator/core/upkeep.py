"""What maintenance windows mean for a cluster's status: conditions, waiting actions, the end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from imchat_operator.core.decision import Notice, Reason, Verdict
from imchat_operator.core.load import Unknown, Utilization, rotation
from imchat_operator.core.notices import effect_text
from imchat_operator.core.snapshot import Gateway, Reported
from imchat_operator.core.stage import Facts
from imchat_operator.core.window_openings import utc
from imchat_operator.core.windows import Maintenance, Standing
from imchat_operator.models import (
    Deferral,
    Effect,
    MaintenanceWindowSpec,
    Overrun,
    WindowAction,
)
from imchat_operator.units import duration_text

_ACTIVE = "MaintenanceActive"
# An action that was not wanted for so long waits no more: load has its days and nights.
# What has waited for as long as it may is free for as long.
_FORGOTTEN = timedelta(days=1)
# `last` is written this seldom: it is only there to be forgotten by.
_GRAIN = timedelta(hours=1)
_MOST_SHOWN = 253
# Sessions that may end in an error within a minute, as a share of all.
_MOST_LOST = 0.01
_INTERRUPTED = {WindowAction.SCALE_UP, WindowAction.SCALE_DOWN, WindowAction.REBALANCE}


def verdicts(facts: Facts) -> tuple[Verdict, ...]:
    """Return the conditions that windows cause; `Deferred` only where there is a window."""
    found = facts.maintenance
    deferred = (_deferred(found),) if found.standings or found.deferrals else ()
    return (maintenance_verdict(found), *deferred)


def maintenance_verdict(found: Maintenance) -> Verdict:
    """Return the condition that tells which windows are open, and what they hold."""
    if found.open:
        message = "; ".join(_open_text(standing) for standing in found.open)
        return Verdict(type=_ACTIVE, status="True", reason=Reason.WINDOW_OPEN, message=message)
    opens = min((s.following.start for s in found.standings if s.following), default=None)
    message = f"the next window opens at {opens:%Y-%m-%d %H:%M} UTC" if opens else "no window"
    return Verdict(type=_ACTIVE, status="False", reason=Reason.WINDOW_CLOSED, message=message)


def _open_text(standing: Standing) -> str:
    spec = standing.spec
    name = f"window {standing.window.name} is open until {standing.until}"
    is_silence = spec.effect is Effect.SILENCE
    goes_on = is_silence and WindowAction.SCALE_UP not in standing.actions
    note = ", scaling up goes on" if goes_on else ""
    return f"{name}: {effect_text(spec)}{note}{_overrun_text(spec)}"


def _overrun_text(spec: MaintenanceWindowSpec) -> str:
    """Return what becomes of a change under way, where the window may interrupt one."""
    if not set(spec.held_actions) & _INTERRUPTED:
        return ""
    when = "when it closes" if spec.effect is Effect.PERMIT else "when it opens"
    fate = "finished" if spec.overrun is Overrun.FINISH else "undone"
    return f"; what is under way {when} is {fate}"


def _deferred(found: Maintenance) -> Verdict:
    kind = "Deferred"
    expired = [*_expired(found)]
    if expired:
        message = "; ".join(expired)
        return Verdict(type=kind, status="False", reason=Reason.DEFERRAL_EXPIRED, message=message)
    waiting = [f"{d.action} since {utc(d.since)}" for d in found.deferrals if found.held(d.action)]
    if waiting:
        message = f"wait for a window: {', '.join(waiting)}"
        return Verdict(type=kind, status="True", reason=Reason.ACTIONS_DEFERRED, message=message)
    message = "no action waits for a window"
    return Verdict(type=kind, status="False", reason=Reason.NOTHING_DEFERRED, message=message)


def _expired(found: Maintenance) -> Iterator[str]:
    for standing in found.standings:
        for deferral in found.deferrals:
            action = deferral.action
            if action in standing.actions and standing.is_expired(action, found.deferrals):
                longest = duration_text(standing.spec.max_deferral)
                yield (
                    f"{action} has waited for window {standing.window.name} since "
                    f"{utc(deferral.since)}, longer than maxDeferral {longest}, and goes on"
                )


def records(facts: Facts, waiting: frozenset[WindowAction]) -> dict[str, Any]:
    """Return the fields of the next status that windows cause.

    Args:
        facts: what is.
        waiting: the actions that are wanted, and that a window keeps from beginning.
    """
    found = facts.maintenance
    return {
        "window": shown(found),
        "deferrals": tuple(_deferrals(facts, waiting)),
    }


def _deferrals(facts: Facts, waiting: frozenset[WindowAction]) -> Iterator[Deferral]:
    """Yield what waits now; what a window lets go on waits no more, even if it does not begin."""
    found, now = facts.maintenance, facts.snapshot.now
    known = {d.action: d for d in found.deferrals}
    for action in WindowAction:
        before = known.get(action)
        if action in waiting:
            is_recent = before is not None and now - before.last < _GRAIN
            since = before.since if before is not None else now
            yield before if before and is_recent else Deferral(action=action, since=since, last=now)
        elif before is not None and _goes_on_waiting(found, before, now):
            yield before


def _goes_on_waiting(found: Maintenance, deferral: Deferral, now: datetime) -> bool:
    action = deferral.action
    is_due = bool(found.held(action)) or found.is_expired(action)
    return is_due and now - deferral.last < _FORGOTTEN


def shown(found: Maintenance) -> str:
    """Return the windows that hold a cluster, or what it waits for, as a column shows them."""
    if found.open:
        return ", ".join(standing.window.name for standing in found.open)[:_MOST_SHOWN]
    awaited = [s for s in found.standings if s.spec.effect is Effect.PERMIT and s.is_restricting()]
    return f"awaits {awaited[0].window.name}"[:_MOST_SHOWN] if awaited else ""


def closing_notices(facts: Facts) -> tuple[Notice, ...]:
    """Return how the fleet stands when the last window has closed; nothing at other times."""
    was_open = any(
        c.type == _ACTIVE and c.status == "True" for c in facts.snapshot.history.conditions
    )
    if not was_open or facts.maintenance.open:
        return ()
    cluster, faults = facts.snapshot.cluster, _faults(facts)
    if faults:
        message = f"after the window: {'; '.join(faults)}"
        return (cluster.notice(Reason.MAINTENANCE_UNHEALTHY, message, warning=True),)
    load = facts.load.text if isinstance(facts.load, Utilization) else facts.load.why
    ready, expected = len(_left(facts)), facts.target.replicas
    message = f"after the window: {ready} of {expected} gateways take connections, {load}"
    lost = _lost_share(facts)
    if lost is not None:
        message += f", {lost:.1%} of the sessions a minute end in an error"
    return (cluster.notice(Reason.MAINTENANCE_VERIFIED, message),)


def _faults(facts: Facts) -> list[str]:
    """Return what is wrong with a fleet that maintenance has just ended for."""
    expected, ready = facts.target.replicas, len(_left(facts))
    faults = [f"{p.gateway.name} is ill ({p.cause})" for p in facts.ill]
    if ready < expected:
        faults.append(f"{expected - ready} of {expected} gateways take no connections")
    for load in facts.loads:
        if isinstance(load, Unknown):
            faults.append(f"the load is not known: {load.why}")
        elif load.percent > load.limit:
            faults.append(f"{load.text}, above the capacity target {load.limit}%")
    lost = _lost_share(facts)
    if lost is not None and lost > _MOST_LOST:
        faults.append(f"{lost:.1%} of the sessions a minute end in an error")
    return faults


def _left(facts: Facts) -> tuple[Gateway, ...]:
    """Return the gateways that the window left in rotation: what begins at its end comes later."""
    return rotation(facts.snapshot.gateways, facts.snapshot.history.drains)


def _lost_share(facts: Facts) -> float | None:
    """Return the share of the sessions that end in an error within a minute; None if unknown."""
    left = _left(facts)
    told = [g.reading for g in left if isinstance(g.reading, Reported)]
    rates = [r.error_rate for r in told if r.error_rate is not None]
    sessions = sum(r.connections for r in told)
    if not rates or len(rates) < len(left) or sessions == 0:
        return None
    return 60 * sum(rates) / sessions
