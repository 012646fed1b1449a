"""A change of size under way: the calls, their order, and what they wait for."""

import pytest
from tests.core.fleet import (
    at,
    gateway,
    gateways,
    isolated,
    pending,
    ranked,
    repair,
    resize,
    spec,
    victim,
)
from tests.core.resizes import (
    BOTH,
    BOTH_DRAINED,
    COST,
    DOWN,
    DRAINED,
    GROW,
    ONE_OF_BOTH,
    SCALE_BY_TWO,
    SHRINK,
    TWO_DOWN,
    UNKNOWN,
    UP,
    WAIT,
    over,
    progress,
)
from tests.core.signals import load, partly

from imchat_operator.core.decision import Reason
from imchat_operator.core.resizing import Progress
from imchat_operator.models import Direction, Phase


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
            progress(UP, 6),
            Progress(resize=None, drains=(), finished=True, changed=Direction.UP),
            id="once it shows",
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
            progress(UP, 4, up="scaling up is paused: a load test"),
            Progress(resize=None, drains=()),
            id="growth that is held since is dropped",
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
            progress(UP, 4, down="window night holds it"),
            Progress(resize=UP, drains=(), actions=(GROW,)),
            id="what holds a scale-down does not hold growth",
        ),
    ],
)
def test_growing(found: Progress, expected: Progress) -> None:
    assert found == expected


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
            progress(DOWN, 4, (victim(),), DRAINED, load=load(2000, 3)),
            SHRINK,
            id="a load that fills the rest once one more is lost",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), DRAINED, load=partly([250] * 4, 1)),
            SHRINK,
            id="a missing figure that leaves room however full the gateway is",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), DRAINED, load=partly([251] * 4, 1)),
            WAIT,
            id="a missing figure that may bring the load back",
        ),
        pytest.param(
            progress(DOWN, 4, (victim(),), DRAINED, load=load(600, 3, doubts=("cpu: unknown",))),
            WAIT,
            id="while another signal is unknown nothing is removed",
        ),
        pytest.param(
            progress(
                DOWN, 4, (victim(),), DRAINED, load=load(600, 3, others=(partly([500] * 4, 1),))
            ),
            WAIT,
            id="nor while a missing figure of another signal may be too much",
        ),
    ],
)
def test_shrinking(found: Progress, expected: Progress) -> None:
    assert found == expected
