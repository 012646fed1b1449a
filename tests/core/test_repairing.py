"""The ladder's first step: another gateway comes first where the rest could not do without."""

from typing import Any

import pytest
from tests.core.fleet import SILENT, at, entered, gateway, gateways, isolated, pending, repair
from tests.core.ladder import ended, ill, moved, step, told

from imchat_operator.core.decision import Reason, Release, SetAccepting
from imchat_operator.core.draining import Step
from imchat_operator.core.snapshot import Gateway, Node
from imchat_operator.models import Drain, Phase, Purpose

HELD = isolated("a", 300, revision="v1")
OUT = isolated("a", 300, released="v1")
SURGING = ill(Phase.SURGING, ailment="NotReady")
RELEASE = Release(pod="a", uid="uid-a", revision="v1")
ISOLATE = SetAccepting(pod="a", uid="uid-a", accepting=False)
FRESH = gateway("e", 0, created_at=at(5))


def surged(record: Drain, by: str = "e") -> Step:
    record = entered(record, Phase.ISOLATING, at(0), by=by, by_uid=f"uid-{by}")
    message = f"{by} takes connections in place of a, which can leave now"
    return Step(drain=record, notices=told(Reason.GATEWAY_SURGED, message))


@pytest.mark.parametrize(
    ("fleet", "second", "expected"),
    [
        pytest.param(
            (gateway("a", 300, revision="v1"), *gateways("bcd")),
            1,
            Step(drain=SURGING, actions=(ISOLATE, RELEASE)),
            id="what is not so yet is asked for again",
        ),
        pytest.param(
            (HELD, *gateways("bcd")),
            1,
            Step(drain=SURGING, actions=(RELEASE,)),
            id="it is isolated",
        ),
        pytest.param((OUT, *gateways("bcd")), 1, Step(drain=SURGING), id="it is released as well"),
        pytest.param(
            (OUT, *gateways("bcd"), pending("e", created_at=at(5))),
            6,
            Step(drain=SURGING),
            id="another is starting",
        ),
        pytest.param((OUT, *gateways("bcd"), FRESH), 9, surged(SURGING), id="another is ready"),
        pytest.param(
            (OUT, *gateways("bcd"), gateway("e", created_at=at(-1))),
            9,
            surged(SURGING),
            id="times of creation are cut to the second",
        ),
        pytest.param(
            (OUT, *gateways("bcd"), gateway("e", created_at=at(-1.001))),
            9,
            Step(drain=SURGING),
            id="one that was there before is no replacement",
        ),
        pytest.param(
            (OUT, *gateways("bcd"), gateway("e", created_at=at(5), terminating=True)),
            9,
            Step(drain=SURGING),
            id="nor one that leaves again",
        ),
        pytest.param(
            (OUT, *gateways("bcd"), gateway("e", created_at=at(5), released="v1")),
            9,
            Step(drain=SURGING),
            id="nor one that is out of the count itself",
        ),
        pytest.param(
            (OUT, *gateways("bcd"), gateway("f", created_at=at(6)), FRESH),
            9,
            surged(SURGING),
            id="of two the older",
        ),
        pytest.param(
            (OUT, *gateways("bcd")), 299.999, Step(drain=SURGING), id="a moment before its time"
        ),
        pytest.param(
            (OUT, *gateways("bcd")),
            300,
            Step(
                drain=entered(
                    SURGING,
                    Phase.ISOLATING,
                    at(0),
                    tried=("a replacement first (not ready within 5m)",),
                )
            ),
            id="after its time one that is ill leaves all the same",
        ),
        pytest.param(
            (isolated("a", SILENT, released="v1"), *gateways("bcd")),
            9,
            Step(drain=entered(SURGING, Phase.SURGING, at(0), silent_since=at(9))),
            id="when it falls silent that is noted",
        ),
        pytest.param(
            (isolated("a", SILENT, released="v1", node=Node(name="n", ready=False)),),
            9,
            Step(
                drain=entered(SURGING, Phase.REMOVING, at(9), silent_since=at(9), cut=300),
                notices=told(
                    Reason.CONNECTIONS_CUT,
                    "a can't be drained (no answer within 2s): 300 connections are lost with it",
                    warning=True,
                ),
            ),
            id="when it is lost nobody waits",
        ),
    ],
)
def test_surging(fleet: tuple[Gateway, ...], second: float, expected: Step) -> None:
    assert step(SURGING, fleet, second) == expected


@pytest.mark.parametrize(
    ("ahead", "born", "is_later"),
    [
        pytest.param(3600, 1, True, id="a clock ahead, one that came later"),
        pytest.param(3600, 0, False, id="a clock ahead, one of the youngest's second"),
        pytest.param(-3600, 1, True, id="a clock behind, one that came later"),
        pytest.param(-3600, -1, False, id="a clock behind, one that was there"),
        pytest.param(1, 0, True, id="began in the youngest's second, one of that second"),
        pytest.param(99, 0, False, id="began later than the youngest, one of its second"),
    ],
)
def test_who_came_later_is_told_by_the_api_servers_clock(
    ahead: float, born: float, *, is_later: bool
) -> None:
    record = SURGING.model_copy(update={"started_at": at(ahead), "youngest_at": at(0)})
    other = gateway("e", created_at=at(born))
    found = step(record, (OUT, *gateways("bcd"), other), 9).drain
    assert found is not None
    assert found.by == ("e" if is_later else "")


def test_one_that_answers_again_while_it_waits_is_not_given_up_for_its_silence_before() -> None:
    silent = ill(Phase.SURGING, silent_since=at(-30))
    heard = silent.model_copy(update={"silent_since": None})
    assert step(silent, (OUT, *gateways("bcd")), 1) == Step(drain=heard)


STAYS = (
    "a (NodeLeaving: node n goes away): tried a replacement first (not ready within 5m). "
    "It stays and serves on"
)


@pytest.mark.parametrize(
    ("found", "stays"),
    [
        pytest.param(Node(name="n", cordoned=True), True, id="a cordoned node"),
        pytest.param(Node(name="n", cordoned=True, leaving="a taint"), False, id="a leaving node"),
    ],
)
def test_one_that_is_well_stays_where_no_other_comes_unless_its_node_goes(
    found: Node,
    stays: bool,  # noqa: FBT001 -- a table's
) -> None:
    record = moved(Phase.SURGING, connections=300)
    fleet = (isolated("a", 300, released="v1", node=found), *gateways("bcd"))
    left = entered(
        record, Phase.ISOLATING, at(0), tried=("a replacement first (not ready within 5m)",)
    )
    given_up = Step(
        drain=None,
        notices=told(Reason.REMEDIATION_FAILED, STAYS, warning=True),
        remediation=ended(record, 300, "Failed"),
    )
    assert step(record, fleet, 300) == (given_up if stays else Step(drain=left))


OTHER = repair("b", Phase.REPLACING, at(3), started_at=at(-9))
YOUNGER = repair("b", Phase.SURGING, at(3), started_at=at(3))


@pytest.mark.parametrize(
    ("others", "fleet", "expected"),
    [
        pytest.param((OTHER,), (FRESH,), Step(drain=SURGING), id="the older repair has the first"),
        pytest.param(
            (OTHER,),
            (FRESH, gateway("f", created_at=at(6))),
            surged(SURGING, "f"),
            id="and the younger one the second",
        ),
        pytest.param((YOUNGER,), (FRESH,), surged(SURGING), id="another one is younger"),
        pytest.param(
            (OTHER.model_copy(update={"by_uid": "uid-z"}),),
            (FRESH,),
            surged(SURGING),
            id="another one has its own already",
        ),
        pytest.param(
            (OTHER.model_copy(update={"by_uid": "uid-e"}),),
            (FRESH,),
            Step(drain=SURGING),
            id="another one has this one already",
        ),
        pytest.param(
            (repair("b", Phase.DRAINING, at(-9)),),
            (FRESH,),
            surged(SURGING),
            id="another one is not as far",
        ),
        pytest.param(
            (repair("e", Phase.DRAINING, at(6)),),
            (FRESH,),
            Step(drain=SURGING),
            id="the fresh one is under repair itself",
        ),
    ],
)
def test_each_repair_has_a_fresh_gateway_of_its_own(
    others: tuple[Drain, ...], fleet: tuple[Gateway, ...], expected: Step
) -> None:
    assert step(SURGING, (OUT, *gateways("cd"), *fleet), 9, others=others) == expected


def test_who_replaced_another_before_replaces_nobody_again() -> None:
    before = ended(repair("z", Phase.REPLACING), 7, "Replaced", by="e", byUid="uid-e")
    fleet = (OUT, *gateways("bcd"), FRESH)
    assert step(SURGING, fleet, 9, remediations=(before,)) == Step(drain=SURGING)


def test_the_time_for_a_replacement_is_asked_for() -> None:
    fields: dict[str, Any] = {"healing": {"replaceWithin": "1m"}}
    found = step(SURGING, (OUT, *gateways("bcd")), 60, **fields)
    assert found.drain is not None
    assert found.drain.tried == ("a replacement first (not ready within 1m)",)


def test_into_quarantine_it_waits_for_another_even_if_it_is_silent() -> None:
    record = ill(Phase.SURGING, purpose=Purpose.QUARANTINE, ailment="QuarantineRequested")
    fleet = (isolated("a", SILENT, released="v1", quarantine="INC-7"), *gateways("bcd"))
    assert step(record, fleet, 90) == Step(drain=record.model_copy(update={"silent_since": at(90)}))
