"""Restarts count in a span, not in a lifetime, and only as far as they can be dated."""

from typing import Any

import pytest
from tests.core.fleet import NOON, at, gateway, snapshot, spec, status

from imchat_operator.core.healing import restarts
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import MOST_RESTARTS, Restarts


def seen(count: int, *seconds: float) -> Restarts:
    return Restarts(uid="uid-a", count=count, at=tuple(at(second) for second in seconds))


def restarted(count: int, second: float | None, born: float = -600, **fields: Any) -> Gateway:
    last = None if second is None else at(second)
    return gateway("a", restarts=count, restarted_at=last, created_at=at(born), **fields)


@pytest.mark.parametrize(
    ("found", "before", "expected"),
    [
        pytest.param(restarted(0, None), None, None, id="never restarted"),
        pytest.param(
            restarted(3, -5), None, seen(3, -5, -5, -5), id="all restarts of a young pod are recent"
        ),
        pytest.param(
            restarted(3, None), None, seen(3, 0, 0, 0), id="a young pod's that nobody dated are now"
        ),
        pytest.param(
            restarted(3, -5, born=-1199.999),
            None,
            seen(3, -5, -5, -5),
            id="a pod that is a moment younger than the span",
        ),
        pytest.param(
            restarted(3, -5, born=-1200),
            None,
            seen(3, -5),
            id="of an old pod's that nobody watched only the last is dated",
        ),
        pytest.param(
            restarted(3, None, born=-1200), None, None, id="an old pod's without a date don't count"
        ),
        pytest.param(
            restarted(90, -1200, born=-9000), None, None, id="a restart as long ago as the span"
        ),
        pytest.param(
            restarted(90, -1199, born=-9000), None, seen(90, -1199), id="a second less long ago"
        ),
        pytest.param(
            restarted(4, -5, born=-9000),
            seen(3, -900),
            seen(4, -900, -5),
            id="one more since it was watched",
        ),
        pytest.param(
            restarted(5, -5, born=-9000),
            seen(3, -900),
            seen(5, -900, -5, -5),
            id="two more between two looks",
        ),
        pytest.param(
            restarted(3, -900, born=-9000), seen(3, -900), seen(3, -900), id="none since then"
        ),
        pytest.param(
            restarted(4, -5, born=-9000),
            seen(3, -1200),
            seen(4, -5),
            id="those too old are dropped",
        ),
        pytest.param(
            restarted(3, -1300, born=-9000), seen(3, -1300), None, id="all of them are too old"
        ),
        pytest.param(
            restarted(1, -5, born=-9000),
            seen(3, -900),
            seen(1, -5),
            id="fewer than there were: counted anew",
        ),
        pytest.param(
            restarted(40, -5),
            None,
            seen(40, *[-5] * 20),
            id="no more than twenty times are kept",
        ),
        pytest.param(restarted(3, 9), None, seen(3, 0, 0, 0), id="a date to come is now"),
        pytest.param(
            restarted(4, -5, born=-9000),
            seen(3, 7),
            seen(4, -5),
            id="after a step back of our clock",
        ),
        pytest.param(restarted(3, -5, terminating=True), None, None, id="it ends anyway"),
    ],
)
def test_restarts_are_dated_as_far_as_is_known(
    found: Gateway, before: Restarts | None, expected: Restarts | None
) -> None:
    history = status(restarts=() if before is None else (before,))
    now = snapshot(gateways=(found,), history=history)
    assert restarts(now) == (() if expected is None else (expected,))


def test_the_span_is_asked_for() -> None:
    short = spec(healing={"restartSpan": "1m"})
    found = restarted(4, -5, born=-9000)
    now = snapshot(gateways=(found,), history=status(restarts=(seen(3, -61, -59),)), spec=short)
    assert restarts(now) == (seen(4, -59, -5),)


def test_the_restarts_of_pods_that_are_gone_are_forgotten() -> None:
    now = snapshot(history=status(restarts=(Restarts(uid="uid-z", count=3, at=(NOON,)),)))
    assert restarts(now) == ()


def test_of_very_many_the_latest_are_kept() -> None:
    fleet = tuple(
        gateway(f"g{n}", restarts=1, restarted_at=at(-n - 1)) for n in range(MOST_RESTARTS + 6)
    )
    kept = restarts(snapshot(gateways=fleet))
    expected = [(f"uid-g{n}", at(-n - 1)) for n in range(MOST_RESTARTS)]
    assert [(r.uid, r.at[-1]) for r in kept] == expected[::-1]
