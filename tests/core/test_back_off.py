"""A repair that fails comes again, each time after twice the wait, and an hour at most."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from tests.core.ailing import failed, on_node, unready
from tests.core.fleet import (
    SILENT,
    at,
    gateway,
    gateways,
    repair,
    reported,
    snapshot,
    status,
    target,
)

from imchat_operator.core.decision import Delete, Evict, Outcome
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Snapshot
from imchat_operator.models import Phase

STEP = timedelta(seconds=10)
LONG = 6 * 360
MINUTE = 60
BUDGET = "HTTP 429: Cannot evict pod as it would violate the pod's disruption budget."


class Walk:
    """What an operator decides in six hours of a world in which no removal is granted."""

    def __init__(self, found: Snapshot) -> None:
        """Walk through a world that does not move."""
        self.told: dict[str, list[datetime]] = {}
        self.writes: list[datetime] = []
        known: set[str] = set()
        for number in range(LONG):
            now = at(0) + number * STEP
            decision = decide(replace(found, now=now, sampled_at=now))
            if decision.status is not found.history:
                self.writes.append(now)
            for event in decision.status.pending_events:
                if event.receipt not in known and event.kind == "Pod":
                    self.told.setdefault(event.reason, []).append(now)
            known |= {e.receipt for e in decision.status.pending_events}
            outcomes = tuple(
                Outcome(action=a, refused=BUDGET if isinstance(a, Evict | Delete) else "")
                for a in decision.actions
            )
            found = replace(
                found, history=decision.status, outcomes=outcomes, posted=frozenset(known)
            )

    def waits(self, begun: str) -> list[float]:
        """Return the seconds between each failure and the repair after it."""
        failures, begins = self.told["RemediationFailed"], self.told[begun]
        pairs = zip(failures, begins[1:], strict=False)
        return [(later - earlier).total_seconds() for earlier, later in pairs]


EMPTY = reported(0, draining=True)
DOUBLING = [MINUTE * n for n in (1, 2, 4, 8, 16, 32, 60)]


@pytest.mark.parametrize(
    ("found", "begun", "expected", "length"),
    [
        pytest.param(
            snapshot(gateways=(*gateways("abc", 500), gateway("d", SILENT))),
            "GatewayUnhealthy",
            DOUBLING,
            170,
            id="a hang whose eviction and deletion are refused",
        ),
        pytest.param(
            snapshot(gateways=(*gateways("abc", 500), unready("d", 0, accepting=None))),
            "GatewayUnhealthy",
            [130, 130, *DOUBLING[2:]],
            None,
            id="an ailment with a patience of its own, which passes first",
        ),
        pytest.param(
            snapshot(
                gateways=(
                    *gateways("abc", 500),
                    gateway("d", EMPTY, accepting=None, drain_requested=True),
                )
            ),
            "GatewayLeaving",
            [*DOUBLING, 60 * MINUTE],
            None,
            id="a drain that is asked for, and that a budget refuses",
        ),
        pytest.param(
            snapshot(
                gateways=(
                    *gateways("abc", 500),
                    on_node("d", EMPTY, accepting=None, leaving="a taint"),
                )
            ),
            "GatewayLeaving",
            [*DOUBLING, 60 * MINUTE],
            None,
            id="a node that leaves, of a gateway that a budget protects",
        ),
    ],
)
def test_a_refused_repair_fails_and_comes_again_with_a_doubling_wait(
    found: Snapshot, begun: str, expected: list[float], length: float | None
) -> None:
    walk = Walk(found)
    waits = walk.waits(begun)
    assert waits[: len(expected)] == expected
    assert set(waits[len(expected) :]) <= {60 * MINUTE}
    assert length is None or walk.told["RemediationFailed"][0] == walk.told[begun][0] + timedelta(
        seconds=length
    )
    # Of each round: begun, its phases, its failure, and that it waits; nothing in between.
    assert len(walk.writes) <= 20 * len(walk.told[begun])


def test_a_dead_pod_whose_deletion_is_refused_is_no_flood_of_events() -> None:
    walk = Walk(snapshot(gateways=(*gateways(), failed("e")), target=target(replicas=4)))
    failures = walk.told["RemediationFailed"]
    assert len(failures) == len(walk.told["EvictionBlocked"])
    gaps = [(b - a).total_seconds() for a, b in pairwise(failures)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 60 * MINUTE


def test_a_replacement_that_never_comes_fails_once_and_is_nobodys_repair() -> None:
    before = status(drains=(repair("d", Phase.REPLACING),))
    walk = Walk(snapshot(gateways=gateways("abc", 500), target=target(), history=before))
    assert len(walk.told["RemediationFailed"]) == 1
    assert [w for w in walk.writes if w > at(400)] == []
