"""Whether the size may change now: windows, pauses, modes, owners, cool-downs.

Each hold tells its reason; the first one that applies counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from imchat_operator.core.decision import Reason
from imchat_operator.core.healing import Patient
from imchat_operator.core.resizing import Holds
from imchat_operator.core.room import can_carry
from imchat_operator.core.snapshot import Snapshot
from imchat_operator.core.stage import Facts
from imchat_operator.models import PAUSES, Direction, LastResize, Mode, WindowAction
from imchat_operator.units import duration_text

_WORDS = {Direction.UP: "scaling up", Direction.DOWN: "scaling down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why the size must not change in one direction."""

    reason: Reason
    why: str


def hold(facts: Facts, direction: Direction, *, rests: bool) -> Hold | None:
    """Return what keeps a change of size from beginning.

    Args:
        facts: what is.
        direction: of the change.
        rests: whether a cool-down counts; it does not for a floor.
    """
    return next(obstacles(facts, direction, rests=rests), None)


def obstacles(facts: Facts, direction: Direction, *, rests: bool) -> Iterator[Hold]:
    """Yield all that keeps a change of size from beginning, what counts first."""
    yield from _standing(facts, direction, facts.maintenance.held(WindowAction(direction)))
    cooling = _cool_down(facts.snapshot, direction) if rests else None
    if cooling is not None:
        yield cooling


def holds(facts: Facts) -> Holds:
    """Return what must stop a change of size that is under way."""
    mode = facts.snapshot.spec.scaling.mode
    both = facts.owner.rival if mode is Mode.AUTO else f"scaling.mode is {mode}"

    def why(direction: Direction) -> str:
        window = facts.maintenance.stopped(WindowAction(direction))
        standing = next(_standing(facts, direction, window), None)
        return both or (standing.why if standing else "")

    needed = _needed(facts)
    due = ", ".join(p.gateway.name for p in needed if p.due)
    illness = f"{due} is ill, and what was to leave is needed in its place" if due else ""
    return Holds(
        up=why(Direction.UP),
        down=why(Direction.DOWN) or illness,
        floor=facts.floor,
        waits=bool(needed),
    )


def _needed(facts: Facts) -> tuple[Patient, ...]:
    """Return the ill gateways without which those that are to stay could not carry the load."""
    ill = tuple(p for p in facts.patients if p.is_ill)
    uids = {p.gateway.uid for p in ill}
    staying = [g for g in facts.members if g.uid not in uids]
    return () if can_carry(facts, len(staying)) else ill


def _standing(facts: Facts, direction: Direction, window: str) -> Iterator[Hold]:
    if window:
        yield Hold(reason=Reason.HELD_BY_WINDOW, why=window)
    reason = pause(facts.snapshot, direction)
    if reason:
        yield Hold(reason=Reason.PAUSED, why=f"{_WORDS[direction]} is paused: {reason}")


def pause(snapshot: Snapshot, direction: Direction) -> str:
    """Return why a direction is paused, by an annotation or in the spec; empty if it is not."""
    for key, value in snapshot.cluster.annotations:
        if key == PAUSES[WindowAction(direction)]:
            return value or f"annotation {key}, which gives no reason"
    pauses = snapshot.spec.scaling.pauses
    return next((p.reason for p in pauses if p.direction is direction), "")


def _cool_down(snapshot: Snapshot, direction: Direction) -> Hold | None:
    policy = snapshot.spec.scaling.cooldown
    rest = policy.scale_up if direction is Direction.UP else policy.scale_down
    counts = {Direction.UP} if direction is Direction.UP else set(Direction)
    latest = [r.at for r in snapshot.history.last_resizes if r.direction in counts]
    if not any(r <= snapshot.now < r + rest for r in latest):
        return None
    why = f"cooling down for {duration_text(rest)} since {max(latest):%H:%M:%S} UTC"
    return Hold(reason=Reason.COOLING_DOWN, why=why)


def last_resizes(snapshot: Snapshot, changed: Direction | None) -> tuple[LastResize, ...]:
    """Return the latest change of size in each direction, after one more."""
    before = snapshot.history.last_resizes
    if changed is None:
        return before
    others = tuple(r for r in before if r.direction is not changed)
    return (*others, LastResize(direction=changed, at=snapshot.now))
