"""How a size came about, as the record that `imchat explain` shows.

The stages leave the steps that they took; nothing is decided here. While no rule asks for a size,
the steps tell what the load would need.
"""

from collections.abc import Iterator
from itertools import islice

from imchat_operator.core import permissions, scaling, sizing
from imchat_operator.core.decision import Reason
from imchat_operator.core.load import Load, Unknown, Utilization, signal_name
from imchat_operator.core.permissions import Hold
from imchat_operator.core.scaling import amount_text
from imchat_operator.core.stage import Facts, Part
from imchat_operator.models import (
    MOST_OBSTACLES,
    MOST_STEPS,
    Direction,
    Obstacle,
    SignalLoad,
    Sizing,
)

_LONGEST = 512


def explained(facts: Facts, part: Part) -> Sizing:
    """Return how the size came about.

    Args:
        facts: what is, as the scaling stage saw it.
        part: what that stage decided.
    """
    before = facts.snapshot.history.sizing
    size = part.size or scaling.needed(facts.load, facts.snapshot.spec, facts.floor)
    by, steps = (size.by, size.steps) if size is not None else ("", ())
    if part.resize is not None and part.size is None and before is not None:
        by, steps = before.by, before.steps  # what led to the change that is under way
    return Sizing(
        by=by,
        loads=tuple(_loads(facts)),
        steps=steps[:MOST_STEPS],
        obstacles=tuple(islice(_obstacles(facts), MOST_OBSTACLES)),
    )


def _loads(facts: Facts) -> Iterator[SignalLoad]:
    names = [signal_name(s) for s in facts.snapshot.spec.scaling.signals]
    if len(facts.loads) != len(names):  # a sample that is too old tells of none in particular
        names = [""] * len(facts.loads)
    for name, load in zip(names, facts.loads, strict=True):
        yield _load(name, load)


def _load(name: str, load: Load) -> SignalLoad:
    match load:
        case Unknown(why=why):
            return SignalLoad(signal=name, unknown=why[:_LONGEST])
        case Utilization():
            return SignalLoad(
                signal=name,
                percent=round(load.percent),
                limit=load.limit,
                load=amount_text(load.load),
                unit=load.unit,
                capacity=amount_text(load.capacity),
                gateways=load.rotation,
            )


def _obstacles(facts: Facts) -> Iterator[Obstacle]:
    for direction in Direction:
        for hold in _holds(facts, direction):
            yield Obstacle(direction=direction, reason=hold.reason, why=hold.why[:_LONGEST])


def _holds(facts: Facts, direction: Direction) -> Iterator[Hold]:
    if facts.owner.rival:
        yield Hold(reason=Reason.SCALING_CONFLICT, why=facts.owner.rival)
    yield from permissions.obstacles(facts, direction, rests=True)
    unrest = sizing.unrest(facts) if direction is Direction.DOWN else None
    if unrest is not None:
        yield unrest
