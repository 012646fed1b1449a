"""From when on a suspicion counts, and when it is due."""

from datetime import datetime
from typing import Any

import pytest
from tests.core.ailing import HANG, UNREADY, failed, silent, stuck, unready
from tests.core.fleet import SILENT, at, crashed, gateway, gateways, snapshot, spec, status, suspect

from imchat_operator.core.ailments import Treatment, treatment
from imchat_operator.core.healing import Patient, patients, restarts, waiting_text
from imchat_operator.core.snapshot import Gateway, Node
from imchat_operator.models import Suspect


def found(*fleet: Gateway, drained: str = "", **fields: Any) -> tuple[Patient, ...]:
    before = status(suspects=fields.pop("before", ()))
    now = snapshot(gateways=fleet, history=before, **fields)
    return patients(now, frozenset(f"uid-{name}" for name in drained), restarts(now))


def hung(second: float, ill: float | None = None) -> Suspect:
    since = second if ill is None else ill
    return suspect("a", "Unresponsive", at(second), ill_since=at(since))


@pytest.mark.parametrize(
    ("second", "due"),
    [
        pytest.param(0, False, id="not at its first sign"),
        pytest.param(29.999, False, id="not a moment before its patience is over"),
        pytest.param(30, True, id="when its patience is over"),
    ],
)
def test_a_patient_is_due_after_its_patience(second: float, due: bool) -> None:  # noqa: FBT001 -- a table's
    one = gateway("a", SILENT)
    assert found(one, *gateways("bc"), now=at(second), before=(hung(0),)) == (
        Patient(gateway=one, suspect=hung(0), diagnosis=HANG, due=due),
    )


def test_a_suspicion_begins_when_it_is_first_seen_whatever_was_before() -> None:
    one = unready("a", not_ready_since=at(-3600))
    (patient,) = found(one)
    assert patient.suspect == suspect("a", "NotReady", at(0), ill_since=at(0))
    assert (patient.due, patient.failed_at) == (False, at(-3600))


def test_what_needs_no_patience_is_due_at_its_first_sign() -> None:
    (patient,) = found(crashed("a"))
    assert patient.suspect == suspect("a", "CrashLooping", at(0), ill_since=at(0))
    assert (patient.due, patient.failed_at) == (True, at(-5))


ON_LEAVE = gateway("a", node=Node(name="n", cordoned=True))


@pytest.mark.parametrize(
    ("one", "before", "since", "ill_since", "due"),
    [
        pytest.param(
            gateway("a", SILENT),
            suspect("a", "NotReady", at(-100), ill_since=at(-100)),
            at(0),
            at(-100),
            False,
            id="another ailment begins its own time",
        ),
        pytest.param(
            gateway("a", SILENT),
            suspect("a", "NotReady", at(-1), ill_since=at(-119.999)),
            at(0),
            at(-119.999),
            False,
            id="ill in turns for a moment less than the longest patience",
        ),
        pytest.param(
            gateway("a", SILENT),
            suspect("a", "NotReady", at(-1), ill_since=at(-120)),
            at(0),
            at(-120),
            True,
            id="ill in turns for the longest patience",
        ),
        pytest.param(
            unready("a"), hung(-10, -120), at(0), at(-120), True, id="the same the other way about"
        ),
        pytest.param(
            unready("a"),
            suspect("a", "NodeLeaving", at(-600)),
            at(0),
            at(0),
            False,
            id="it was well before, on a node that was cordoned",
        ),
        pytest.param(
            ON_LEAVE,
            hung(-600),
            at(0),
            None,
            False,
            id="it is well now, on a node that is cordoned",
        ),
        pytest.param(
            gateway("a", SILENT, uid="uid-next"),
            suspect("a", "Unresponsive", at(-600), ill_since=at(-600)),
            at(0),
            at(0),
            False,
            id="another pod of the same name",
        ),
        pytest.param(
            unready("a", running=False, waiting="ErrImagePull"),
            hung(-600),
            at(0),
            at(-600),
            False,
            id="what only a person can mend is told in its own time",
        ),
    ],
)
def test_a_suspicion_goes_on_only_for_what_it_was_about(
    one: Gateway,
    before: Suspect,
    since: datetime,
    ill_since: datetime | None,
    due: bool,  # noqa: FBT001 -- a table's
) -> None:
    (patient,) = found(one, before=(before,))
    assert (patient.suspect.since, patient.suspect.ill_since, patient.due) == (
        since,
        ill_since,
        due,
    )


def test_the_longest_patience_is_that_of_the_policy() -> None:
    before = (suspect("a", "NotReady", at(-1), ill_since=at(-299)),)
    patient = spec(healing={"zombieFor": "5m"})
    assert [p.due for p in found(gateway("a", SILENT), before=before, spec=patient)] == [False]
    before = (suspect("a", "NotReady", at(-1), ill_since=at(-300)),)
    assert [p.due for p in found(gateway("a", SILENT), before=before, spec=patient)] == [True]


def test_a_suspicion_ends_with_the_first_sample_that_shows_the_gateway_well() -> None:
    assert found(gateway("a"), before=(hung(-29),)) == ()


def test_those_under_drain_are_nobodys_patients_but_if_they_do_not_go() -> None:
    fleet = (gateway("b", SILENT), gateway("c", SILENT), stuck("d"))
    assert [p.gateway.name for p in found(*fleet, drained="bd")] == ["c", "d"]


def test_the_longest_suspected_come_first_and_then_by_name() -> None:
    fleet = tuple(gateway(name, SILENT) for name in "dabc")
    before = (suspect("c", "Unresponsive", at(-20)), suspect("b", "Unresponsive", at(-10)))
    assert [p.gateway.name for p in found(*fleet, before=before)] == ["c", "b", "a", "d"]


def test_when_it_failed_is_told_by_the_earliest_evidence() -> None:
    (patient,) = found(gateway("a", silent(-34)), before=(hung(-30, -31),))
    assert patient.failed_at == at(-34)
    (patient,) = found(gateway("a", silent(-29)), before=(hung(-30, -31),))
    assert patient.failed_at == at(-31)
    (patient,) = found(gateway("a", drain_requested=True))
    assert patient.failed_at == at(0)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(crashed("a"), (Treatment.REPLACE, True), id="a crash loop"),
        pytest.param(unready("a"), (Treatment.REPLACE, True), id="not ready"),
        pytest.param(ON_LEAVE, (Treatment.EVACUATE, False), id="on a node that leaves"),
        pytest.param(
            gateway("a", quarantine="INC-7"), (Treatment.KEEP, False), id="to be kept for forensics"
        ),
        pytest.param(failed("a"), (Treatment.REMOVE, False), id="over"),
        pytest.param(stuck("a"), (Treatment.TELL, False), id="stuck on a node that lives"),
        pytest.param(
            stuck("a", node=Node(name="n", exists=False)),
            (Treatment.REMOVE, False),
            id="stuck on a node that is gone",
        ),
        pytest.param(
            unready("a", running=False, waiting="ErrImagePull"),
            (Treatment.TELL, True),
            id="without an image it serves nobody, and only a person can help",
        ),
    ],
)
def test_what_is_done_about_an_ailment_and_whether_it_serves_badly(
    one: Gateway, expected: tuple[Treatment, bool]
) -> None:
    (patient,) = found(one)
    assert (patient.treatment, patient.is_ill) == expected


def test_an_ailment_that_only_an_older_operator_knew_is_a_replacement() -> None:
    assert treatment("Melancholic") is Treatment.REPLACE


def test_a_patient_that_is_not_due_says_how_long_it_waits() -> None:
    fleet = (gateway("a", SILENT), *gateways("bc"))
    (patient,) = found(*fleet, before=(hung(-12.7),))
    assert waiting_text(patient, snapshot(gateways=fleet)) == (
        "a Unresponsive: runs but does not answer (no answer within 2s), for 12s of 30s"
    )
    assert patient.cause == "Unresponsive: runs but does not answer (no answer within 2s)"
    assert (patient.diagnosis, UNREADY.patience.total_seconds()) == (HANG, 120)
