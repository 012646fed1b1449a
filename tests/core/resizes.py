"""Builders for the tests of resizing.py: a change of size after 20 seconds."""

from typing import Any

from tests.core.fleet import (
    at,
    gateways,
    on_cluster,
    ranked,
    resize,
    snapshot,
    status,
    target,
    victim,
)
from tests.core.signals import load

from imchat_operator.core.decision import Reason, Scale, SetDeletionCost
from imchat_operator.core.load import Unknown
from imchat_operator.core.resizing import VICTIM_COST, Holds, Progress, advance
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Direction, Drain, Phase, Resize

MINIMUM = Floor(replicas=2, reason=Reason.AT_MINIMUM, why="minReplicas is 2")
UNKNOWN = Unknown(why="nobody answers")
UP = resize(4, 6)
DOWN = resize(4, 3)
TWO_DOWN = resize(4, 2)
GROW = Scale(from_=4, to=6, resource_version="7")
SCALE_BY_TWO = Scale(from_=4, to=2, resource_version="7")
SCALE = Scale(from_=4, to=3, resource_version="7")


def progress(
    record: Resize | None,
    replicas: int,
    drains: tuple[Drain, ...] = (),
    fleet: tuple[Gateway, ...] = gateways(),
    **fields: Any,
) -> Progress:
    """Advance a change of size 20 seconds after noon, which is when it began."""
    found = fields.pop("load", load(600, 3))
    held = {"up": fields.pop("up", ""), "down": fields.pop("down", "")}
    floor = fields.pop("floor", MINIMUM)
    now = snapshot(
        gateways=fleet,
        history=status(resize=record, drains=drains),
        **{"now": at(20), **fields.pop("snapshot", {})},
    )
    aim = target(replicas=replicas, **fields)
    return advance(now, aim, drains, found, Holds(**held, floor=floor))


def over(reason: Reason, message: str, *, drains: tuple[Drain, ...] = ()) -> Progress:
    is_warning = reason in {Reason.WRONG_VICTIM, Reason.RESIZE_OVERTAKEN}
    has_shrunk = reason in {Reason.WRONG_VICTIM, Reason.SCALED_DOWN}
    return Progress(
        resize=None,
        drains=drains,
        notices=(on_cluster(reason, message, warning=is_warning),),
        finished=True,
        changed=Direction.DOWN if has_shrunk else None,
    )


DRAINED = (ranked(), *gateways("bcd"))
BOTH = (victim("a"), victim("b"))
ONE_OF_BOTH = (victim("a"), victim("b", Phase.DRAINING))
BOTH_DRAINED = (ranked("a"), ranked("b"), *gateways("cd"))
COST = SetDeletionCost(pod="a", uid="uid-a", cost=VICTIM_COST)
SHRINK = Progress(resize=DOWN, drains=(victim(),), actions=(SCALE,))
WAIT = Progress(resize=DOWN, drains=(victim(),))
