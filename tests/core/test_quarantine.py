"""Quarantine: drained like any other, kept out of the count, removed when nobody needs it."""

import pytest
from tests.core.fleet import SILENT, at, entered, gateway, gateways, isolated, reported
from tests.core.ladder import ill, step, told

from imchat_operator.core.decision import Evict, Reason, SetAccepting
from imchat_operator.core.draining import Step
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase, Purpose

KEPT = ill(
    Phase.DRAINING,
    purpose=Purpose.QUARANTINE,
    ailment="QuarantineRequested",
    cause="QuarantineRequested: INC-7",
)
EMPTY = isolated("a", reported(0, draining=True), released="v1", quarantine="INC-7")
WITHIN = entered(KEPT, Phase.QUARANTINED, at(9))


def test_into_quarantine_a_gateway_is_drained_and_kept() -> None:
    assert step(KEPT, (EMPTY, *gateways("bcd")), 9) == Step(
        drain=WITHIN,
        notices=(
            *told(Reason.GATEWAY_DRAINED, "a closed all its connections in 9.0s, none was cut"),
            *told(
                Reason.GATEWAY_QUARANTINED,
                "a is kept for forensics, out of rotation and out of the count: "
                "QuarantineRequested: INC-7",
            ),
        ),
    )


def test_one_that_is_lost_is_kept_as_well_and_what_it_held_is_told() -> None:
    record = KEPT.model_copy(update={"silent_since": at(-30)})
    silent = isolated("a", SILENT, released="v1", quarantine="INC-7")
    found = step(record, (silent, *gateways("bcd")), 9)
    assert found.drain == entered(record, Phase.QUARANTINED, at(9), cut=300)
    assert [n.reason for n in found.notices] == [
        Reason.CONNECTIONS_CUT,
        Reason.CONNECTIONS_CUT,
        Reason.GATEWAY_QUARANTINED,
        Reason.GATEWAY_QUARANTINED,
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(EMPTY, Step(drain=WITHIN), id="it is kept for as long as that is asked for"),
        pytest.param(
            gateway("a", 0, quarantine="INC-7"),
            Step(drain=WITHIN, actions=(SetAccepting(pod="a", uid="uid-a", accepting=False),)),
            id="a gate that somebody switched on is switched off",
        ),
        pytest.param(
            isolated("a", 0, released="v1"),
            Step(drain=entered(WITHIN, Phase.REMOVING, at(90_000))),
            id="when it is not asked for any more it is removed",
        ),
        pytest.param(
            isolated("a", 0, terminating=True),
            Step(drain=None, notices=told(Reason.GATEWAY_GONE, "a has left quarantine")),
            id="somebody deletes it",
        ),
    ],
)
def test_quarantined(found: Gateway, expected: Step) -> None:
    assert step(WITHIN, (found, *gateways("bcd")), 90_000) == expected


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(WITHIN, id="from quarantine"),
        pytest.param(entered(WITHIN, Phase.REMOVING, at(9)), id="on its way out"),
    ],
)
def test_what_leaves_quarantine_is_replaced_by_nobody(record: Drain) -> None:
    assert step(record, gateways("bcd"), 10) == Step(
        drain=None, notices=told(Reason.GATEWAY_GONE, "a has left quarantine")
    )


def test_what_comes_out_of_quarantine_is_evicted() -> None:
    record = entered(WITHIN, Phase.REMOVING, at(9))
    found = step(record, (isolated("a", 0, released="v1"), *gateways("bcd")), 10)
    assert [type(a) for a in found.actions] == [Evict]
