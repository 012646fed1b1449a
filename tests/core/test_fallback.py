"""What happens while the load stays unknown, and how that is told."""

from typing import Any

import pytest
from tests.core.decisions import (
    decided,
    leaving,
    messages,
    policy,
    scale,
    scaled,
    scaling,
)
from tests.core.fleet import (
    at,
    gateway,
    gateways,
    snapshot,
    status,
)

from imchat_operator.core.decision import (
    Decision,
)
from imchat_operator.core.floors import blindness
from imchat_operator.core.load import Unknown
from imchat_operator.core.snapshot import (
    Unreadable,
)
from imchat_operator.models import Blindness

UNKNOWN = Unknown(why="connections: nobody answers")


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(0, Blindness(since=at(0)), id="at first"),
        pytest.param(179, Blindness(since=at(0)), id="one second before the three minutes"),
        pytest.param(180, Blindness(since=at(0), fallback=True), id="at three minutes"),
    ],
)
def test_the_fallback_holds_once_the_load_was_unknown_for_long_enough(
    second: int, expected: Blindness
) -> None:
    history = status(blindness=Blindness(since=at(0)))
    assert blindness(snapshot(now=at(second), history=history), UNKNOWN) == expected


def test_blindness_begins_with_the_first_unknown_sample_and_never_in_the_future() -> None:
    assert blindness(snapshot(now=at(5)), UNKNOWN) == Blindness(since=at(5))
    ahead = status(blindness=Blindness(since=at(9), fallback=True))
    assert blindness(snapshot(now=at(5), history=ahead), UNKNOWN) == Blindness(since=at(5))


SILENCE = tuple(gateway(name, Unreadable(why="answered HTTP 500")) for name in "abcd")
AT_LEAST_SIX = policy(fallback={"replicas": 6})
HOLD = policy(fallback={"behavior": "CurrentReplicas"})
WHY = "0 of 4 gateways report their connections, 80% are needed; a: answered HTTP 500"


def blind(second: float, *, fallback: bool = False, **fields: Any) -> Decision:
    """Decide with the load unknown since noon."""
    history = {"blindness": Blindness(since=at(0), fallback=fallback)}
    return decided(now=second, gateways=SILENCE, history=history, **fields)


def test_an_unknown_load_holds_the_size_until_the_fallback() -> None:
    found = blind(179, spec=AT_LEAST_SIX)
    assert scaled(found) == []
    assert scaling(found) == ("Unknown", "Waiting", f"the load is not known: {WHY}")
    assert messages(found, "FallbackActivated") == []


def test_the_fallback_raises_a_smaller_fleet_and_is_told() -> None:
    found = blind(180, spec=AT_LEAST_SIX)
    assert scaled(found) == [scale(4, 6)]
    assert messages(found, "FallbackActivated") == [
        f"the load is not known for 3m ({WHY}): at least 6 gateways are kept"
    ]
    assert "the load is unknown since 12:00:00 UTC, fallback wants 6" in scaling(found)[2]


def test_the_fallback_leaves_a_larger_fleet_as_it_is() -> None:
    found = blind(180, spec=policy(fallback={"replicas": 3}))
    assert scaled(found) == []
    assert leaving(found) == []


def test_the_fallback_wants_no_more_than_max_replicas() -> None:
    found = blind(180, spec=policy(fallback={"replicas": 99}))
    assert scaled(found) == [scale(4, 10)]


def test_a_fallback_that_holds_says_so() -> None:
    found = blind(180, spec=HOLD)
    assert scaled(found) == []
    message = f"the load is not known: {WHY}; fallback: the size is held"
    assert scaling(found) == ("Unknown", "Waiting", message)
    assert messages(found, "FallbackActivated") == [
        f"the load is not known for 3m ({WHY}): the size is held"
    ]


def test_a_fallback_that_goes_on_is_not_told_again() -> None:
    assert messages(blind(190, fallback=True, spec=HOLD), "FallbackActivated") == []


def test_the_end_of_a_fallback_is_told_once() -> None:
    known = {"blindness": Blindness(since=at(0), fallback=True)}
    found = decided(now=190, history=known, spec=HOLD)
    assert messages(found, "FallbackDeactivated") == ["the source answers again: 30%, connections"]
    assert found.status.blindness is None
    assert messages(decided(now=200), "FallbackDeactivated") == []


def test_an_idle_fleet_is_no_source_that_is_down() -> None:
    found = decided(now=900, gateways=gateways(connections=0), spec=HOLD)
    assert found.status.blindness is None
    before = {"blindness": Blindness(since=at(0), fallback=True)}
    ended = decided(now=900, gateways=gateways(connections=0), spec=HOLD, history=before)
    assert messages(ended, "FallbackActivated") == []
    (told,) = messages(ended, "FallbackDeactivated")
    assert "all 4 gateways report 0" in told


def test_a_short_blindness_ends_without_a_word() -> None:
    found = decided(now=100, history={"blindness": Blindness(since=at(0))})
    assert messages(found, "FallbackDeactivated") == []
