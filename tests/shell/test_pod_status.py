"""What a pod's status says of its failures, and what its labels and annotations ask for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from imchat_operator.shell import pod_status
from imchat_operator.shell.objects import pod

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUNNING: dict[str, Any] = {"name": "gateway", "state": {"running": {}}}
COMPLETED: dict[str, Any] = {"state": {"terminated": {"reason": "Completed", "exitCode": 0}}}
LONG = "x" * 400


def waiting(reason: str | None, message: str | None = None) -> dict[str, Any]:
    """Return a container that waits, with what the kubelet says of it."""
    said = {"reason": reason, "message": message}
    return {"state": {"waiting": {key: text for key, text in said.items() if text is not None}}}


def ended(**how: Any) -> dict[str, Any]:
    return {"state": {"terminated": how}}


def restarted(*moments: str | None) -> dict[str, Any]:
    """Return a status with containers that ended at these times; None is one that never did."""
    states = [{} if m is None else {"terminated": {"finishedAt": m}} for m in moments]
    return {"containerStatuses": [{**RUNNING, "lastState": state} for state in states]}


@pytest.mark.parametrize(
    ("init", "main", "expected"),
    [
        pytest.param([], [RUNNING], ("", ""), id="none"),
        pytest.param(
            [],
            [RUNNING, waiting("ImagePullBackOff", "Back-off pulling x"), waiting("Other")],
            ("ImagePullBackOff", "Back-off pulling x"),
            id="the first that waits",
        ),
        pytest.param(
            [COMPLETED, waiting("CrashLoopBackOff", "back-off 40s")],
            [waiting("PodInitializing")],
            ("CrashLoopBackOff", "back-off 40s"),
            id="an init container, on which the others wait",
        ),
        pytest.param(
            [RUNNING],
            [waiting("PodInitializing")],
            ("PodInitializing", ""),
            id="for an init container that runs",
        ),
        pytest.param([], [waiting(None)], ("", ""), id="without a reason yet"),
        pytest.param(
            [],
            [waiting("CreateContainerError", LONG)],
            ("CreateContainerError", LONG[:300]),
            id="a long message is cut",
        ),
    ],
)
def test_a_pod_waits_for_its_first_container_that_does(
    init: list[dict[str, Any]], main: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    status = {"initContainerStatuses": init, "containerStatuses": main}
    assert pod_status.waiting(status) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": "The node was low on resource: memory.",
                "containerStatuses": [ended(reason="Error", exitCode=137)],
            },
            "Evicted: The node was low on resource: memory.",
            id="what ended the pod counts more than how its containers ended",
        ),
        pytest.param(
            {"phase": "Failed", "reason": "NodeShutdown"}, "NodeShutdown", id="a reason alone"
        ),
        pytest.param({"phase": "Failed", "message": "no room"}, "no room", id="a message alone"),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [ended(reason="OOMKilled", exitCode=137)]},
            "OOMKilled, exit code 137",
            id="a container's end",
        ),
        pytest.param(
            {
                "phase": "Failed",
                "initContainerStatuses": [COMPLETED],
                "containerStatuses": [COMPLETED, ended(reason="Error", exitCode=2)],
            },
            "Error, exit code 2",
            id="the container that failed, not those that were done",
        ),
        pytest.param(
            {"phase": "Succeeded", "containerStatuses": [COMPLETED]},
            "Completed, exit code 0",
            id="a gateway that is done is over as well",
        ),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [ended(exitCode=1)]},
            "ended, exit code 1",
            id="an end without a reason",
        ),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [ended(reason="ContainerStatusUnknown")]},
            "ContainerStatusUnknown",
            id="an end without a code",
        ),
        pytest.param({"phase": "Failed"}, "Failed", id="nothing but the phase"),
        pytest.param(
            {"phase": "Failed", "reason": "Evicted", "message": LONG},
            f"Evicted: {LONG}"[:300],
            id="a long story is cut",
        ),
        pytest.param(
            {"phase": "Running", "containerStatuses": [ended(reason="Error", exitCode=2)]},
            "",
            id="a container that will be restarted is no failure",
        ),
        pytest.param(
            {"phase": "Unknown", "reason": "NodeLost"}, "", id="a node that is lost is none"
        ),
        pytest.param({}, "", id="no status is none"),
    ],
)
def test_a_pod_that_is_over_says_why(status: dict[str, Any], expected: str) -> None:
    assert pod_status.failure(status) == expected


def scheduled(status: str, **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": "PodScheduled", "status": status, **more}]}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(
            scheduled("False", reason="Unschedulable", message="0/3 nodes are available"),
            "0/3 nodes are available",
            id="no node takes it",
        ),
        pytest.param(
            scheduled("False", reason="Unschedulable"), "Unschedulable", id="and nobody says why"
        ),
        pytest.param(
            scheduled("False", reason="SchedulingGated"), "", id="it is not to be scheduled yet"
        ),
        pytest.param(scheduled("True"), "", id="a node has taken it"),
        pytest.param({}, "", id="the scheduler has not looked yet"),
        pytest.param(
            scheduled("False", reason="Unschedulable", message=LONG), LONG[:300], id="cut"
        ),
    ],
)
def test_the_scheduler_says_why_no_node_takes_a_pod(status: dict[str, Any], expected: str) -> None:
    assert pod_status.unschedulable(status) == expected


def ready(status: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "ContainersReady", "status": status, **more}]}


SINCE = {"lastTransitionTime": "2026-11-23T12:00:00Z"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(ready("False", **SINCE), NOON, id="not ready"),
        pytest.param(ready("Unknown", **SINCE), NOON, id="not known to be"),
        pytest.param(ready("True", **SINCE), None, id="ready"),
        pytest.param(ready("False"), None, id="since nobody knows when"),
        pytest.param(ready("False", lastTransitionTime=None), None, id="since null"),
        pytest.param({}, None, id="without the condition"),
    ],
)
def test_a_pod_says_since_when_its_containers_are_not_ready(
    status: dict[str, Any], expected: datetime | None
) -> None:
    assert pod_status.not_ready_since(status) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(
            restarted("2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z", None), NOON, id="the latest"
        ),
        pytest.param(restarted(None), None, id="never"),
        pytest.param(restarted(""), None, id="at no known time"),
        pytest.param({}, None, id="no status"),
    ],
)
def test_a_pod_says_when_a_container_ended_last(
    status: dict[str, Any], expected: datetime | None
) -> None:
    assert pod_status.restarted_at(status) == expected


def kept(**metadata: Any) -> dict[str, Any]:
    """Return what is kept of a pod's metadata, as far as it is about healing."""
    known = {"namespace": "chat", "name": "a", "uid": "a"}
    made = {"creationTimestamp": "2026-11-23T12:00:00Z"}
    found = pod({"metadata": {**known, **made, **metadata}, "spec": {}})
    return {
        "revision": found.revision,
        "released": found.released,
        "drain": found.drain_requested,
        "quarantine": found.quarantine,
    }


UNASKED: dict[str, Any] = {"revision": "", "released": "", "drain": False, "quarantine": None}
HASH = {"pod-template-hash": "7f9"}


def noted(**annotations: str) -> dict[str, str]:
    return {f"imchat.dev/{name}": text for name, text in annotations.items()}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"labels": HASH}, {"revision": "7f9"}, id="a ReplicaSet's"),
        pytest.param(
            {"labels": {"controller-revision-hash": "gateway-5d"}},
            {"revision": "gateway-5d"},
            id="a StatefulSet's",
        ),
        pytest.param(
            {"annotations": noted(released="7f9")},
            {"revision": "7f9", "released": "7f9"},
            id="released: it remembers its revision",
        ),
        pytest.param(
            {"labels": HASH, "annotations": noted(released="6aa")},
            {"revision": "7f9"},
            id="with its label it is counted, whatever an annotation says",
        ),
        pytest.param({"annotations": noted(drain="true")}, {"drain": True}, id="to be drained"),
        pytest.param({"annotations": noted(drain="false")}, {}, id="not to be drained"),
        pytest.param({"annotations": noted(drain="True")}, {}, id="true is written in one way"),
        pytest.param(
            {"annotations": noted(quarantine="odd latency")},
            {"quarantine": "odd latency"},
            id="to be kept for forensics",
        ),
        pytest.param(
            {"annotations": noted(quarantine="")}, {"quarantine": ""}, id="for no stated reason"
        ),
        pytest.param({"annotations": noted(quarantine=LONG)}, {"quarantine": LONG[:200]}, id="cut"),
    ],
)
def test_labels_and_annotations_say_what_a_pod_is_and_what_is_asked_for(
    metadata: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert kept(**metadata) == {**UNASKED, **expected}
