from typing import Any

import pytest
from tests.core.fleet import (
    at,
    gateway,
    gateways,
    isolated,
    on_cluster,
    once,
    pending,
    ranked,
    repair,
    resize,
    snapshot,
    spec,
    status,
    target,
    victim,
    window,
)

from imchat_operator.core.decision import Reason, Scale, SetDeletionCost
from imchat_operator.core.resizing import VICTIM_COST, Progress, advance
from imchat_operator.core.scaling import Unknown, Utilization
from imchat_operator.core.snapshot import Gateway
from imchat_operator.core.windows import maintenance
from imchat_operator.models import Drain, Phase, Resize

UNKNOWN = Unknown(why="nobody answers")
UP = resize(4, 6)
DOWN = resize(4, 3)
TWO_DOWN = resize(4, 2)
GROW = Scale(from_=4, to=6, resource_version="7")
SCALE_BY_TWO = Scale(from_=4, to=2, resource_version="7")
SCALE = Scale(from_=4, to=3, resource_version="7")


def load(connections: int) -> Utilization:
    return Utilization(connections=connections, capacity=1000, rotation=3)


def progress(
    record: Resize | None,
    replicas: int,
    drains: tuple[Drain, ...] = (),
    fleet: tuple[Gateway, ...] = gateways(),
    **fields: Any,
) -> Progress:
    """Advance a change of size 20 seconds after noon, which is when it began."""
    found = fields.pop("load", load(600))
    windows = fields.pop("windows", ())
    now = snapshot(
        now=at(20),
        gateways=fleet,
        history=status(resize=record, drains=drains),
        windows=windows,
        **fields.pop("snapshot", {}),
    )
    aim = target(replicas=replicas, **fields)
    return advance(now, aim, drains, found, maintenance(windows, (), now.now))


def over(reason: Reason, message: str, *, drains: tuple[Drain, ...] = ()) -> Progress:
    warning = reason in {Reason.WRONG_VICTIM, Reason.RESIZE_OVERTAKEN}
    told = on_cluster(reason, message, warning=warning)
    return Progress(resize=None, drains=drains, notices=(told,), finished=True)


def test_without_a_change_under_way_repairs_go_on_and_a_victim_is_given_back() -> None:
    healing = repair("b", Phase.DRAINING)
    assert progress(None, 4, (healing, victim())) == Progress(resize=None, drains=(healing,))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            progress(UP, 4),
            Progress(resize=UP, drains=(), actions=(GROW,)),
            id="growing is one call, repeated until it shows",
        ),
        pytest.param(
            progress(UP, 6), Progress(resize=None, drains=(), finished=True), id="once it shows"
        ),
        pytest.param(
            progress(resize(4, 6, at(-20)), 4),
            Progress(resize=resize(4, 6, at(-20)), drains=(), actions=(GROW,)),
            id="growth decided four intervals ago",
        ),
        pytest.param(
            progress(resize(4, 6, at(-20.001)), 4),
            Progress(resize=None, drains=()),
            id="growth decided longer ago is judged anew",
        ),
        pytest.param(
            progress(UP, 4, snapshot={"spec": spec(maxReplicas=6)}),
            Progress(resize=UP, drains=(), actions=(GROW,)),
            id="growth up to maxReplicas",
        ),
        pytest.param(
            progress(UP, 4, snapshot={"autoscalers": ("hpa",)}),
            Progress(resize=None, drains=()),
            id="growth of a target that another autoscaler has is dropped",
        ),
        pytest.param(
            progress(UP, 4, snapshot={"spec": spec(maxReplicas=5)}),
            Progress(resize=None, drains=()),
            id="growth beyond a maxReplicas lowered since is judged anew",
        ),
        pytest.param(
            progress(UP, 5),
            over(
                Reason.RESIZE_OVERTAKEN,
                "4 → 6 gateways: somebody else set 5 replicas meanwhile, which is left as it is",
            ),
            id="somebody else's number wins",
        ),
        pytest.param(
            progress(UP, 4, windows=(window(once(at(0), at(3600))),)),
            Progress(resize=UP, drains=(), actions=(GROW,)),
            id="a window does not hold growth",
        ),
    ],
)
def test_growing(found: Progress, expected: Progress) -> None:
    assert found == expected


DRAINED = (ranked(), *gateways("bcd"))
BOTH = (victim("a"), victim("b"))
ONE_OF_BOTH = (victim("a"), victim("b", Phase.DRAINING))
BOTH_DRAINED = (ranked("a"), ranked("b"), *gateways("cd"))
COST = SetDeletionCost(pod="a", uid="uid-a", cost=VICTIM_COST)
SHRINK = Progress(resize=DOWN, drains=(victim(),), actions=(SCALE,))
WAIT = Progress(resize=DOWN, drains=(victim(),))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            progress(DOWN, 4, (victim(phase=Phase.ISOLATING),)),
            Progress(resize=DOWN, drains=(victim(phase=Phase.ISOLATING),), actions=(COST,)),
            id="a victim is ranked while it is drained",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(phase=Phase.DRAINING),), DRAINED),
            Progress(resize=DOWN, drains=(victim(phase=Phase.DRAINING),)),
            id="a ranked victim is waited for",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), (ranked(deletion_cost=0), *gateways("bcd"))),
            Progress(resize=DOWN, drains=(victim(),), actions=(COST,)),
            id="a drained victim whose rank does not show is not removed",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), DRAINED),
            SHRINK,
            id="drained and ranked, it is removed",
        ),
        pytest.param(
            progress(TWO_DOWN, 4, ONE_OF_BOTH, BOTH_DRAINED),
            Progress(resize=TWO_DOWN, drains=ONE_OF_BOTH),
            id="of two victims both must be drained",
        ),
        pytest.param(
            progress(TWO_DOWN, 4, BOTH, BOTH_DRAINED),
            Progress(resize=TWO_DOWN, drains=BOTH, actions=(SCALE_BY_TWO,)),
            id="two victims leave by one call",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), (ranked(), *gateways("bc"), pending("d"))),
            WAIT,
            id="a pending pod would go in its place",
        ),
        pytest.param(
            progress(
                DOWN, 4, (victim(),), (ranked(), *gateways("bcd"), pending("e", terminating=True))
            ),
            SHRINK,
            id="a pending pod that ends already would not",
        ),
        pytest.param(
            progress(
                DOWN,
                4,
                (victim(),),
                (ranked(accepting=None, ready=True), *gateways("bc"), gateway("d", ready=False)),
            ),
            WAIT,
            id="without a gate, one that is not ready would go in its place",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), (ranked(), *gateways("bc"), gateway("d", ready=False))),
            SHRINK,
            id="with a gate the victim is not ready either, and the rank decides",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), DRAINED, load=UNKNOWN),
            WAIT,
            id="while the load is unknown nothing is removed",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), (isolated("a"), *gateways("bcd")), kind="StatefulSet"),
            SHRINK,
            id="a StatefulSet asks for no rank",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), DRAINED, load=load(2000)),
            SHRINK,
            id="a load that fills the rest once one more is lost",
        ),
    ],
)
def test_shrinking(found: Progress, expected: Progress) -> None:
    assert found == expected


HEALING = repair("d", Phase.DRAINING)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), snapshot={"autoscalers": ("hpa",)}),
            "HorizontalPodAutoscaler hpa scales the target too",
            id="another autoscaler of the target has come",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), load=load(2001)),
            "the load is back (2001 connections)",
            id="a load that brings the rest above the threshold",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), windows=(window(once(at(20), at(3600))),)),
            "window night holds it until 2026-11-23 13:00:00 UTC",
            id="a window that opens",
        ),
        pytest.param(
            progress(DOWN, 4, (HEALING,)),
            "a gateway that was to leave was deleted by somebody else",
            id="a victim that is gone",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(), HEALING), snapshot={"spec": spec(minReplicas=4)}),
            "minReplicas is 4 now",
            id="minReplicas raised since",
        ),
    ],
)
def test_a_scale_down_is_undone_and_repairs_go_on(found: Progress, why: str) -> None:
    message = f"4 → 3 gateways: undone, {why}"
    assert found == over(Reason.SCALE_DOWN_UNDONE, message, drains=(HEALING,))


LEFT = over(Reason.SCALED_DOWN, "4 → 3 gateways: a drained and removed; the load moved")
OVERTAKEN = "somebody else set {} replicas meanwhile, which is left as it is"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            progress(DOWN, 5, (victim(),)),
            over(Reason.RESIZE_OVERTAKEN, f"4 → 3 gateways: {OVERTAKEN.format(5)}"),
            id="somebody else's number wins",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(phase=Phase.DRAINING),)),
            over(Reason.RESIZE_OVERTAKEN, f"4 → 3 gateways: {OVERTAKEN.format(3)}"),
            id="the number that we aimed at, but before the victim was drained",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), DRAINED),
            WAIT,
            id="the victim is about to leave",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), (ranked(terminating=True), *gateways("bcd"))),
            LEFT,
            id="the victim leaves",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(), HEALING), gateways("bcd")),
            over(
                Reason.SCALED_DOWN,
                "4 → 3 gateways: a drained and removed; the load moved",
                drains=(HEALING,),
            ),
            id="the victim is gone, a repair goes on",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), (ranked(), *gateways("bc"))),
            over(
                Reason.WRONG_VICTIM,
                "4 → 3 gateways: a was drained, but another gateway was removed in its place",
            ),
            id="another one left in its place",
        ),
        pytest.param(
            progress(DOWN, 3, (victim(),), gateways("bcd"), load=UNKNOWN),
            LEFT,
            id="what has happened is told though the load is unknown",
        ),
    ],
)
def test_the_end_of_shrinking(found: Progress, expected: Progress) -> None:
    assert found == expected
