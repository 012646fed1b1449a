"""How a repair ends: its gateway is gone, and another takes connections in its place."""

import pytest
from tests.core.ailing import failed
from tests.core.fleet import at, drain, entered, gateway, gateways, isolated, pending, repair
from tests.core.ladder import ended, ill, step, told

from imchat_operator.core.decision import Reason
from imchat_operator.core.draining import Step
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase

UNDER_WAY = [Phase.SURGING, Phase.ISOLATING, Phase.DRAINING, Phase.REMOVING]
GONE = pytest.mark.parametrize(
    "rest",
    [
        pytest.param((), id="gone"),
        pytest.param((isolated("a", terminating=True),), id="terminating"),
        pytest.param((gateway("a", uid="uid-next"),), id="another of its name is there"),
    ],
)


@pytest.mark.parametrize("phase", UNDER_WAY)
@GONE
def test_a_gateway_that_leaves_is_to_be_replaced(phase: Phase, rest: tuple[Gateway, ...]) -> None:
    record = ill(phase, blocked="it would violate the budget", cut=7)
    assert step(record, (*rest, *gateways("bcd")), 20) == Step(
        drain=entered(record, Phase.REPLACING, at(20), blocked=""),
        notices=told(Reason.GATEWAY_EVICTED, "a leaves, its replacement is awaited"),
    )


@GONE
def test_one_whose_place_is_taken_already(rest: tuple[Gateway, ...]) -> None:
    record = ill(Phase.REMOVING, by="e", by_uid="uid-e")
    assert step(record, (*rest, *gateways("bcd")), 20) == Step(
        drain=entered(record, Phase.REPLACING, at(20)),
        notices=told(Reason.GATEWAY_EVICTED, "a leaves, e has its place"),
    )


@GONE
def test_one_that_had_to_be_deleted_says_what_did_not_help(rest: tuple[Gateway, ...]) -> None:
    record = ill(Phase.DELETING, tried=("eviction (refused for good: no)",))
    assert step(record, (*rest, *gateways("bcd")), 20) == Step(
        drain=entered(record, Phase.REPLACING, at(20)),
        notices=told(
            Reason.GATEWAY_DELETED,
            "a leaves, deleted after eviction (refused for good: no), its replacement is awaited",
        ),
    )


@GONE
def test_a_dead_pod_is_replaced_by_nobody(rest: tuple[Gateway, ...]) -> None:
    record = ill(Phase.DELETING, ailment="Failed", cause="Failed: the pod is over (Evicted)")
    assert step(record, (*rest, *gateways("bcd")), 20) == Step(
        drain=None,
        notices=told(Reason.GATEWAY_DELETED, "a is removed, Failed: the pod is over (Evicted)"),
    )


WAITING = ill(Phase.REPLACING, 20, attempt=2, cut=7)
REPLACED = Step(
    drain=None,
    notices=told(
        Reason.GATEWAY_REPLACED,
        "a is replaced by e: ready 61.5s after the first sign of trouble, "
        "which was acted upon after 31.5s",
    ),
    remediation=ended(WAITING, 30, "Replaced", by="e", byUid="uid-e"),
)
FRESH = gateway("e", 0, created_at=at(21))
STAYS = Step(drain=WAITING)


@pytest.mark.parametrize(
    ("fleet", "second", "expected"),
    [
        pytest.param((*gateways("bcd"), FRESH), 30, REPLACED, id="a new gateway is ready"),
        pytest.param(
            (isolated("a", terminating=True), *gateways("bcd"), FRESH),
            30,
            REPLACED,
            id="the old one may take its time to end",
        ),
        pytest.param(
            (*gateways("bcd"), gateway("e", 0, created_at=at(-1))),
            30,
            REPLACED,
            id="one that came while the old one was drained",
        ),
        pytest.param(
            (*gateways("bcd"), gateway("e", 0, created_at=at(-1.001))),
            30,
            STAYS,
            id="one that was there before is no replacement",
        ),
        pytest.param(
            (*gateways("bcd"), pending("e", created_at=at(21))),
            30,
            STAYS,
            id="a new gateway that is not ready is waited for",
        ),
        pytest.param(
            (*gateways("bcd"), failed("e", created_at=at(21))),
            30,
            STAYS,
            id="a new one that is over",
        ),
        pytest.param(
            (*gateways("bc"), isolated("d"), FRESH), 30, REPLACED, id="whoever else is missing"
        ),
        pytest.param(gateways("bcd"), 319.999, STAYS, id="a moment before its time"),
        pytest.param(
            gateways("bcd"),
            320,
            Step(
                drain=None,
                notices=told(
                    Reason.REMEDIATION_FAILED,
                    "a (Unresponsive: it hangs): tried a replacement (none is ready 5m later). "
                    "See the target's own Events",
                    warning=True,
                ),
                remediation=ended(WAITING, 320, "Failed"),
            ),
            id="after its time it is told and not waited for any longer",
        ),
    ],
)
def test_a_replacement_is_awaited(
    fleet: tuple[Gateway, ...], second: float, expected: Step
) -> None:
    assert step(WAITING, fleet, second) == expected


TAKEN = WAITING.model_copy(update={"by": "e", "by_uid": "uid-e"})


@pytest.mark.parametrize(
    ("fleet", "expected"),
    [
        pytest.param((*gateways("bcd"), FRESH), REPLACED, id="it is there, and ready"),
        pytest.param(gateways("bcd"), STAYS, id="it is gone: another is awaited"),
        pytest.param((*gateways("bcd"), isolated("e")), STAYS, id="it is not ready any more"),
    ],
)
def test_one_that_was_started_first_has_the_place_if_it_is_still_there(
    fleet: tuple[Gateway, ...], expected: Step
) -> None:
    assert step(TAKEN, fleet, 30) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(repair("d", Phase.DRAINING), id="another repair"),
        pytest.param(drain("d", Phase.DRAINING), id="a scale-down"),
    ],
)
def test_a_repair_does_not_wait_for_other_drains(other: Drain) -> None:
    fleet = (*gateways("bc"), isolated("d"), FRESH)
    assert step(WAITING, fleet, 30, others=(other,)) == REPLACED


def test_two_repairs_have_one_fresh_gateway_each() -> None:
    other = repair("b", Phase.REPLACING, at(20), started_at=at(1), suspected_at=at(1))
    one = (*gateways("cd"), FRESH)
    both = (*one, gateway("f", 0, created_at=at(22)))
    assert step(WAITING, one, 30, others=(other,)) == REPLACED
    assert step(other, one, 30, others=(WAITING,)) == Step(drain=other)
    found = step(other, both, 30, others=(WAITING,))
    assert found.remediation is not None
    assert found.remediation.by == "f"
