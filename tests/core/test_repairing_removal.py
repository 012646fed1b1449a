"""The ladder's end: evicted, refused for too long, deleted; or given up."""

from typing import Any

import pytest
from tests.core.fleet import at, entered, evict, isolated, target
from tests.core.ladder import answered, beside, ended, ill, moved, step, told

from imchat_operator.core.decision import Action, Delete, Reason, Release
from imchat_operator.core.draining import Step
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase

EVICT = evict("a")
DELETE = Delete(pod="a", uid="uid-a", resource_version="5")
BUDGET = "HTTP 429: Cannot evict pod as it would violate the pod's disruption budget."
REMOVING = ill(Phase.REMOVING)
BLOCKED = REMOVING.model_copy(update={"blocked": BUDGET})


def blocked_since(second: float) -> Drain:
    """Return the record of an eviction that was refused for the first time at a second."""
    return BLOCKED.model_copy(update={"phase_since": at(second)})


TOLD = told(Reason.EVICTION_BLOCKED, f"a can't be evicted yet: {BUDGET}", warning=True)


@pytest.mark.parametrize(
    ("record", "fields", "expected"),
    [
        pytest.param(REMOVING, {}, Step(drain=REMOVING, actions=(EVICT,)), id="it is asked for"),
        pytest.param(
            REMOVING,
            answered(EVICT),
            Step(drain=REMOVING, actions=(EVICT,)),
            id="one that was granted is repeated until it shows",
        ),
        pytest.param(
            REMOVING,
            answered(EVICT, BUDGET),
            Step(drain=blocked_since(299.999), actions=(EVICT,), notices=TOLD),
            id="one that was refused is told, and asked for again; its time begins",
        ),
        pytest.param(
            REMOVING,
            answered(EVICT, "no answer from the API server", is_unanswered=True),
            Step(drain=REMOVING, actions=(EVICT,)),
            id="an API server that is away has refused nothing",
        ),
        pytest.param(
            BLOCKED,
            answered(EVICT, BUDGET),
            Step(drain=BLOCKED, actions=(EVICT,)),
            id="a second refusal is not told again",
        ),
        pytest.param(
            BLOCKED,
            answered(EVICT, "HTTP 403: forbidden"),
            Step(
                drain=BLOCKED.model_copy(update={"blocked": "HTTP 403: forbidden"}),
                actions=(EVICT,),
            ),
            id="the latest refusal is kept",
        ),
        pytest.param(
            BLOCKED,
            {},
            Step(drain=BLOCKED, actions=(EVICT,)),
            id="nor is it forgotten in a restart",
        ),
        pytest.param(
            BLOCKED,
            answered(EVICT),
            Step(drain=REMOVING, actions=(EVICT,)),
            id="it is forgotten once it is granted",
        ),
        pytest.param(
            REMOVING,
            answered(evict("b"), BUDGET),
            Step(drain=REMOVING, actions=(EVICT,)),
            id="another gateway's refusal does not matter",
        ),
        pytest.param(
            REMOVING,
            answered(EVICT, "the pod has changed", is_stale=True),
            Step(drain=REMOVING, actions=(EVICT,)),
            id="a pod that has changed since is no refusal",
        ),
        pytest.param(
            REMOVING,
            answered(EVICT, "x" * 600),
            Step(
                drain=blocked_since(299.999).model_copy(update={"blocked": "x" * 512}),
                actions=(EVICT,),
                notices=told(
                    Reason.EVICTION_BLOCKED, f"a can't be evicted yet: {'x' * 512}", warning=True
                ),
            ),
            id="a refusal is kept as far as there is room",
        ),
    ],
)
def test_removing(record: Drain, fields: dict[str, Any], expected: Step) -> None:
    assert step(record, beside(), 299.999, **fields) == expected


IN_A_SET = {"kind": "StatefulSet"}
RELEASE = Release(pod="a", uid="uid-a", revision="r1")
FORMER = isolated("a", 0, revision="r1")


@pytest.mark.parametrize(
    ("record", "found", "fields", "expected"),
    [
        pytest.param(
            BLOCKED, FORMER, answered(EVICT, BUDGET), (EVICT, RELEASE), id="another is started"
        ),
        pytest.param(BLOCKED, FORMER, {}, (EVICT,), id="not where nobody refuses it"),
        pytest.param(
            BLOCKED,
            isolated("a", 0, released="r1"),
            answered(EVICT, BUDGET),
            (EVICT,),
            id="not twice",
        ),
        pytest.param(
            BLOCKED,
            FORMER,
            {**answered(EVICT, BUDGET), "target": target(**IN_A_SET)},
            (EVICT,),
            id="not by a StatefulSet",
        ),
        pytest.param(
            moved(Phase.REMOVING, blocked=BUDGET),
            FORMER,
            answered(EVICT, BUDGET),
            (EVICT,),
            id="not for what is well: it could not stay then",
        ),
        pytest.param(
            BLOCKED,
            FORMER,
            answered(EVICT, BUDGET, is_final=True),
            (),
            id="nor where two budgets select it, which would not help",
        ),
    ],
)
def test_a_refusal_has_another_started_in_the_place_of_what_is_ill(
    record: Drain, found: Gateway, fields: dict[str, Any], expected: tuple[Action, ...]
) -> None:
    assert step(record, beside(found), 299.999, **fields).actions == expected


def test_the_eviction_is_of_the_pod_as_it_is_seen_now() -> None:
    found = step(REMOVING, beside(isolated("a", 0, resource_version="6")), 1)
    assert [getattr(a, "resource_version", "") for a in found.actions] == ["6"]


TRIED = f"eviction (refused for 5m: {BUDGET})"
NEVER = f"eviction (refused for good: {BUDGET})"


def deleting(since: float, tried: str) -> Drain:
    return entered(BLOCKED, Phase.DELETING, at(since), blocked="", tried=(tried,))


LEAVING = moved(Phase.REMOVING, blocked=BUDGET)
IN_ITS_PLACE = {"by": "d", "by_uid": "uid-d"}
SPARED = (
    f"a (NodeLeaving: node n goes away): tried eviction (refused for 10m: {BUDGET}). "
    "A gateway that is well is not deleted past a budget"
)


@pytest.mark.parametrize(
    ("record", "second", "fields", "expected"),
    [
        pytest.param(
            BLOCKED,
            300,
            answered(EVICT, BUDGET),
            Step(drain=deleting(300, TRIED)),
            id="what is ill is deleted in time",
        ),
        pytest.param(
            BLOCKED,
            300,
            {},
            Step(drain=BLOCKED, actions=(EVICT,)),
            id="after a restart it is asked for once more",
        ),
        pytest.param(
            BLOCKED,
            300,
            answered(EVICT, "no answer from the API server", is_unanswered=True),
            Step(drain=BLOCKED, actions=(EVICT,)),
            id="while the API server is away nothing is known to be refused",
        ),
        pytest.param(
            REMOVING,
            300,
            {},
            Step(drain=REMOVING, actions=(EVICT,)),
            id="one that was never refused is asked for on and on",
        ),
        pytest.param(
            BLOCKED,
            300,
            answered(EVICT),
            Step(drain=REMOVING, actions=(EVICT,)),
            id="one that was granted at last only has to show",
        ),
        pytest.param(
            REMOVING,
            300,
            answered(EVICT, BUDGET),
            Step(drain=blocked_since(300), actions=(EVICT,), notices=TOLD),
            id="its time begins with the first refusal, not while nobody could ask",
        ),
        pytest.param(
            REMOVING,
            1,
            answered(EVICT, BUDGET, is_final=True),
            Step(drain=deleting(1, NEVER), notices=TOLD),
            id="refused for good",
        ),
        pytest.param(
            BLOCKED,
            60,
            {"healing": {"evictWithin": "1m"}, **answered(EVICT, BUDGET)},
            Step(drain=deleting(60, f"eviction (refused for 1m: {BUDGET})")),
            id="the time is asked for",
        ),
        pytest.param(
            LEAVING,
            599.999,
            answered(EVICT, BUDGET),
            Step(drain=LEAVING, actions=(EVICT,)),
            id="what is well has as long as a drain may take",
        ),
        pytest.param(
            LEAVING,
            600,
            answered(EVICT, BUDGET),
            Step(
                drain=None,
                notices=told(Reason.REMEDIATION_FAILED, SPARED, warning=True),
                remediation=ended(LEAVING, 600, "Failed"),
            ),
            id="what is well is not deleted past a budget",
        ),
        pytest.param(
            LEAVING.model_copy(update=IN_ITS_PLACE),
            600,
            answered(EVICT, BUDGET, is_final=True),
            Step(drain=LEAVING.model_copy(update=IN_ITS_PLACE), actions=(EVICT,)),
            id="what is well stays out where another has its place: both would be one too many",
        ),
        pytest.param(
            ill(Phase.REMOVING, ailment="QuarantineRequested", blocked=BUDGET),
            300,
            answered(EVICT, BUDGET),
            Step(drain=ill(Phase.DELETING, 300, ailment="QuarantineRequested", tried=(TRIED,))),
            id="what comes out of quarantine is deleted",
        ),
    ],
)
def test_an_eviction_that_is_refused_for_too_long(
    record: Drain, second: float, fields: dict[str, Any], expected: Step
) -> None:
    assert step(record, beside(), second, **fields) == expected


DELETING = ill(Phase.DELETING, 300, tried=(TRIED,))
FORBIDDEN = DELETING.model_copy(update={"blocked": "forbidden"})
BY_HAND = (
    f"a (Unresponsive: it hangs): tried {TRIED}; deletion (refused: forbidden). "
    "Delete the pod by hand"
)


@pytest.mark.parametrize(
    ("record", "second", "fields", "expected"),
    [
        pytest.param(DELETING, 301, {}, Step(drain=DELETING, actions=(DELETE,)), id="asked for"),
        pytest.param(
            DELETING,
            301,
            answered(EVICT, BUDGET),
            Step(
                drain=DELETING.model_copy(update={"blocked": BUDGET, "phase_since": at(301)}),
                actions=(DELETE,),
                notices=told(
                    Reason.EVICTION_BLOCKED, f"a can't be deleted yet: {BUDGET}", warning=True
                ),
            ),
            id="what was said of the eviction",
        ),
        pytest.param(
            FORBIDDEN,
            599.999,
            answered(DELETE, "forbidden"),
            Step(drain=FORBIDDEN, actions=(DELETE,)),
            id="refused for a moment less than its time",
        ),
        pytest.param(
            FORBIDDEN,
            600,
            answered(DELETE, "forbidden"),
            Step(
                drain=None,
                notices=told(Reason.REMEDIATION_FAILED, BY_HAND, warning=True),
                remediation=ended(FORBIDDEN, 600, "Failed"),
            ),
            id="refused for its time",
        ),
        pytest.param(
            FORBIDDEN.model_copy(update=IN_ITS_PLACE),
            600,
            answered(DELETE, "forbidden"),
            Step(drain=FORBIDDEN.model_copy(update=IN_ITS_PLACE), actions=(DELETE,)),
            id="refused for its time, and another has its place",
        ),
        pytest.param(
            DELETING,
            9000,
            {},
            Step(drain=DELETING, actions=(DELETE,)),
            id="granted and not seen yet",
        ),
    ],
)
def test_deleting(record: Drain, second: float, fields: dict[str, Any], expected: Step) -> None:
    assert step(record, beside(), second, **fields) == expected


def test_a_deletion_is_never_by_force() -> None:
    found = step(DELETING, beside(), 301)
    assert [getattr(a, "force", None) for a in found.actions] == [False]
