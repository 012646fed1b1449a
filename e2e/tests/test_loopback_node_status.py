from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loopback_node.status import (
    CREATING,
    ContainerView,
    PodView,
    Running,
    State,
    Terminated,
    Waiting,
    pasts,
    phase,
    reported_status,
    status_patch,
)

if TYPE_CHECKING:
    from loopback_node.api import Json

NOW = "2026-11-23T12:00:00Z"
EARLIER = "2026-11-23T11:00:00Z"
RUNNING = Running(started_at=NOW, container_id="loopback://1-a")
GOOD = Terminated(exit_code=0, reason="Completed")
BAD = Terminated(exit_code=1, reason="Error")
LOOPING = Waiting(reason="CrashLoopBackOff")


def container(
    state: State, *, last: Terminated | None = None, ready: bool = False
) -> ContainerView:
    return ContainerView(
        name="main",
        image="example",
        state=state,
        last=last,
        restarts=0,
        ready=ready,
        started=isinstance(state, Running),
    )


def view(*containers: ContainerView, policy: str = "Always", over: bool = False) -> PodView:
    return PodView(
        containers=containers,
        address="127.9.0.1",
        host_address="127.9.254.1",
        start_time=NOW,
        restart_policy=policy,
        over=over,
    )


@pytest.mark.parametrize(
    ("pod", "result"),
    [
        pytest.param(view(container(CREATING)), "Pending", id="not yet started"),
        pytest.param(
            view(container(RUNNING), container(CREATING)), "Pending", id="one of two started"
        ),
        pytest.param(view(container(RUNNING)), "Running", id="running"),
        pytest.param(view(container(LOOPING, last=BAD)), "Running", id="crash looping"),
        pytest.param(view(container(BAD)), "Running", id="ended, about to be restarted"),
        pytest.param(view(container(BAD), policy="Never"), "Failed", id="failed for good"),
        pytest.param(view(container(GOOD), policy="OnFailure"), "Succeeded", id="done for good"),
        pytest.param(view(container(BAD), policy="OnFailure"), "Running", id="tried once more"),
        pytest.param(
            view(container(GOOD), container(BAD), policy="Never"), "Failed", id="one of two failed"
        ),
        pytest.param(view(container(GOOD), over=True), "Succeeded", id="deleted, ended well"),
        pytest.param(view(container(BAD), over=True), "Failed", id="deleted, ended badly"),
    ],
)
def test_phase(pod: PodView, result: str) -> None:
    assert phase(pod) == result


def gated(*conditions: Json) -> Json:
    return {
        "metadata": {"uid": "u", "generation": 1},
        "spec": {"readinessGates": [{"conditionType": "example/gate"}]},
        "status": {"conditions": list(conditions)},
    }


@pytest.mark.parametrize(
    ("gate", "ready", "status", "reason"),
    [
        pytest.param("True", True, "True", None, id="all is well"),
        pytest.param("False", True, "False", "ReadinessGatesNotReady", id="the gate is closed"),
        pytest.param("Unknown", True, "False", "ReadinessGatesNotReady", id="the gate is unknown"),
        pytest.param("True", False, "False", "ContainersNotReady", id="the container is not ready"),
        pytest.param("False", False, "False", "ContainersNotReady", id="neither is ready"),
    ],
)
def test_ready_needs_containers_and_gates(
    gate: str,
    ready: bool,  # noqa: FBT001 - a column of the table
    status: str,
    reason: str | None,
) -> None:
    pod = gated({"type": "example/gate", "status": gate})
    reported = reported_status(pod, view(container(RUNNING, ready=ready)), NOW)
    condition = next(c for c in reported["conditions"] if c["type"] == "Ready")
    assert (condition["status"], condition["reason"]) == (status, reason)


@pytest.mark.parametrize(
    ("pod", "reasons"),
    [
        pytest.param(
            view(container(GOOD), policy="Never"),
            ("PodCompleted", "PodCompleted", "PodSandboxNotReady"),
            id="succeeded",
        ),
        pytest.param(
            view(container(BAD), policy="Never"),
            ("PodFailed", None, "PodSandboxNotReady"),
            id="failed",
        ),
        pytest.param(view(container(BAD)), ("ContainersNotReady", None, None), id="goes on"),
    ],
)
def test_a_finished_pod_says_so_as_a_real_kubelets_does(
    pod: PodView, reasons: tuple[str | None, ...]
) -> None:
    reported = reported_status({"metadata": {}, "spec": {}}, pod, NOW)
    found = {c["type"]: c["reason"] for c in reported["conditions"]}
    told = found["Ready"], found["Initialized"], found["PodReadyToStartContainers"]
    assert told == reasons
    assert found["ContainersReady"] == found["Ready"]


def test_a_gate_without_its_condition_is_closed_and_named() -> None:
    reported = reported_status(gated(), view(container(RUNNING, ready=True)), NOW)
    condition = next(c for c in reported["conditions"] if c["type"] == "Ready")
    assert condition["status"] == "False"
    assert '"example/gate" does not exist' in condition["message"]


def test_nothing_is_patched_that_the_api_server_has_already() -> None:
    pod = gated({"type": "example/gate", "status": "True"})
    pod["status"] |= reported_status(pod, view(container(RUNNING, ready=True)), EARLIER)
    pod["status"]["conditions"].append({"type": "example/gate", "status": "True"})
    assert (
        status_patch(pod, reported_status(pod, view(container(RUNNING, ready=True)), NOW)) is None
    )


def test_a_condition_keeps_its_transition_time_until_its_status_changes() -> None:
    pod = gated()
    pod["status"] = reported_status(pod, view(container(RUNNING, ready=True)), EARLIER)
    reported = reported_status(pod, view(container(RUNNING)), NOW)
    times = {c["type"]: c["lastTransitionTime"] for c in reported["conditions"]}
    assert (times["Initialized"], times["ContainersReady"]) == (EARLIER, NOW)


def test_a_patch_touches_no_condition_of_others() -> None:
    pod = gated({"type": "example/gate", "status": "True"})
    patch = status_patch(pod, reported_status(pod, view(container(RUNNING)), NOW))
    assert patch is not None
    assert "example/gate" not in {c["type"] for c in patch["status"]["conditions"]}


def test_a_container_that_was_running_when_its_node_went_ended_unseen() -> None:
    status = {"name": "main", "restartCount": 2, "state": {"running": {"startedAt": EARLIER}}}
    past = pasts({"status": {"containerStatuses": [status]}}, NOW)["main"]
    assert (past.restarts, past.last.exit_code, past.last.reason) == (2, 255, "Unknown")


def test_a_container_that_never_ran_has_no_past() -> None:
    status = {"name": "main", "restartCount": 0, "state": {"waiting": {}}, "lastState": {}}
    assert pasts({"status": {"containerStatuses": [status]}}, NOW) == {}
