"""How many connections drains moved, and how many they cut, between two statuses.

A drain is counted where its closing ends: on the way to the removal, into quarantine, or back into
rotation. What was moved is what the gateway held when the drain began, less what was left. What
a gateway without a drain is left with is neither: nobody sees how its preStop hook ends. A
gateway that somebody else deletes in mid-drain is not counted: nobody knows what became of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import BEFORE_REMOVAL, Drain, ImChatClusterStatus, Phase, Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Connections that the drains of one purpose moved, and that they cut."""

    purpose: Purpose
    moved: int
    cut: int


def tallies(
    before: ImChatClusterStatus, after: ImChatClusterStatus, gateways: Iterable[Gateway]
) -> tuple[Tally, ...]:
    """Return what happened since a status; each drain's closing counts in one step only.

    Args:
        before: the status that was counted last.
        after: a later one, not necessarily the next.
        gateways: as they are now.
    """
    there = {g.uid: g for g in gateways if not g.terminating}
    then = {(d.id, d.uid): d for d in before.drains}
    now = {(d.id, d.uid): d for d in after.drains}
    found: dict[Purpose, Tally] = {}
    for key, drain in {**now, **then}.items():
        old, new = then.get(key), now.get(key)
        sum_ = found.get(drain.purpose, Tally(purpose=drain.purpose, moved=0, cut=0))
        found[drain.purpose] = Tally(
            purpose=drain.purpose,
            moved=sum_.moved + _moved(drain, new, there.get(drain.uid)),
            cut=sum_.cut + _cut(old, new),
        )
    return tuple(t for t in found.values() if t.moved or t.cut)


def _cut(old: Drain | None, new: Drain | None) -> int:
    """Return what a drain cut since: the record adds up, and forgets when it begins again."""
    known = old.cut if old is not None else 0
    return max(0, new.cut - known) if new is not None else 0


def _moved(drain: Drain, new: Drain | None, gateway: Gateway | None) -> int:
    """Return what a drain moved, if its closing has ended since its earlier record."""
    if drain.connections is None or drain.phase not in BEFORE_REMOVAL:
        return 0
    match new.phase if new is not None else None:
        case Phase.REMOVING | Phase.QUARANTINED if new is not None:
            return max(0, drain.connections - new.cut - new.left)
        case Phase.RETURNING | None if drain.phase is Phase.DRAINING and gateway is not None:
            left = gateway.known_connections
            return max(0, drain.connections - left) if left is not None else 0
        case _:
            return 0
