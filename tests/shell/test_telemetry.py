"""What repairs took, as Prometheus counts it."""

from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.core.fleet import at

from imchat_operator.core.decision import CancelDrain, Outcome
from imchat_operator.core.tally import Tally
from imchat_operator.models import ImChatClusterStatus, Purpose, Remediation
from imchat_operator.shell.telemetry import ClusterCounts, api_call


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


OWNER = {"namespace": "chat", "imchatcluster": "main"}


def counted(ailment: str) -> dict[str, float]:
    """Return what is counted of an ailment, and of the cluster."""
    names: dict[str, tuple[str, dict[str, str]]] = {
        "replaced": ("remediations_total", {"outcome": "Replaced", **OWNER}),
        "failed": ("remediations_total", {"outcome": "Failed", **OWNER}),
        "detections": ("detection_seconds_count", {"ailment": ailment}),
        "detection": ("detection_seconds_sum", {"ailment": ailment}),
        "recoveries": ("recovery_seconds_count", {"ailment": ailment}),
        "recovery": ("recovery_seconds_sum", {"ailment": ailment}),
    }
    values = {
        key: REGISTRY.get_sample_value(f"imchat_operator_{name}", labels)
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

    counts = ClusterCounts(*OWNER.values())
    counts.repaired(named(before), named(after))
    assert counted(ailment) == expected
    counts.forget()


def series() -> set[str]:
    """Return the names of the series of the cluster."""
    return {
        sample.name
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.labels.get("imchatcluster") == OWNER["imchatcluster"]
        and not sample.name.endswith("_created")
    }


def test_a_clusters_series_begin_at_0_and_go_with_it() -> None:
    counts = ClusterCounts(*OWNER.values())
    failed = {**OWNER, "outcome": "Failed"}
    assert REGISTRY.get_sample_value("imchat_operator_remediations_total", failed) == 0
    counts.passed("ok")
    counts.drained([Tally(purpose=Purpose.HEALING, moved=2, cut=1)])
    counts.acted(Outcome(action=CancelDrain(pod="gateway-a", uid="uid-a")))
    assert series() == {
        f"imchat_operator_{name}_total"
        for name in (
            "passes",
            "actions",
            "connections_moved",
            "connections_cut",
            "remediations",
        )
    }
    counts.forget()
    assert series() == set()


@pytest.mark.parametrize(
    ("method", "path", "is_watch", "expected"),
    [
        pytest.param(
            "GET", "/api/v1/namespaces/x/pods/a", False, ("get", "pods"), id="one of the core"
        ),
        pytest.param("GET", "/api/v1/nodes", False, ("list", "nodes"), id="all of no namespace"),
        pytest.param("GET", "/api/v1/nodes", True, ("watch", "nodes"), id="a watch"),
        pytest.param("GET", "/api/v1/namespaces/x", False, ("get", "namespaces"), id="a namespace"),
        pytest.param(
            "PUT",
            "/apis/imchat.dev/v1alpha1/namespaces/x/imchatclusters/chat/status",
            False,
            ("update", "imchatclusters/status"),
            id="a subresource",
        ),
        pytest.param(
            "POST",
            "/api/v1/namespaces/x/pods/namespaces/eviction",
            False,
            ("create", "pods/eviction"),
            id="a pod by an odd name",
        ),
        pytest.param("GET", "/apis/apps/v1", False, ("get", "discovery"), id="discovery"),
        pytest.param("GET", "/api/v1", False, ("get", "discovery"), id="the core's discovery"),
    ],
)
def test_a_request_is_counted_by_the_words_of_rbac(
    method: str, path: str, *, is_watch: bool, expected: tuple[str, str]
) -> None:
    def requests() -> float:
        labels = {"verb": expected[0], "resource": expected[1], "code": "418"}
        return REGISTRY.get_sample_value("imchat_operator_api_requests_total", labels) or 0

    before = requests()
    with api_call(method, path, is_watch=is_watch) as call:
        call.code = "418"
    assert requests() == before + 1


def test_a_request_without_an_answer_is_an_error() -> None:
    labels = {"verb": "get", "resource": "unicorns", "code": "error"}
    with pytest.raises(TimeoutError), api_call("GET", "/api/v1/unicorns/a", is_watch=False):
        raise TimeoutError
    assert REGISTRY.get_sample_value("imchat_operator_api_requests_total", labels) == 1
