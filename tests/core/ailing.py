"""Gateways that something is wrong with, and the views that they are judged in."""

from datetime import datetime, timedelta
from typing import Any

from tests.core.fleet import NOON, SILENT, at, gateway, snapshot, spec

from imchat_operator.core.ailments import Ailment, Diagnosis, scene
from imchat_operator.core.diagnosis import diagnosis
from imchat_operator.core.snapshot import Gateway, Node, NotAsked, Reading, Reported, Silent

NOW = timedelta()
QUIET_FOR = timedelta(seconds=30)
TWO_MINUTES = timedelta(minutes=2)
HANG = Diagnosis(
    ailment=Ailment.UNRESPONSIVE,
    evidence="runs but does not answer (no answer within 2s)",
    patience=QUIET_FOR,
)
UNREADY = Diagnosis(
    ailment=Ailment.NOT_READY,
    evidence="runs but fails its readiness probe",
    patience=TWO_MINUTES,
)


def diagnosed(
    found: Gateway,
    *others: Gateway,
    restarts: tuple[datetime, ...] = (),
    now: datetime = NOON,
    **healing: Any,
) -> Diagnosis | None:
    """Return what is wrong with a gateway beside others."""
    view = snapshot(now=now, gateways=(found, *others), spec=spec(healing=healing))
    return diagnosis(found, scene(view, {found.uid: restarts} if restarts else {}))


def unready(name: str, reading: Reading | int = 300, **fields: Any) -> Gateway:
    """Return a gateway that runs and fails its probe."""
    return gateway(name, reading, **{"containers_ready": False, "ready": False, **fields})


def failed(name: str, why: str = "Evicted: the node was low on memory", **fields: Any) -> Gateway:
    """Return a pod that is over."""
    return unready(name, NotAsked(), **{"running": False, "failure": why, **fields})


def stuck(name: str, reading: Reading = SILENT, **fields: Any) -> Gateway:
    """Return a pod whose grace period ended 90 seconds before noon, and is still there."""
    return unready(name, reading, **{"terminating": True, "deletion_due": at(-90), **fields})


def on_node(
    name: str,
    reading: Reading | int = 300,
    *,
    host: str = "n",
    accepting: bool | None = True,
    **node: Any,
) -> Gateway:
    """Return a gateway in rotation on a node of that kind."""
    return gateway(name, reading, node=Node(name=host, **node), accepting=accepting)


def figures(connections: int, messages: float | None, errors: float | None = 0.0) -> Reported:
    """Return what a gateway tells of its traffic."""
    return Reported(
        connections=connections, capacity=1000, message_rate=messages, error_rate=errors
    )


def silent(last_answer: float | None = None, why: str = "no answer within 2s") -> Silent:
    """Return the silence of a gateway that answered before, at that second."""
    return Silent(
        why=why,
        last_connections=300,
        last_answer=None if last_answer is None else at(last_answer),
    )
