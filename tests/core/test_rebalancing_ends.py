"""How a donor sheds step by step, and what ends or stops a rebalance."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core.decisions import (
    HIGH,
    condition,
    decided,
    messages,
    policy,
    scale,
    scaled,
)
from tests.core.fleet import (
    SILENT,
    at,
    drain,
    entered,
    gateway,
    gateways,
    isolated,
    once,
    reported,
    snapshot,
    window,
)

from imchat_operator.core.decision import (
    CancelDrain,
    Decision,
    SetAccepting,
    StartDrain,
)
from imchat_operator.core.draining import Step
from imchat_operator.core.rebalancing import advance
from imchat_operator.core.snapshot import (
    Gateway,
    Unreadable,
)
from imchat_operator.models import Drain, LastRebalance, Phase, Purpose


def shedding(decision: Decision) -> dict[str, int]:
    """Return what donors keep."""
    drains = decision.status.drains
    return {d.pod: d.keep for d in drains if d.purpose is Purpose.REBALANCE}


def donor(name: str = "a", phase: Phase = Phase.DRAINING, **fields: Any) -> Drain:
    return drain(name, phase, **{"purpose": Purpose.REBALANCE, "keep": 400, **fields})


def step(gateway_: Gateway | None, record: Drain, second: float = 20) -> Step:
    return advance(snapshot(now=at(second)), record, gateway_, 25)


BUSY = isolated("a", reported(800))
CLOSING = StartDrain(
    pod="a",
    uid="uid-a",
    connections_per_second=25,
    deadline=timedelta(minutes=20),
    keep=400,
)
GATE = SetAccepting(pod="a", uid="uid-a", accepting=False)
ISOLATING = donor(phase=Phase.ISOLATING)
OVER = Step(drain=None)
RETURNING = donor(phase=Phase.RETURNING)
SHARED = isolated("a", reported(400, draining=True))
GIVEN_BACK = (
    CancelDrain(pod="a", uid="uid-a"),
    SetAccepting(pod="a", uid="uid-a", accepting=True),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            step(gateway("a", 800), ISOLATING),
            Step(drain=ISOLATING, actions=(GATE,)),
            id="its gate is set until it shows",
        ),
        pytest.param(step(BUSY, ISOLATING, 9.9), Step(drain=ISOLATING), id="balancers are told"),
        pytest.param(
            step(BUSY, ISOLATING, 10),
            Step(drain=entered(ISOLATING, Phase.DRAINING, at(10)), actions=(CLOSING,)),
            id="after deregisterDelay it closes, all but its share",
        ),
        pytest.param(
            step(BUSY, donor()), Step(drain=donor(), actions=(CLOSING,)), id="it is told again"
        ),
        pytest.param(
            step(gateway("a", 800), donor()),
            Step(drain=donor(), actions=(GATE, CLOSING)),
            id="somebody set its gate",
        ),
        pytest.param(
            step(isolated("a", 401), donor()),
            Step(drain=donor(), actions=(CLOSING,)),
            id="one connection is left to shed",
        ),
        pytest.param(
            step(SHARED, donor()),
            Step(drain=entered(donor(), Phase.RETURNING, at(20))),
            id="it has its share",
        ),
        pytest.param(
            step(BUSY, donor(), 599), Step(drain=donor(), actions=(CLOSING,)), id="a second early"
        ),
        pytest.param(
            step(BUSY, donor(), 600),
            Step(drain=entered(donor(), Phase.RETURNING, at(600))),
            id="at the deadline nobody is cut",
        ),
        pytest.param(
            step(SHARED, RETURNING, 2.9), Step(drain=RETURNING), id="those closed settle elsewhere"
        ),
        pytest.param(
            step(SHARED, RETURNING, 3),
            Step(drain=RETURNING, actions=GIVEN_BACK),
            id="then it is given back",
        ),
        pytest.param(
            step(isolated("a", 400), RETURNING),
            Step(drain=RETURNING, actions=GIVEN_BACK[1:]),
            id="its gate is set until it shows",
        ),
        pytest.param(
            step(gateway("a", 400, ready=False), RETURNING),
            Step(drain=RETURNING),
            id="its readiness is awaited",
        ),
        pytest.param(
            step(gateway("a", reported(400, draining=True)), RETURNING),
            Step(drain=RETURNING, actions=GIVEN_BACK[:1]),
            id="its drain is cancelled until it shows",
        ),
        pytest.param(
            step(gateway("a", 400, ready=False), RETURNING, 122),
            Step(drain=RETURNING),
            id="for two minutes",
        ),
        pytest.param(
            step(gateway("a", 400, ready=False), RETURNING, 123), OVER, id="and no longer"
        ),
        pytest.param(step(gateway("a", 400), RETURNING), OVER, id="it takes connections again"),
        pytest.param(step(None, donor()), OVER, id="it is gone"),
        pytest.param(step(replace(BUSY, terminating=True), donor()), OVER, id="it ends"),
        pytest.param(step(replace(BUSY, running=False), donor()), OVER, id="it stopped"),
        pytest.param(step(isolated("a", SILENT), donor()), OVER, id="it hangs"),
        pytest.param(
            step(isolated("a", Unreadable(why="404")), donor()), OVER, id="it tells nothing"
        ),
    ],
)
def test_a_donor_goes_step_by_step(found: Step, expected: Step) -> None:
    assert found == expected


SHEDS = isolated("a", reported(800, draining=True))


def test_a_rebalance_that_is_over_gives_back_its_donors_and_is_told() -> None:
    done = replace(SHEDS, reading=reported(400, draining=True))
    others = (gateway("b", 380), gateway("c", 390), gateway("d", 400))
    found = decided(gateways=(done, *others), history={"drains": (donor(),)})
    assert found.actions == ()
    assert [d.phase for d in found.status.drains] == [Phase.RETURNING]
    assert messages(found, "Rebalanced") == []
    found = decided(gateways=(done, *others), now=3, history={"drains": (RETURNING,)})
    assert found.actions == GIVEN_BACK
    back = (gateway("a", 400), *others)
    found = decided(gateways=back, now=4, history={"drains": (RETURNING,)})
    assert (found.actions, found.status.drains) == ((), ())
    assert messages(found, "Rebalanced") == ["now 4 gateways hold 380 to 400 connections"]


def test_a_silent_gateway_is_not_told_to_be_empty() -> None:
    fleet = (gateway("a", SILENT), gateway("b", Unreadable(why="404")), gateway("c", 380))
    found = decided(gateways=fleet, history={"drains": (RETURNING,)})
    assert messages(found, "Rebalanced") == ["now 2 gateways hold 300 to 380 connections"]
    blind = (isolated("a", Unreadable(why="404")), gateway("b", Unreadable(why="404")))
    found = decided(gateways=blind, history={"drains": (RETURNING,)})
    assert messages(found, "Rebalanced") == ["now no gateway tells how many connections it holds"]


@pytest.mark.parametrize(
    ("held", "goes_on"),
    [
        pytest.param(599, True, id="less than the average"),
        pytest.param(600, False, id="the average"),
        pytest.param(900, False, id="more: they must not be filled up"),
    ],
)
def test_a_rebalance_is_over_when_the_others_have_their_share(
    held: int,
    goes_on: bool,  # noqa: FBT001 -- a table's
) -> None:
    sheds = isolated("a", reported(600, draining=True))
    found = decided(gateways=(sheds, gateway("b", held)), history={"drains": (donor(),)})
    (after,) = found.status.drains
    assert after.phase is (Phase.DRAINING if goes_on else Phase.RETURNING)
    back = {"drains": (donor(phase=Phase.RETURNING),)}
    found = decided(gateways=(sheds, gateway("b", held)), history=back)
    assert (found.actions == ()) is goes_on, "nobody else has to settle elsewhere"


def test_a_rebalance_is_over_with_its_last_donor() -> None:
    records = (RETURNING, donor("b"))
    done = gateway("a", 400)
    busy = isolated("b", reported(800, draining=True))
    fleet = (done, busy, *gateways("cd"))
    found = decided(gateways=fleet, now=3, history={"drains": records})
    assert list(shedding(found)) == ["b"]
    assert messages(found, "Rebalanced") == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param(
            {"spec": policy(rebalance={"mode": "Off"})}, "rebalance.mode is Off", id="the switch"
        ),
        pytest.param(
            {"spec": policy(mode="Recommend")}, "scaling.mode is Recommend", id="the mode"
        ),
        pytest.param(
            {"windows": (window(once(at(-1), at(60))),)},
            "window night holds it until 2026-11-23 12:01:00 UTC",
            id="a window",
        ),
        pytest.param(
            {"gateways": (SHEDS, *gateways("bc"), gateway("d", Unreadable(why="404")))},
            "the load is not known: 3 of 4 gateways report their connections, 80% are needed; "
            "d: 404",
            id="a load that is unknown",
        ),
        pytest.param(
            {"gateways": (SHEDS, *gateways("bcef"), gateway("d", SILENT))},
            "a gateway is ill, or leaves",
            id="an ill gateway",
        ),
        pytest.param(
            {"gateways": (SHEDS, *(gateway(n, ready=False) for n in "bcd"))},
            "no other gateway takes connections",
            id="nobody to take them",
        ),
    ],
)
def test_a_rebalance_is_stopped_and_that_is_told(fields: dict[str, Any], why: str) -> None:
    found = decided(
        **{"gateways": (SHEDS, *gateways("bcd")), **fields}, history={"drains": (donor(),)}
    )
    assert shedding(found) == {}
    assert messages(found, "RebalanceStopped") == [f"connections stay: {why}"]
    assert found.actions[-2:] == GIVEN_BACK
    assert not [a for a in found.actions if isinstance(a, StartDrain)]


@pytest.mark.parametrize(
    ("fleet", "last"),
    [
        pytest.param(
            (*gateways("bc"), gateway("d", Unreadable(why="404"))),
            LastRebalance(at=at(0), least=100, stopped=True),
            id="nobody knew the load: it says nothing of whether it helps",
        ),
        pytest.param(
            (*gateways("bcef"), gateway("d", SILENT)),
            LastRebalance(at=at(-20), least=100),
            id="whoever fell ill may have had too much",
        ),
    ],
)
def test_how_a_rebalance_was_stopped_is_remembered(
    fleet: tuple[Gateway, ...], last: LastRebalance
) -> None:
    history = {
        "drains": (donor(),),
        "last_rebalance": LastRebalance(at=at(-20), least=100),
    }
    found = decided(gateways=(SHEDS, *fleet), history=history)
    assert messages(found, "RebalanceStopped")
    assert found.status.last_rebalance == last


def test_one_that_is_done_is_not_stopped_while_its_donors_come_back() -> None:
    nobody = (gateway(n, ready=False) for n in "bcd")
    found = decided(gateways=(SHEDS, *nobody), history={"drains": (RETURNING,)})
    assert shedding(found) == {}
    assert messages(found, "RebalanceStopped") == []
    assert len(messages(found, "Rebalanced")) == 1
    assert found.actions[-2:] == GIVEN_BACK


def test_one_whose_donors_fell_silent_is_stopped() -> None:
    fleet = (isolated("a", SILENT), *gateways("bcdef"))
    found = decided(gateways=fleet, history={"drains": (donor(),)})
    assert messages(found, "Rebalanced") == []
    assert messages(found, "RebalanceStopped") == [
        "connections stay: those who shed them are gone, or tell nothing"
    ]


def test_a_donor_still_counts_as_capacity_and_as_ready() -> None:
    found = decided(gateways=(SHEDS, *gateways("bcd", 400)), history={"drains": (donor(),)})
    assert condition(found, "Ready") == (
        "True",
        "FleetReady",
        "4 of 4 gateways take connections, 1 of them shedding to the others",
    )
    assert condition(found, "CapacityPressure")[2].startswith("50%, connections")


def test_growth_does_not_wait_for_a_rebalance() -> None:
    found = decided(HIGH, gateways=(SHEDS, *gateways("bcd", 750)), history={"drains": (donor(),)})
    assert scaled(found) == [scale(4, 6)]
    assert list(shedding(found)) == ["a"]
