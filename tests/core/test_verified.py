"""A repair is proven once the replacement has stayed well, and carries its share."""

from typing import Any

import pytest
from tests.core.ailing import on_node
from tests.core.decisions import messages
from tests.core.fleet import SILENT, at, gateway, gateways, isolated, repair
from tests.core.repairs import decided, remediation

from imchat_operator.core.decision import Decision
from imchat_operator.models import MOST_REMEDIATIONS, Phase

BY = {"pod": "a", "by": "e", "by_uid": "uid-e"}


def later(second: float, found: Any, load: int = 300, **fields: Any) -> Decision:
    """Decide so long after gateway `a` was replaced by `e`."""
    history = {"remediations": (remediation(0, **BY),), **fields.pop("history", {})}
    return decided(found, *gateways("bcd", load), now=second, history=history, **fields)


WELL = "e, in place of a, is well and carries 300 connections"


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(later(59.999, gateway("e")), [], id="a moment before it is proven"),
        pytest.param(later(60, gateway("e")), [WELL], id="well for long enough"),
        pytest.param(
            later(60, gateway("e", 0)),
            ["e, in place of a, is well and carries 0 connections, though others do"],
            id="well, and nobody comes to it",
        ),
        pytest.param(
            later(60, gateway("e", 0), load=0),
            ["e, in place of a, is well and carries 0 connections"],
            id="well, and nobody comes to anybody",
        ),
        pytest.param(later(60, gateway("e", SILENT)), [], id="it is suspected itself"),
        pytest.param(later(60, on_node("e", cordoned=True)), [], id="its node leaves"),
        pytest.param(later(60, isolated("e")), [], id="it is not ready"),
        pytest.param(
            later(60, gateway("e"), history={"drains": (repair("e", Phase.ISOLATING),)}),
            [],
            id="it is under repair itself",
        ),
        pytest.param(later(60, gateway("f")), [], id="it is gone"),
        pytest.param(
            later(10, gateway("e"), healing={"recoveredFor": "10s"}), [WELL], id="the time is given"
        ),
    ],
)
def test_a_replacement_that_stays_well_is_told(decision: Decision, expected: list[str]) -> None:
    assert messages(decision, "RemediationVerified") == expected
    (record,) = decision.status.remediations
    assert record == remediation(0, **BY, verified=bool(expected))


def test_that_nobody_comes_to_it_is_a_warning() -> None:
    found = later(60, gateway("e", 0)).status.pending_events
    assert {e.type for e in found if e.reason == "RemediationVerified"} == {"Warning"}
    found = later(60, gateway("e")).status.pending_events
    assert {e.type for e in found if e.reason == "RemediationVerified"} == {"Normal"}


def test_what_is_proven_or_failed_is_not_told_again() -> None:
    records = (remediation(0, **BY, verified=True), remediation(0, outcome="Failed"))
    decision = later(60, gateway("e"), history={"remediations": records})
    assert messages(decision, "RemediationVerified") == []
    assert decision.status.remediations == records


def test_the_latest_repairs_are_remembered() -> None:
    before = tuple(remediation(-n, pod=f"z{n}") for n in range(MOST_REMEDIATIONS, 0, -1))
    record = repair("a", Phase.REPLACING, at(0))
    fresh = gateway("e", created_at=at(5))
    decision = decided(
        *gateways("bcd"), fresh, now=9, history={"remediations": before, "drains": (record,)}
    )
    pods = [r.pod for r in decision.status.remediations]
    assert pods == [*(f"z{n}" for n in range(MOST_REMEDIATIONS - 1, 0, -1)), "a"]
    assert decision.status.remediations[-1].by == "e"
