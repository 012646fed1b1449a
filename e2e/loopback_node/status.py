"""A pod's status as a kubelet derives it: pure functions from what runs to what is reported.

`reported_status()` says what the status should be, `status_patch()` what to send so that it is.
Only a kubelet's own conditions are in it; those of others (readiness gates, disruption targets)
are read, and kept, because a strategic merge patch merges conditions by type.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, assert_never

if TYPE_CHECKING:
    from loopback_node.api import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Not running, and why."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A live process."""

    started_at: str
    container_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """A process that ended; 128 + signal where a signal ended it."""

    exit_code: int
    reason: str
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = ""


State = Waiting | Running | Terminated

CREATING = Waiting(reason="ContainerCreating")
_FINISHED = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}
_NO_SANDBOX = ("False", "PodSandboxNotReady", "pod sandbox is not ready")
# What a kubelet says of a container whose end it did not see.
UNSEEN_END = Terminated(
    exit_code=137,
    reason="ContainerStatusUnknown",
    message="The container could not be located when the pod was terminated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the API server knows of a container that ran before this node process did."""

    restarts: int
    last: Terminated


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """A container as it is now; `last` is how its run before this one ended."""

    name: str
    image: str
    state: State
    last: Terminated | None
    restarts: int
    ready: bool
    started: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod as its node sees it; `over`: told to end, and every container has."""

    containers: tuple[ContainerView, ...]
    address: str
    host_address: str
    start_time: str
    restart_policy: str
    over: bool


def has_restart(policy: str, exit_code: int) -> bool:
    """Whether a container that ended with this code starts again."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def is_finished(pod: Json) -> bool:
    """Whether the pod has reached a phase it never leaves."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def pasts(pod: Json, now: str) -> dict[str, Past]:
    """The containers, by name, that have run before; a run whose end nobody saw ended now."""
    found = {}
    for status in pod.get("status", {}).get("containerStatuses", ()):
        match status:
            case {"state": {"running": running}}:
                last = Terminated(
                    exit_code=255,
                    reason="Unknown",
                    message="its node went down",
                    started_at=running.get("startedAt"),
                    finished_at=now,
                    container_id=status.get("containerID", ""),
                )
            case {"state": {"terminated": ended}} | {"lastState": {"terminated": ended}}:
                last = Terminated(
                    exit_code=ended["exitCode"],
                    reason=ended.get("reason", ""),
                    message=ended.get("message", ""),
                    started_at=ended.get("startedAt"),
                    finished_at=ended.get("finishedAt"),
                    container_id=ended.get("containerID", ""),
                )
            case _:
                continue
        found[status["name"]] = Past(restarts=status["restartCount"], last=last)
    return found


def phase(view: PodView) -> str:
    """Pending until each container has run once; then by kubelet's getPhase."""
    states = [container.state for container in view.containers]
    if any(
        isinstance(container.state, Waiting) and container.last is None
        for container in view.containers
    ):
        return "Pending"
    if any(isinstance(state, Running) for state in states):
        return "Running"
    codes = [state.exit_code for state in states if isinstance(state, Terminated)]
    waits = len(codes) < len(states)
    if not view.over and (waits or any(has_restart(view.restart_policy, code) for code in codes)):
        return "Running"
    return "Failed" if any(codes) else "Succeeded"


def reported_status(pod: Json, view: PodView, now: str) -> Json:
    """The part of the pod's status that its node owns."""
    if view.over:
        view = replace(view, containers=tuple(map(_ended, view.containers)))
    return {
        "phase": phase(view),
        "observedGeneration": pod["metadata"].get("generation"),
        "startTime": view.start_time,
        "podIP": view.address,
        "podIPs": [{"ip": view.address}],
        "hostIP": view.host_address,
        "hostIPs": [{"ip": view.host_address}],
        "conditions": _conditions(pod, view, now),
        "containerStatuses": [_container_status(container) for container in view.containers],
    }


def status_patch(pod: Json, reported: Json) -> Json | None:
    """The strategic merge patch that makes `reported` true, or None if it is already."""
    observed = pod.get("status", {})
    if _covers(_by_type(observed), _by_type(reported)):
        return None
    # Lists of addresses would be merged with those of an earlier life.
    addresses = {key: [{"$patch": "replace"}, *reported[key]] for key in ("podIPs", "hostIPs")}
    return {"metadata": {"uid": pod["metadata"]["uid"]}, "status": {**reported, **addresses}}


def _ended(container: ContainerView) -> ContainerView:
    state = container.state
    if not isinstance(state, Terminated):
        state = container.last or UNSEEN_END
    return replace(container, state=state, ready=False, started=False)


def _conditions(pod: Json, view: PodView, now: str) -> list[Json]:
    unready = [container.name for container in view.containers if not container.ready]
    finished = _FINISHED.get(phase(view))
    containers_ready: tuple[str, str | None, str | None] = ("True", None, None)
    if finished:
        containers_ready = ("False", finished, None)
    elif unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        containers_ready = ("False", "ContainersNotReady", message)
    ready = containers_ready
    gates = _closed_gates(pod)
    if gates and not unready:
        ready = ("False", "ReadinessGatesNotReady", ", ".join(gates))
    wanted = {
        "PodScheduled": ("True", None, None),
        "PodReadyToStartContainers": _NO_SANDBOX if finished or view.over else ("True", None, None),
        "Initialized": ("True", "PodCompleted" if finished == "PodCompleted" else None, None),
        "ContainersReady": containers_ready,
        "Ready": ready,
    }
    observed = {c["type"]: c for c in pod.get("status", {}).get("conditions", ())}
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": _since(observed.get(kind), status, now),
        }
        for kind, (status, reason, message) in wanted.items()
    ]


def _closed_gates(pod: Json) -> list[str]:
    conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", ())}
    closed = []
    for gate in pod["spec"].get("readinessGates", ()):
        kind = gate["conditionType"]
        if kind not in conditions:
            closed.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif conditions[kind] != "True":
            closed.append(
                f'the status of pod readiness gate "{kind}" is not "True", but {conditions[kind]}'
            )
    return closed


def _since(observed: Json | None, status: str, now: str) -> str:
    if observed and observed["status"] == status and observed.get("lastTransitionTime"):
        return str(observed["lastTransitionTime"])
    return now


def _container_status(view: ContainerView) -> Json:
    state = view.state
    return {
        "name": view.name,
        "image": view.image,
        "imageID": "",
        "ready": view.ready,
        "started": view.started,
        "restartCount": view.restarts,
        "state": _state(state),
        "lastState": _state(view.last) if view.last else {},
        **({} if isinstance(state, Waiting) else {"containerID": state.container_id}),
    }


def _state(state: State) -> Json:
    match state:
        case Waiting():
            return {"waiting": _filled(reason=state.reason, message=state.message)}
        case Running():
            return {"running": {"startedAt": state.started_at}}
        case Terminated():
            return {
                "terminated": _filled(
                    exitCode=state.exit_code,
                    reason=state.reason,
                    message=state.message,
                    startedAt=state.started_at,
                    finishedAt=state.finished_at,
                    containerID=state.container_id,
                )
            }
        case _:
            assert_never(state)


def _filled(**fields: Any) -> Json:
    return {key: value for key, value in fields.items() if value not in ("", None)}


def _by_type(status: Json) -> Json:
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    return {**status, "conditions": conditions}


def _covers(observed: Any, wanted: Any) -> bool:
    """Whether all that is wanted is observed; absent, null and empty are the same."""
    if isinstance(wanted, dict):
        return all(_covers((observed or {}).get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        observed = observed or []
        return len(observed) == len(wanted) and all(map(_covers, observed, wanted))
    return bool(observed == wanted)
