from datetime import timedelta

import pytest
from tests.core.fleet import (
    NOT_ASKED,
    SILENT,
    at,
    crashed,
    gateway,
    gateways,
    isolated,
    pending,
    repair,
    snapshot,
    spec,
    status,
    suspect,
    target,
)

from imchat_operator.core.healing import (
    Ailment,
    Diagnosis,
    Patient,
    Storm,
    diagnosis,
    patients,
    storm,
    waiting_text,
)
from imchat_operator.core.snapshot import Gateway, Silent, Unreadable
from imchat_operator.models import Drain, Phase

POLICY = spec().healing
NOTHING = timedelta()
CRASH_LOOP = Diagnosis(
    ailment=Ailment.CRASH_LOOPING,
    evidence="restarted 3 times and is in back-off",
    patience=NOTHING,
)
HANG = Diagnosis(
    ailment=Ailment.UNRESPONSIVE,
    evidence="runs but does not answer (no answer within 2s)",
    patience=timedelta(seconds=30),
)
UNREADY = Diagnosis(
    ailment=Ailment.NOT_READY,
    evidence="runs but fails its readiness probe",
    patience=timedelta(minutes=2),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(gateway("a"), None, id="a healthy gateway"),
        pytest.param(crashed("a"), CRASH_LOOP, id="three restarts and in back-off"),
        pytest.param(crashed("a", restarts=2), None, id="two restarts and in back-off"),
        pytest.param(
            crashed("a", waiting="", running=True),
            UNREADY,
            id="one that never answered and is not ready yet gets the time to start",
        ),
        pytest.param(
            gateway("a", SILENT, containers_ready=False, ready=False),
            HANG,
            id="one that answered before and is not ready hangs",
        ),
        pytest.param(
            gateway("a", Silent(why="no answer within 2s")),
            HANG,
            id="one that is ready though it never answered hangs",
        ),
        pytest.param(
            gateway("a", restarts=100), None, id="a hundred restarts in a long life, and well now"
        ),
        pytest.param(
            crashed("a", waiting="ContainerCreating"), None, id="another reason to wait is no crash"
        ),
        pytest.param(
            crashed("a", waiting="ImagePullBackOff"), None, id="an image that is missing is none"
        ),
        pytest.param(
            gateway("a", SILENT, node_ready=False),
            Diagnosis(
                ailment=Ailment.NODE_LOST,
                evidence="node node-1 is not ready and the gateway does not answer "
                "(no answer within 2s)",
                patience=NOTHING,
            ),
            id="a silent gateway on a node that is not ready is lost with it",
        ),
        pytest.param(
            gateway("a", node_ready=False),
            Diagnosis(
                ailment=Ailment.NODE_NOT_READY,
                evidence="node node-1 is not ready, though the gateway answers",
                patience=timedelta(minutes=2),
            ),
            id="a gateway that answers from such a node gets time",
        ),
        pytest.param(gateway("a", SILENT), HANG, id="running and silent"),
        pytest.param(
            gateway("a", SILENT, running=False), None, id="silent because it does not run yet"
        ),
        pytest.param(gateway("a", NOT_ASKED), None, id="running and not asked yet"),
        pytest.param(
            gateway("a", containers_ready=False, ready=False), UNREADY, id="answers, never ready"
        ),
        pytest.param(isolated("a"), None, id="not ready only because it is taken out of rotation"),
        pytest.param(pending("a"), None, id="pending is for the scheduler"),
    ],
)
def test_an_ailment_is_told_from_its_signs(found: Gateway, expected: Diagnosis | None) -> None:
    assert diagnosis(found, POLICY) == expected


@pytest.mark.parametrize(
    ("second", "due"),
    [
        pytest.param(29.999, False, id="not a moment before its patience is over"),
        pytest.param(30, True, id="when its patience is over"),
    ],
)
def test_a_patient_is_due_after_its_patience(second: float, due: bool) -> None:  # noqa: FBT001 -- a table's
    hung = gateway("a", SILENT)
    first = suspect("a", "Unresponsive", at(0))
    now = snapshot(
        now=at(second), gateways=(hung, *gateways("bc")), history=status(suspects=(first,))
    )
    assert patients(now, frozenset()) == (
        Patient(gateway=hung, suspect=first, diagnosis=HANG, due=due),
    )


def test_a_first_sign_is_the_beginning_of_a_suspicion() -> None:
    crash = crashed("a")
    assert patients(snapshot(gateways=(crash,)), frozenset()) == (
        Patient(
            gateway=crash,
            suspect=suspect("a", "CrashLooping", at(0)),
            diagnosis=CRASH_LOOP,
            due=True,
        ),
    )


def test_another_ailment_of_the_same_gateway_begins_its_own_time() -> None:
    hung = gateway("a", SILENT)
    before = status(suspects=(suspect("a", "NotReady", at(-3600)),))
    (patient,) = patients(snapshot(gateways=(hung,), history=before), frozenset())
    assert (patient.suspect.since, patient.due) == (at(0), False)


def test_another_pod_of_the_same_name_begins_its_own_time() -> None:
    hung = gateway("a", SILENT, uid="uid-of-the-next")
    before = status(suspects=(suspect("a", "Unresponsive", at(-3600)),))
    (patient,) = patients(snapshot(gateways=(hung,), history=before), frozenset())
    assert (patient.suspect.since, patient.due) == (at(0), False)


def test_those_who_end_or_are_drained_are_nobodys_patients() -> None:
    fleet = (gateway("a", SILENT, terminating=True), gateway("b", SILENT), gateway("c", SILENT))
    found = patients(snapshot(gateways=fleet), frozenset({"uid-b"}))
    assert [p.gateway.name for p in found] == ["c"]


def test_the_longest_suspected_come_first() -> None:
    fleet = tuple(gateway(name, SILENT) for name in "abc")
    before = status(
        suspects=(
            suspect("c", "Unresponsive", at(-20)),
            suspect("b", "Unresponsive", at(-10)),
        )
    )
    found = patients(snapshot(gateways=fleet, history=before), frozenset())
    assert [p.gateway.name for p in found] == ["c", "b", "a"]


def ill(count: int, replicas: int, drains: tuple[Drain, ...] = ()) -> Storm | None:
    names = [f"g{number}" for number in range(replicas)]
    fleet = tuple(
        gateway(name, SILENT) if number < count else gateway(name)
        for number, name in enumerate(names)
    )
    now = snapshot(gateways=fleet, history=status(drains=drains))
    return storm(now, target(replicas=replicas), patients(now, frozenset()))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(ill(0, 4), None, id="nobody is ill"),
        pytest.param(ill(1, 1), None, id="one ill of one is no storm"),
        pytest.param(ill(1, 2), None, id="one ill of two is no storm"),
        pytest.param(
            ill(2, 4), Storm(healthy=2, expected=4, min_healthy=51), id="half of four is a storm"
        ),
        pytest.param(ill(2, 5), None, id="two of five are not"),
        pytest.param(ill(49, 100), None, id="49 of 100 leave 51%"),
        pytest.param(
            ill(50, 100),
            Storm(healthy=50, expected=100, min_healthy=51),
            id="50 of 100 leave less than 51%",
        ),
        pytest.param(
            ill(1, 2, (repair("x", Phase.DRAINING),)),
            Storm(healthy=0, expected=2, min_healthy=51),
            id="one under repair counts as ill",
        ),
        pytest.param(
            ill(1, 2, (repair("x", Phase.REPLACING),)), None, id="one that is gone already does not"
        ),
        pytest.param(
            ill(4, 4), Storm(healthy=0, expected=4, min_healthy=51), id="the whole fleet is a storm"
        ),
    ],
)
def test_a_storm_is_when_most_of_the_fleet_looks_ill(
    found: Storm | None, expected: Storm | None
) -> None:
    assert found == expected


def test_a_storm_says_its_figures() -> None:
    assert Storm(healthy=2, expected=4, min_healthy=51).message == (
        "2 of 4 gateways are healthy, less than 51%: the cause is likely elsewhere, "
        "no repair is begun"
    )


def test_a_patient_that_is_not_due_says_how_long_it_waits() -> None:
    fleet = (gateway("a", SILENT), *gateways("bc"))
    before = status(suspects=(suspect("a", "Unresponsive", at(-12.7)),))
    now = snapshot(gateways=fleet, history=before)
    (patient,) = patients(now, frozenset())
    assert waiting_text(patient, now) == (
        "a Unresponsive: runs but does not answer (no answer within 2s), for 12s of 30s"
    )
    assert patient.cause == "Unresponsive: runs but does not answer (no answer within 2s)"


def test_why_a_gateway_is_silent_is_part_of_the_evidence() -> None:
    found = diagnosis(gateway("a", Silent(why="no answer within 9s")), POLICY)
    assert found is not None
    assert found.evidence == "runs but does not answer (no answer within 9s)"


def test_a_gateway_that_answers_without_figures_is_not_ill() -> None:
    assert diagnosis(gateway("a", Unreadable(why="answered HTTP 404")), POLICY) is None
