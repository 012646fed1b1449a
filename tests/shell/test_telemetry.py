"""What repairs took, as Prometheus counts it."""

from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.core.fleet import at

from imchat_operator.models import ImChatClusterStatus, Remediation
from imchat_operator.shell.telemetry import count_remediations


def repair(uid: str, ended: float, outcome: str = "Replaced", **fields: Any) -> Remediation:
    """Return a repair that was over so many seconds after noon, of a failure at noon."""
    return Remediation.model_validate(
        {
            "pod": "gateway-a",
            "uid": uid,
            "ailment": "Unresponsive",
            "failedAt": at(0),
            "detectedAt": at(10),
            "endedAt": at(ended),
            "outcome": outcome,
            **fields,
        }
    )


def status(*repairs: Remediation) -> ImChatClusterStatus:
    return ImChatClusterStatus(remediations=repairs)


def counted(ailment: str) -> dict[str, float]:
    """Return what is counted of an ailment."""
    names = {
        "replaced": ("remediations_total", {"outcome": "Replaced"}),
        "failed": ("remediations_total", {"outcome": "Failed"}),
        "detections": ("detection_seconds_count", {}),
        "detection": ("detection_seconds_sum", {}),
        "recoveries": ("recovery_seconds_count", {}),
        "recovery": ("recovery_seconds_sum", {}),
    }
    values = {
        key: REGISTRY.get_sample_value(f"imchat_operator_{name}", {"ailment": ailment, **labels})
        for key, (name, labels) in names.items()
    }
    return {key: value for key, value in values.items() if value}


A = repair("uid-a", 60)
B = repair("uid-b", 100)


@pytest.mark.parametrize(
    ("ailment", "before", "after", "expected"),
    [
        pytest.param("None", [], [], {}, id="none"),
        pytest.param(
            "First",
            [],
            [A],
            {"replaced": 1, "detections": 1, "detection": 10, "recoveries": 1, "recovery": 60},
            id="the first",
        ),
        pytest.param(
            "Second",
            [A],
            [A, B],
            {"replaced": 1, "detections": 1, "detection": 10, "recoveries": 1, "recovery": 100},
            id="only what is new",
        ),
        pytest.param(
            "Both",
            [],
            [A, B],
            {"replaced": 2, "detections": 2, "detection": 20, "recoveries": 2, "recovery": 160},
            id="two at a time",
        ),
        pytest.param("Old", [A, B], [B], {}, id="one that is forgotten counts no more"),
        pytest.param(
            "Verified",
            [A],
            [repair("uid-a", 60, verified=True)],
            {},
            id="one that is verified is no other one",
        ),
        pytest.param(
            "Again",
            [A],
            [A, repair("uid-a", 200)],
            {"replaced": 1, "detections": 1, "detection": 10, "recoveries": 1, "recovery": 200},
            id="the same gateway again",
        ),
        pytest.param(
            "Failed",
            [],
            [repair("uid-a", 300, "Failed")],
            {"failed": 1, "detections": 1, "detection": 10},
            id="one that failed was detected, and never recovered",
        ),
        pytest.param(
            "Skewed",
            [],
            [repair("uid-a", -5, detectedAt=at(-10))],
            {"replaced": 1, "detections": 1, "recoveries": 1},
            id="a clock of somebody else's makes no negative time",
        ),
    ],
)
def test_repairs_that_are_over_are_counted_once(
    ailment: str,
    before: list[Remediation],
    after: list[Remediation],
    expected: dict[str, float],
) -> None:
    def named(repairs: list[Remediation]) -> ImChatClusterStatus:
        return status(*(r.model_copy(update={"ailment": ailment}) for r in repairs))

    count_remediations(named(before), named(after))
    assert counted(ailment) == expected
