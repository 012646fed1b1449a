"""How a drain ends: the pod is removed, is gone, and a repair's replacement is awaited."""

from typing import Any

import pytest
from tests.core.fleet import (
    at,
    drain,
    gateway,
    gateways,
    isolated,
    on_both,
    pending,
    repair,
    resize,
    snapshot,
    status,
    target,
)

from imchat_operator.core.decision import Action, Evict, Outcome, Reason
from imchat_operator.core.draining import Step, advance
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase

EVICT = Evict(pod="a", uid="uid-a")


def step(record: Drain, fleet: tuple[Gateway, ...], second: float, **fields: Any) -> Step:
    """Advance the drain of gateway `a`, by default one of a scale-down from 4 to 3."""
    replicas = fields.pop("replicas", 4)
    drains = (record, *fields.pop("others", ()))
    history = status(drains=drains, resize=fields.pop("resize", resize(4, 3)))
    now = snapshot(now=at(second), gateways=fleet, history=history, **fields)
    found = next((g for g in fleet if g.name == record.pod), None)
    return advance(now, target(replicas=replicas), record, found, 50)


REMOVING = drain("a", Phase.REMOVING)
DRAINING = drain("a", Phase.DRAINING)


def outcome(action: Action, refused: str = "") -> dict[str, Any]:
    return {"outcomes": (Outcome(action=action, refused=refused),)}


HEALED = repair("a", Phase.REMOVING)
BLOCKED = HEALED.model_copy(update={"blocked": "it would violate the budget"})


@pytest.mark.parametrize(
    ("record", "fields", "expected"),
    [
        pytest.param(REMOVING, {}, Step(drain=REMOVING), id="a scale-down removes all at once"),
        pytest.param(HEALED, {}, Step(drain=HEALED, actions=(EVICT,)), id="a repair evicts"),
        pytest.param(
            HEALED,
            outcome(EVICT),
            Step(drain=HEALED, actions=(EVICT,)),
            id="an eviction that was granted is repeated until it shows",
        ),
        pytest.param(
            HEALED,
            outcome(EVICT, "it would violate the budget"),
            Step(
                drain=BLOCKED,
                actions=(EVICT,),
                notices=on_both(
                    "a",
                    Reason.EVICTION_BLOCKED,
                    "a can't be evicted yet: it would violate the budget",
                    warning=True,
                ),
            ),
            id="an eviction that was refused is told and tried again",
        ),
        pytest.param(
            BLOCKED,
            outcome(EVICT, "it would violate the budget"),
            Step(drain=BLOCKED, actions=(EVICT,)),
            id="a second refusal is not told again",
        ),
        pytest.param(
            BLOCKED,
            {},
            Step(drain=BLOCKED, actions=(EVICT,)),
            id="nor is it forgotten over a restart",
        ),
        pytest.param(
            HEALED,
            outcome(Evict(pod="b", uid="uid-b"), "it would violate the budget"),
            Step(drain=HEALED, actions=(EVICT,)),
            id="another gateway's refusal does not matter",
        ),
    ],
)
def test_removing(record: Drain, fields: dict[str, Any], expected: Step) -> None:
    fleet = (isolated("a", 0), *gateways("bcd"))
    assert step(record, fleet, 700, **fields) == expected


DELETED = Step(
    drain=None,
    notices=on_both(
        "a",
        Reason.GATEWAY_GONE,
        "a was deleted by somebody else while it was drained",
        warning=True,
    ),
)


@pytest.mark.parametrize("phase", [Phase.ISOLATING, Phase.DRAINING, Phase.REMOVING])
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param((), id="gone"),
        pytest.param((isolated("a", terminating=True),), id="terminating"),
    ],
)
def test_a_victim_that_leaves_before_the_shrink_was_deleted_by_somebody_else(
    phase: Phase, rest: tuple[Gateway, ...]
) -> None:
    assert step(drain("a", phase), (*rest, *gateways("bcd")), 20) == DELETED


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(REMOVING, Step(drain=REMOVING), id="a drained victim leaves as decided"),
        pytest.param(DRAINING, DELETED, id="one that was still being drained does not"),
    ],
)
def test_a_victim_that_leaves_after_the_shrink(record: Drain, expected: Step) -> None:
    assert step(record, gateways("bcd"), 20, replicas=3) == expected


@pytest.mark.parametrize("phase", [Phase.ISOLATING, Phase.DRAINING, Phase.REMOVING])
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param((), id="gone"),
        pytest.param((isolated("a", terminating=True),), id="terminating"),
    ],
)
def test_a_repaired_gateway_that_leaves_is_to_be_replaced(
    phase: Phase, rest: tuple[Gateway, ...]
) -> None:
    record = repair("a", phase, blocked="it would violate the budget")
    assert step(record, (*rest, *gateways("bcd")), 20, resize=None) == Step(
        drain=repair("a", Phase.REPLACING, at(20), started_at=at(0), suspected_at=at(0)),
        notices=on_both("a", Reason.GATEWAY_EVICTED, "a leaves, its replacement is awaited"),
    )


WAITING = repair("a", Phase.REPLACING, at(20), suspected_at=at(-31.5), started_at=at(0))
REPLACED = Step(
    drain=None,
    notices=on_both(
        "a",
        Reason.GATEWAY_REPLACED,
        "a is replaced by e: ready 61.5s after the first sign of trouble, "
        "which was acted upon after 31.5s",
    ),
)
FRESH = gateway("e", 0, created_at=at(21))


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
            id="times of creation are cut to the second",
        ),
        pytest.param(
            (*gateways("bcd"), gateway("e", 0, created_at=at(-1.001))),
            30,
            Step(drain=WAITING),
            id="one that was there before is no replacement",
        ),
        pytest.param(
            (*gateways("bcd"), pending("e", created_at=at(21))),
            30,
            Step(drain=WAITING),
            id="a new gateway that is not ready is waited for",
        ),
        pytest.param(
            (*gateways("bc"), isolated("d"), FRESH),
            30,
            Step(drain=WAITING),
            id="the fleet is not whole: another one is missing",
        ),
        pytest.param(gateways("bcd"), 319.999, Step(drain=WAITING), id="a moment before its time"),
        pytest.param(
            gateways("bcd"),
            320,
            Step(
                drain=None,
                notices=on_both(
                    "a",
                    Reason.REPLACEMENT_LATE,
                    "a is gone and no replacement is ready after 5m: see the target's own Events",
                    warning=True,
                ),
            ),
            id="after its time it is told and not waited for any longer",
        ),
    ],
)
def test_a_replacement_is_awaited(
    fleet: tuple[Gateway, ...], second: float, expected: Step
) -> None:
    assert step(WAITING, fleet, second, resize=None) == expected


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
