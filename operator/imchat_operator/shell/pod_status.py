"""What a pod's status says: why it does not run, since when it is not ready, what ended in it.

All of it is the kubelet's, the scheduler's or the node controller's word, as of when they last
wrote; of a node that is lost it stays as it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from imchat_operator.shell.kube import Json

_LONGEST_REASON = 300
_IS_OVER = {"Failed", "Succeeded"}


def condition(status: Json, kind: str) -> Json:
    """Return a pod's condition; empty where it has none of that type."""
    found: Iterable[Json] = status.get("conditions", ())
    return next((c for c in found if c["type"] == kind), {})


def containers(status: Json) -> Sequence[Json]:
    """Return the states of the containers that are to run all the time, sidecars aside."""
    found: Sequence[Json] = status.get("containerStatuses", ())
    return found


def is_in(container: Json, state: str) -> bool:
    """Return whether a container is in a state: `running`, `waiting` or `terminated`."""
    return state in container.get("state", {})


def waiting(status: Json) -> tuple[str, str]:
    """Return why the first container that waits does not run: the kubelet's word, and its message.

    Init containers come first: while one of them fails, the others only wait for it.
    """
    for container in _all(status):
        if is_in(container, "waiting"):
            state = container["state"]["waiting"]
            return state.get("reason", ""), _cut(state.get("message", ""))
    return "", ""


def not_ready_since(status: Json) -> datetime | None:
    """Return when the containers stopped being ready; None while they are, or if it is not told."""
    ready = condition(status, "ContainersReady")
    since = ready.get("lastTransitionTime")
    return None if ready.get("status") == "True" or not since else datetime.fromisoformat(since)


def failure(status: Json) -> str:
    """Return why a pod is over: what its status says, or how a container ended; else empty."""
    phase: str = status.get("phase", "")
    if phase not in _IS_OVER:
        return ""
    said = [status[key] for key in ("reason", "message") if status.get(key)]
    return _cut(": ".join(said) or next(_ends(status), phase))


def unschedulable(status: Json) -> str:
    """Return the scheduler's reason why no node takes a pod; empty where it gives none."""
    scheduled = condition(status, "PodScheduled")
    if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return ""
    return _cut(scheduled.get("message") or "Unschedulable")


def restarted_at(status: Json) -> datetime | None:
    """Return when a container ended last, to be started again; None if none did."""
    ends = (c.get("lastState", {}).get("terminated", {}) for c in containers(status))
    times = [datetime.fromisoformat(end["finishedAt"]) for end in ends if end.get("finishedAt")]
    return max(times, default=None)


def _all(status: Json) -> Iterator[Json]:
    yield from status.get("initContainerStatuses", ())
    yield from containers(status)


def _ends(status: Json) -> Iterator[str]:
    """Yield how containers ended, those first that failed."""
    ended: list[dict[str, Any]] = [
        c["state"]["terminated"] for c in _all(status) if is_in(c, "terminated")
    ]
    for end in sorted(ended, key=lambda e: e.get("exitCode", 0) == 0):
        reason = end.get("reason") or "ended"
        yield f"{reason}, exit code {end['exitCode']}" if "exitCode" in end else reason


def _cut(text: str) -> str:
    return text[:_LONGEST_REASON]
