"""What can be wrong with a gateway, what is done about it, and what a diagnosis is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from imchat_operator.core.replacement import is_replaced
from imchat_operator.core.snapshot import Gateway, Reported, Silent, Snapshot
from imchat_operator.models import Healing


class Ailment(StrEnum):
    """What can be wrong with a gateway, or asked for it."""

    STUCK_TERMINATING = "StuckTerminating"
    FAILED = "Failed"
    QUARANTINE_REQUESTED = "QuarantineRequested"
    DRAIN_REQUESTED = "DrainRequested"
    UNSCHEDULABLE = "Unschedulable"
    START_FAILING = "StartFailing"
    CRASH_LOOPING = "CrashLooping"
    NODE_LOST = "NodeLost"
    NODE_LEAVING = "NodeLeaving"
    NODE_NOT_READY = "NodeNotReady"
    UNRESPONSIVE = "Unresponsive"
    NOT_READY = "NotReady"
    ZOMBIE = "Zombie"
    NODE_PRESSURE = "NodePressure"
    SUPERSEDED = "Superseded"


class Treatment(StrEnum):
    """What is done about an ailment."""

    REPLACE = "Replace"  # it serves badly or not at all: out, and another in its place
    EVACUATE = "Evacuate"  # it serves well, and will not for long: moved with care
    KEEP = "Keep"  # moved with care, and its pod kept for forensics
    REMOVE = "Remove"  # a dead pod: nobody hangs on it, nothing has to take its place
    TELL = "Tell"  # only a person can help


_TREATMENTS: Mapping[Ailment, Treatment] = {
    Ailment.STUCK_TERMINATING: Treatment.REMOVE,
    Ailment.FAILED: Treatment.REMOVE,
    Ailment.QUARANTINE_REQUESTED: Treatment.KEEP,
    Ailment.DRAIN_REQUESTED: Treatment.EVACUATE,
    Ailment.UNSCHEDULABLE: Treatment.TELL,
    Ailment.START_FAILING: Treatment.TELL,
    Ailment.CRASH_LOOPING: Treatment.REPLACE,
    Ailment.NODE_LOST: Treatment.REPLACE,
    Ailment.NODE_LEAVING: Treatment.EVACUATE,
    Ailment.NODE_NOT_READY: Treatment.EVACUATE,
    Ailment.UNRESPONSIVE: Treatment.REPLACE,
    Ailment.NOT_READY: Treatment.REPLACE,
    Ailment.ZOMBIE: Treatment.REPLACE,
    Ailment.NODE_PRESSURE: Treatment.EVACUATE,
    Ailment.SUPERSEDED: Treatment.EVACUATE,
}

# What a dependency that is down, or a revision that is broken, makes of a sound gateway.
OF_THE_PROCESS = frozenset(
    {
        Ailment.START_FAILING,
        Ailment.CRASH_LOOPING,
        Ailment.UNRESPONSIVE,
        Ailment.NOT_READY,
        Ailment.ZOMBIE,
    }
)
REQUESTED = frozenset({Ailment.DRAIN_REQUESTED, Ailment.QUARANTINE_REQUESTED})


def treatment(ailment: str) -> Treatment:
    """Return what is done about an ailment; a record of an older operator's is a replacement."""
    try:
        return _TREATMENTS[Ailment(ailment)]
    except ValueError:
        return Treatment.REPLACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """An ailment.

    Attributes:
        evidence: what was seen, in words.
        patience: how long it may pass by itself.
        evident_at: when it began, where the API server or the gateway tells; a suspicion is
            counted from when it was first seen, whatever that is.
        remedy: what a person has to do, where the operator can't.
    """

    ailment: Ailment
    evidence: str
    patience: timedelta
    evident_at: datetime | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a gateway is judged by, beside itself.

    Attributes:
        restarts: when it was restarted within `restartSpan`, by uid.
        silent_nodes: names of the nodes all of whose running gateways are silent.
        replaced: uids of those that have no place to go back to.
    """

    now: datetime
    policy: Healing
    peers: tuple[Gateway, ...]
    restarts: Mapping[str, tuple[datetime, ...]]
    silent_nodes: frozenset[str]
    replaced: frozenset[str]


def scene(snapshot: Snapshot, restarts: Mapping[str, tuple[datetime, ...]]) -> Scene:
    """Return what the gateways of a snapshot are judged by."""
    running = [g for g in snapshot.gateways if g.running and not g.terminating]
    heard = {g.node_name for g in running if not isinstance(g.reading, Silent)}
    return Scene(
        now=snapshot.now,
        policy=snapshot.spec.healing,
        peers=tuple(g for g in snapshot.fleet if g.ready and isinstance(g.reading, Reported)),
        restarts=restarts,
        silent_nodes=frozenset(g.node_name for g in running) - heard,
        replaced=frozenset(g.uid for g in snapshot.gateways if is_replaced(snapshot, g)),
    )
