from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.fleet import reported

from imchat_operator.core.snapshot import Cluster, Gateway, Node
from imchat_operator.shell.objects import Pod, gateway, pod
from imchat_operator.shell.resources import cluster_of, window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GATE = "imchat.dev/accepting-connections"
COST = "controller.kubernetes.io/pod-deletion-cost"
RUNNING = {"name": "gateway", "restartCount": 0, "state": {"running": {"startedAt": "x"}}}
BACK_OFF = {
    "name": "gateway",
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
}


def conditions(**states: str) -> list[dict[str, str]]:
    names = {"gate": GATE, "ready": "Ready", "containers": "ContainersReady"}
    return [{"type": names[name], "status": state} for name, state in states.items()]


def body(
    metadata: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a pod as the API server gives it: running, with our gate, in rotation."""
    return {
        "metadata": {
            "namespace": "chat",
            "name": "gateway-x",
            "uid": "uid-x",
            "creationTimestamp": "2026-11-23T12:00:00Z",
            **(metadata or {}),
        },
        "spec": {
            "nodeName": "node-1",
            "readinessGates": [{"conditionType": GATE}],
            **(spec or {}),
        },
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.9",
            "conditions": conditions(gate="True", ready="True", containers="True"),
            "containerStatuses": [RUNNING],
            **(status or {}),
        },
    }


def kept(**fields: Any) -> Pod:
    known: dict[str, Any] = {
        "namespace": "chat",
        "name": "gateway-x",
        "uid": "uid-x",
        "node": "node-1",
        "address": "127.0.0.9",
        "ports": (),
        "created_at": NOON,
        "phase": "Running",
        "running": True,
        "containers_ready": True,
        "ready": True,
        "accepting": True,
        "terminating": False,
        "restarts": 0,
        "waiting": "",
        "deletion_cost": 0,
    }
    return Pod(**{**known, **fields})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(body(), kept(), id="in rotation"),
        pytest.param(
            {key: value for key, value in body(spec={"nodeName": ""}).items() if key != "status"},
            kept(
                node="",
                address="",
                phase="Pending",
                running=False,
                containers_ready=False,
                ready=False,
                accepting=False,
            ),
            id="just created, without a status",
        ),
        pytest.param(
            body(status={"conditions": conditions(ready="False", containers="True")}),
            kept(ready=False, accepting=False),
            id="started, its gate not set yet",
        ),
        pytest.param(
            body(status={"conditions": conditions(gate="False", ready="False", containers="True")}),
            kept(ready=False, accepting=False),
            id="taken out of rotation",
        ),
        pytest.param(
            body(spec={"readinessGates": [{"conditionType": "other.dev/gate"}]}),
            kept(accepting=None),
            id="without our gate",
        ),
        pytest.param(
            body(status={"containerStatuses": [BACK_OFF]}),
            kept(
                running=False,
                restarts=3,
                waiting="CrashLoopBackOff",
                waiting_message="back-off 40s",
            ),
            id="in back-off",
        ),
        pytest.param(
            body(status={"containerStatuses": [RUNNING, BACK_OFF]}),
            kept(
                running=False,
                restarts=3,
                waiting="CrashLoopBackOff",
                waiting_message="back-off 40s",
            ),
            id="one of two containers in back-off",
        ),
        pytest.param(
            body(
                status={
                    "containerStatuses": [
                        {"name": "gateway", "restartCount": 1, "state": {"terminated": {}}}
                    ]
                }
            ),
            kept(running=False, restarts=1),
            id="its container has ended",
        ),
        pytest.param(
            body(metadata={"deletionTimestamp": "2026-11-23T12:01:00Z"}),
            kept(terminating=True, deletion_due=NOON + timedelta(minutes=1)),
            id="being deleted: the time given is the end of its grace period",
        ),
        pytest.param(
            body(metadata={"finalizers": ["example.dev/keep"]}),
            kept(finalizers=("example.dev/keep",)),
            id="kept by somebody",
        ),
        pytest.param(
            body(metadata={"annotations": {COST: "-1000"}}),
            kept(deletion_cost=-1000),
            id="ranked for deletion",
        ),
        pytest.param(
            body(metadata={"annotations": {COST: "cheap"}}),
            kept(deletion_cost=0),
            id="a rank that is no number is none, as for Kubernetes",
        ),
    ],
)
def test_of_a_pod_few_fields_are_kept(found: dict[str, Any], expected: Pod) -> None:
    assert pod(found) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(kept(), True, id="it runs and has an address"),
        pytest.param(kept(running=False), True, id="its container may be about to run again"),
        pytest.param(kept(address=""), False, id="it has no address"),
        pytest.param(kept(phase="Pending"), False, id="it has not begun"),
        pytest.param(kept(phase="Failed"), False, id="it has ended"),
    ],
)
def test_a_pod_is_asked_where_a_process_should_be(found: Pod, expected: bool) -> None:  # noqa: FBT001 -- a table's
    assert found.answers is expected


def test_the_core_sees_a_pod_with_its_node_and_its_figures() -> None:
    healing: dict[str, Any] = {
        "resource_version": "5",
        "not_ready_since": NOON,
        "failure": "Evicted: the node was low on memory",
        "unschedulable": "0/3 nodes are available",
        "waiting_message": "back-off 40s",
        "restarted_at": NOON,
        "deletion_due": NOON,
        "finalizers": ("example.dev/keep",),
        "revision": "7f9",
        "released": "7f9",
        "drain_requested": True,
        "quarantine": "odd latency",
    }
    found = kept(phase="Pending", restarts=2, **healing)
    node = Node(name="node-1", ready=False)
    assert gateway(found, node=node, reading=reported(7)) == Gateway(
        name="gateway-x",
        uid="uid-x",
        node=node,
        created_at=NOON,
        pending=True,
        running=True,
        containers_ready=True,
        ready=True,
        accepting=True,
        terminating=False,
        restarts=2,
        waiting="",
        deletion_cost=0,
        reading=reported(7),
        **healing,
    )


def test_a_mere_new_version_is_kept_and_is_no_change() -> None:
    old, new = (pod(body(metadata={"resourceVersion": version})) for version in ("5", "6"))
    assert (old.resource_version, new.resource_version) == ("5", "6")
    assert old == new


@pytest.mark.parametrize(
    ("metadata", "fields"),
    [
        pytest.param({}, {}, id="without labels"),
        pytest.param(
            {"labels": {"tier": "gold", "eu": "1"}},
            {"labels": (("eu", "1"), ("tier", "gold"))},
            id="with labels, in one order whatever theirs",
        ),
        pytest.param(
            {"annotations": {"imchat.dev/pause-scale-down": "cup final", "team": "chat"}},
            {"annotations": (("imchat.dev/pause-scale-down", "cup final"),)},
            id="with the operator's own annotations, and no others",
        ),
    ],
)
def test_a_cluster_is_known_by_its_metadata(
    metadata: dict[str, Any], fields: dict[str, Any]
) -> None:
    known = {"namespace": "chat", "name": "chat", "uid": "uid-chat", "generation": 3}
    made = {"creationTimestamp": "2026-01-01T00:00:00Z"}
    created_at = datetime(2026, 1, 1, tzinfo=UTC)
    assert cluster_of({"metadata": {**known, **made, **metadata}}) == Cluster(
        namespace="chat", name="chat", uid="uid-chat", generation=3, created_at=created_at, **fields
    )


def test_a_window_is_read_with_the_day_of_its_creation() -> None:
    found = window(
        {
            "metadata": {
                "name": "night",
                "uid": "uid-night",
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {
                "schedules": [
                    {"once": {"start": "2026-11-23T12:00:00Z", "end": "2026-11-23T13:00:00Z"}}
                ]
            },
        }
    )
    assert (found.name, found.created_at) == ("night", datetime(2026, 1, 1, tzinfo=UTC))
    (schedule,) = found.spec.schedules
    assert schedule.once is not None
    assert schedule.once.end == datetime(2026, 11, 23, 13, tzinfo=UTC)
