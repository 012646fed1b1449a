"""How much of the fleet is well: the figures that the storm gate and `minHealthy` go by."""

from typing import Any

import pytest
from tests.core.ailing import failed, on_node, stuck, unready
from tests.core.fleet import (
    NOT_ASKED,
    SILENT,
    at,
    crashed,
    drain,
    gateway,
    isolated,
    pending,
    repair,
    snapshot,
    spec,
    status,
    target,
)

from imchat_operator.core.healing import Health, health, patients, restarts
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase, Purpose


def fleet(count: int, *ill: Gateway) -> tuple[Gateway, ...]:
    return (*ill, *(gateway(f"well-{number}") for number in range(count)))


def of(found: tuple[Gateway, ...], replicas: int, *drains: Drain, **healing: Any) -> Health:
    now = snapshot(gateways=found, history=status(drains=drains), spec=spec(healing=healing))
    ill = patients(now, frozenset(d.uid for d in drains), restarts(now))
    return health(now, target(replicas=replicas), ill)


def figures(
    healthy: int, expected: int, ill: int, min_healthy: int = 51, causes: int | None = None
) -> Health:
    return Health(
        healthy=healthy,
        expected=expected,
        ill=ill,
        causes=ill if causes is None else causes,
        min_healthy=min_healthy,
    )


def lost(count: int, node: str = "n") -> tuple[Gateway, ...]:
    """Return gateways that were lost with their node."""
    names = (f"{node}-{number}" for number in range(count))
    return tuple(on_node(name, SILENT, host=node, ready=False) for name in names)


def silent(count: int) -> tuple[Gateway, ...]:
    return tuple(gateway(f"ill-{number}", SILENT) for number in range(count))


YOUNG: dict[str, Any] = {"created_at": at(-119.999)}
DRAINING = repair("x", Phase.DRAINING)


@pytest.mark.parametrize(
    ("found", "expected", "storm"),
    [
        pytest.param(of(fleet(4), 4), figures(4, 4, 0), False, id="all is well"),
        pytest.param(of(silent(1), 1), figures(0, 1, 1), False, id="one ill of one is no storm"),
        pytest.param(of(fleet(1, *silent(1)), 2), figures(1, 2, 1), False, id="nor one of two"),
        pytest.param(of(fleet(2, *silent(2)), 4), figures(2, 4, 2), True, id="half of four is"),
        pytest.param(
            of(fleet(2, *lost(2)), 4), figures(2, 4, 2, causes=1), False, id="one lost node is not"
        ),
        pytest.param(
            of(fleet(2, *lost(1, "m"), *lost(1)), 4), figures(2, 4, 2), True, id="two of them are"
        ),
        pytest.param(
            of(fleet(2, *lost(2), *silent(1)), 5),
            figures(2, 5, 3, causes=2),
            True,
            id="and one with another that is ill",
        ),
        pytest.param(
            of(
                fleet(2, *lost(2)),
                4,
                repair("n-0", Phase.REMOVING, ailment="NodeLost"),
            ),
            figures(2, 4, 2, causes=1),
            False,
            id="nor is one of whose gateways the first is under repair",
        ),
        pytest.param(
            of(fleet(3, *silent(2)), 5), figures(3, 5, 2), False, id="two of five are not"
        ),
        pytest.param(
            of(fleet(51, *silent(49)), 100), figures(51, 100, 49), False, id="51 of 100 are enough"
        ),
        pytest.param(
            of(fleet(50, *silent(50)), 100), figures(50, 100, 50), True, id="50 of 100 are not"
        ),
        pytest.param(of(silent(4), 4), figures(0, 4, 4), True, id="the whole fleet"),
        pytest.param(
            of(fleet(2, *silent(2)), 8), figures(2, 8, 2), True, id="four pods are missing"
        ),
        pytest.param(
            of(fleet(3, *silent(1)), 8), figures(3, 8, 1), False, id="missing pods alone are none"
        ),
        pytest.param(
            of(fleet(2, *silent(2), pending("p", **YOUNG)), 5),
            figures(2, 4, 2),
            True,
            id="one that is starting counts on neither side",
        ),
        pytest.param(
            of(fleet(3, *silent(2), pending("p", **YOUNG)), 6),
            figures(3, 5, 2),
            False,
            id="nor does it make a storm of two in five",
        ),
        pytest.param(
            of(fleet(3, *silent(2), pending("p", created_at=at(-120))), 6),
            figures(3, 6, 2),
            True,
            id="one that starts for too long counts as missing",
        ),
        pytest.param(
            of(fleet(3, unready("n", NOT_ASKED, **YOUNG)), 4),
            figures(3, 3, 0),
            False,
            id="young and not ready yet is starting",
        ),
        pytest.param(
            of(fleet(3, unready("n", created_at=at(-120))), 4),
            figures(3, 4, 1),
            False,
            id="old and not ready is ill",
        ),
        pytest.param(
            of(fleet(3, crashed("n", created_at=at(-100))), 4),
            figures(3, 4, 1),
            False,
            id="young and in a crash loop is ill",
        ),
        pytest.param(
            of(fleet(3, isolated("x")), 4, DRAINING),
            figures(3, 4, 1),
            False,
            id="one under repair counts as ill",
        ),
        pytest.param(
            of(fleet(3, isolated("x", **YOUNG)), 4, DRAINING),
            figures(3, 4, 1),
            False,
            id="also if it is young",
        ),
        pytest.param(
            of(fleet(1, *silent(1), isolated("x")), 3, DRAINING),
            figures(1, 3, 2),
            True,
            id="and makes a storm together with another",
        ),
        pytest.param(
            of(fleet(4, isolated("x", released="v1")), 4, repair("x", Phase.DRAINING, by="y")),
            figures(4, 4, 0),
            False,
            id="but not once it is out of its ReplicaSet: its place is another's",
        ),
        pytest.param(
            of(fleet(3), 4, repair("x", Phase.REPLACING)),
            figures(3, 4, 0),
            False,
            id="one that is gone is missing, not ill",
        ),
        pytest.param(
            of(fleet(4, isolated("x", released="v1")), 4, repair("x", Phase.QUARANTINED)),
            figures(4, 4, 0),
            False,
            id="one in quarantine is nobody's concern",
        ),
        pytest.param(
            of(fleet(3, isolated("x")), 4, drain("x", Phase.DRAINING)),
            figures(4, 4, 0),
            False,
            id="a victim of a scale-down is well",
        ),
        pytest.param(
            of(fleet(3, isolated("x")), 4, drain("x", Phase.DRAINING, purpose=Purpose.REBALANCE)),
            figures(4, 4, 0),
            False,
            id="a rebalance's donor is well",
        ),
        pytest.param(
            of(fleet(3, isolated("x", running=False)), 4, drain("x", Phase.DRAINING)),
            figures(3, 4, 0),
            False,
            id="a victim that runs no more is not",
        ),
        pytest.param(
            of(fleet(3, on_node("x", cordoned=True)), 4),
            figures(4, 4, 0),
            False,
            id="one on a node that leaves is well",
        ),
        pytest.param(
            of(fleet(4, failed("x"), failed("y"), stuck("z")), 4),
            figures(4, 4, 0),
            False,
            id="dead pods are neither well nor ill",
        ),
        pytest.param(
            of(fleet(5, pending("p", **YOUNG)), 5),
            figures(5, 4, 0),
            False,
            id="more than there should be",
        ),
        pytest.param(
            of((pending("p", **YOUNG),), 0), figures(0, 0, 0), False, id="scaled to nothing"
        ),
        pytest.param(
            of(fleet(1, *silent(3)), 4, minHealthy=25),
            figures(1, 4, 3, 25),
            False,
            id="how much must be left is asked for",
        ),
    ],
)
def test_health_is_told_from_what_starts_and_what_is_moved(
    found: Health,
    expected: Health,
    storm: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert (found, found.is_storm) == (expected, storm)


@pytest.mark.parametrize(
    ("found", "count", "enough"),
    [
        pytest.param(figures(4, 4, 0), 1, True, id="three of four are left"),
        pytest.param(figures(4, 4, 0), 2, False, id="two of four are not enough"),
        pytest.param(figures(100, 100, 0), 49, True, id="51 of 100 are"),
        pytest.param(figures(100, 100, 0), 50, False, id="50 of 100 are not"),
        pytest.param(figures(1, 1, 0), 1, False, id="the only one is not spared"),
    ],
)
def test_no_more_are_spared_than_leave_enough(found: Health, count: int, enough: bool) -> None:  # noqa: FBT001 -- a table's
    assert found.spares(count) is enough


def test_health_says_its_figures() -> None:
    assert figures(2, 4, 2).text == "2 of 4 gateways are healthy"
