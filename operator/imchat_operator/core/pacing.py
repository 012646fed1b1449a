"""How fast connections may be closed: as configured, or as slowly as the others need it.

A gateway that takes over too many clients at once answers slowly, or not at all. While one of
those that stay does, the pace is what they were seen to accept, and then halved; once all answer
in time it rises by a quarter. At most one step is made in a second.
"""

from datetime import timedelta

from imchat_operator.core.decision import Notice, Reason
from imchat_operator.core.snapshot import Gateway, Reported, Silent, Snapshot
from imchat_operator.models import Drain, Pacing, Phase

_STEP = timedelta(seconds=1)
_CLOSING = {Phase.ISOLATING, Phase.DRAINING}


def pacing(snapshot: Snapshot) -> Pacing | None:
    """Return the pace of drains that had to be slowed down; None if they never had.

    The record stays until no drain closes connections any more, so that one bout is told once.
    """
    before, drains = snapshot.history.pacing, snapshot.history.drains
    full = snapshot.spec.draining.connections_per_second
    if not _is_closing(drains):
        return None
    if before is not None and timedelta() <= snapshot.now - before.at < _STEP:
        return before
    now = min(before.connections_per_second, full) if before is not None else full
    survivors = _survivors(snapshot, drains)
    if any(_suffers(g, snapshot.spec.draining.slow_above) for g in survivors):
        pace = max(1, min(now, _accepted(survivors, now)) // 2)
    elif before is None or before.connections_per_second == full:
        return before
    else:
        pace = min(full, now + max(1, now // 4))
    return Pacing(connections_per_second=pace, at=snapshot.now)


def pace(snapshot: Snapshot, slowed: Pacing | None) -> int:
    """Return how many connections each gateway may close a second."""
    full = snapshot.spec.draining.connections_per_second
    total = min(full, slowed.connections_per_second) if slowed is not None else full
    closing = sum(d.phase in _CLOSING for d in snapshot.history.drains)
    return max(1, total // max(1, closing))


def pace_notices(
    snapshot: Snapshot, slowed: Pacing | None, drains: tuple[Drain, ...]
) -> tuple[Notice, ...]:
    """Return an Event for the first slow-down of the drains that go on."""
    if snapshot.history.pacing is not None or slowed is None or not _is_closing(drains):
        return ()
    survivors = _survivors(snapshot, snapshot.history.drains)
    slow = sorted(g.name for g in survivors if _suffers(g, snapshot.spec.draining.slow_above))
    message = (
        f"no answer in time from {', '.join(slow)}: drains close {slowed.connections_per_second} "
        f"connections a second instead of {snapshot.spec.draining.connections_per_second}, "
        "and faster again once all answer"
    )
    return (snapshot.cluster.notice(Reason.DRAIN_SLOWED, message, warning=True),)


def _is_closing(drains: tuple[Drain, ...]) -> bool:
    return any(d.phase in _CLOSING for d in drains)


def _survivors(snapshot: Snapshot, drains: tuple[Drain, ...]) -> tuple[Gateway, ...]:
    drained = {d.uid for d in drains}
    return tuple(
        g
        for g in snapshot.gateways
        if g.uid not in drained and g.running and not g.terminating and g.accepting is not False
    )


def _suffers(gateway: Gateway, slow_above: timedelta) -> bool:
    match gateway.reading:
        case Silent(last_connections=last):
            return last is not None  # one that never answered is starting
        case Reported(answer_time=timedelta() as took):
            return took > slow_above
        case _:
            return False


def _accepted(survivors: tuple[Gateway, ...], otherwise: int) -> int:
    """Return the connections a second that the others were seen to accept."""
    rates = [
        g.reading.accept_rate
        for g in survivors
        if isinstance(g.reading, Reported) and g.reading.accept_rate is not None
    ]
    return round(sum(rates)) if rates else otherwise
