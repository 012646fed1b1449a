"""A gateway that is out of its ReplicaSet: whether another has its place, and what follows."""

from typing import Any

import pytest
from tests.core.decisions import messages
from tests.core.fleet import at, gateway, gateways, isolated, repair, snapshot, target
from tests.core.ladder import moved, step
from tests.core.repairs import after, decided, repaired, seen

from imchat_operator.core.decision import Adopt, Release
from imchat_operator.core.planner import decide
from imchat_operator.core.replacement import is_replaced
from imchat_operator.core.snapshot import Gateway, TargetMissing
from imchat_operator.models import Phase

OUT = gateway("a", released="v1")
BCD = gateways("bcd")
BC = gateways("bc")


def beside(*others: Gateway, found: Gateway = OUT, replicas: int = 3, **fields: Any) -> bool:
    known = {"target": target(replicas=replicas), **fields}
    return is_replaced(snapshot(gateways=(found, *others), **known), found)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(beside(*BCD), True, id="all are there without it"),
        pytest.param(beside(*BC), False, id="one is missing"),
        pytest.param(beside(*BCD, replicas=4), False, id="one is missing, as more are wanted"),
        pytest.param(beside(*BCD, replicas=2), True, id="more are there than are wanted"),
        pytest.param(beside(*BCD, found=gateway("a")), False, id="it was never taken out"),
        pytest.param(
            beside(*BC, isolated("d", 0)), False, id="the new one serves nobody: it can go again"
        ),
        pytest.param(
            beside(*BC, isolated("d", 7)), True, id="one is being drained, and serves somebody"
        ),
        pytest.param(beside(*BC, gateway("d", terminating=True)), False, id="one is leaving"),
        pytest.param(
            beside(*BC, gateway("d", released="v1")), False, id="another one that was taken out"
        ),
        pytest.param(
            beside(*BCD, target=TargetMissing(why="no such Deployment")),
            False,
            id="nothing is known to be wanted",
        ),
    ],
)
def test_another_has_its_place_where_its_replica_set_would_have_one_too_many_that_serves(
    found: bool,  # noqa: FBT001 -- a table's
    expected: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert found is expected


def adopted(*fleet: Gateway, replicas: int = 3) -> bool:
    return any(isinstance(a, Adopt) for a in decided(*fleet, replicas=replicas).actions)


def test_it_goes_back_only_while_its_place_is_free() -> None:
    assert adopted(OUT, *BC)
    assert not adopted(OUT, *BCD)


def test_without_a_place_to_go_back_to_it_leaves_with_care() -> None:
    first = seen(OUT, *BC, gateway("d", created_at=at(-60)), replicas=3)
    decision = decide(first)
    assert repaired(decision) == ["a"]
    assert not any(isinstance(a, Adopt | Release) for a in decision.actions)
    assert messages(decision, "GatewayLeaving")[0] == (
        "a is taken out of rotation with 300 connections: Superseded: it is out of its "
        "ReplicaSet, where another has its place by now; a replacement is waited for first"
    )
    isolated_now = (isolated("a", released="v1"), *first.gateways[1:])
    then = decide(after(first, decision, at(1), gateways=isolated_now))
    [drain] = then.status.drains
    assert (drain.phase, drain.by) == (Phase.ISOLATING, "d"), "the youngest came last"


def test_it_stays_if_the_other_is_gone_before_it_has_left() -> None:
    record = repair("a", Phase.ISOLATING, ailment="Superseded", cause="Superseded: by another")
    decision = decided(isolated("a", released="v1"), *BC, replicas=3, history={"drains": (record,)})
    assert repaired(decision) == []
    assert len(messages(decision, "RemediationUndone")) == 2


@pytest.mark.parametrize("phase", [Phase.SURGING, Phase.ISOLATING, Phase.DRAINING])
def test_it_leaves_though_its_cause_is_gone(phase: Phase) -> None:
    found = isolated("a", 9, released="v1")
    kept = step(moved(phase, "DrainRequested"), (found, *BCD), 5, target=target(replicas=3))
    assert kept.drain is not None
    undone = step(moved(phase, "DrainRequested"), (found, *BCD), 5, target=target(replicas=4))
    assert undone.drain is None


def test_what_was_taken_out_before_its_drain_began_need_not_wait_for_one_that_is_younger() -> None:
    record = moved(Phase.SURGING, "DrainRequested", youngest_at=at(-60))
    found = isolated("a", 9, released="v1", drain_requested=True)
    fleet = (found, *BC, gateway("d", created_at=at(-60)))
    waited = step(record, fleet, 5, target=target(replicas=4)).drain
    assert waited is not None
    assert waited.phase is Phase.SURGING
    moved_on = step(record, fleet, 5, target=target(replicas=3)).drain
    assert moved_on is not None
    assert (moved_on.phase, moved_on.by_uid) == (Phase.ISOLATING, "uid-d")
