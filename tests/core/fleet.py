"""Builders of core values: a test names what it is about, the rest is a healthy fleet.

Gateways are named by letters or numbers; the uid of gateway `a` is `uid-a`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from imchat_operator.core.decision import Evict, Notice, Reason, Subject
from imchat_operator.core.resizing import VICTIM_COST
from imchat_operator.core.snapshot import (
    Cluster,
    Gateway,
    Node,
    NotAsked,
    Reading,
    Reported,
    Silent,
    Snapshot,
    Target,
    Window,
)
from imchat_operator.models import (
    Drain,
    ImChatClusterSpec,
    ImChatClusterStatus,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
    Phase,
    Purpose,
    Resize,
    Streak,
    Suspect,
    TimedSize,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CLUSTER = Cluster(
    namespace="chat",
    name="chat",
    uid="uid-chat",
    generation=1,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
TARGET = Target(kind="Deployment", name="gateway", replicas=4, resource_version="7")
SILENT = Silent(why="no answer within 2s", last_connections=300)
NOT_ASKED = NotAsked()


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def spec(**fields: Any) -> ImChatClusterSpec:
    """Return a spec from its JSON fields; 2 to 10 gateways, sampled every 10 seconds."""
    return ImChatClusterSpec.model_validate(
        {
            "targetRef": {"name": "gateway"},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": {"interval": "10s"},
            **fields,
        }
    )


def reported(connections: int, *, draining: bool = False) -> Reported:
    """Return the figures of a gateway that can hold 1000 connections."""
    return Reported(connections=connections, capacity=1000, draining=draining)


def gateway(name: str, reading: Reading | int = 300, **fields: Any) -> Gateway:
    """Return a gateway in rotation; a number is short for the connections it reports."""
    node_ready = fields.pop("node_ready", True)
    healthy: dict[str, Any] = {
        "uid": f"uid-{name}",
        "node": Node(name="node-1", ready=node_ready),
        "created_at": at(-3600),
        "pending": False,
        "running": True,
        "containers_ready": True,
        "ready": True,
        "accepting": True,
        "terminating": False,
        "restarts": 0,
        "waiting": "",
        "deletion_cost": 0,
        "resource_version": "5",
    }
    reading = reported(reading) if isinstance(reading, int) else reading
    return Gateway(name=name, reading=reading, **{**healthy, **fields})


def isolated(name: str, reading: Reading | int = 300, **fields: Any) -> Gateway:
    """Return a gateway whose readiness gate is off, as its Ready condition then is."""
    return gateway(name, reading, **{"accepting": False, "ready": False, **fields})


def ranked(name: str = "a", reading: Reading | int = 0, **fields: Any) -> Gateway:
    """Return a gateway that is drained and first in the order of deletion."""
    return isolated(name, reading, **{"deletion_cost": VICTIM_COST, **fields})


def crashed(name: str, **fields: Any) -> Gateway:
    """Return a gateway in a crash loop, as its kubelet and a failing scrape tell it."""
    return gateway(
        name,
        Silent(why="ClientConnectorError"),
        **{
            "running": False,
            "containers_ready": False,
            "ready": False,
            "restarts": 3,
            "restarted_at": at(-5),
            "created_at": at(-600),
            "waiting": "CrashLoopBackOff",
            **fields,
        },
    )


def pending(name: str, **fields: Any) -> Gateway:
    """Return a gateway that no node has taken yet."""
    return gateway(
        name,
        NOT_ASKED,
        **{
            "node": None,
            "pending": True,
            "running": False,
            "containers_ready": False,
            "ready": False,
            **fields,
        },
    )


def gateways(names: Iterable[str] = "abcd", connections: int = 300) -> tuple[Gateway, ...]:
    """Return gateways in rotation that hold so many connections each."""
    return tuple(gateway(name, connections) for name in names)


def suspect(name: str, ailment: str, since: datetime, **fields: Any) -> Suspect:
    """Return the record of a gateway that looks ill."""
    return Suspect(pod=name, uid=f"uid-{name}", ailment=ailment, since=since, **fields)


def evict(name: str) -> Evict:
    """Return the eviction of a gateway as it was seen."""
    return Evict(pod=name, uid=f"uid-{name}", resource_version="5")


def streak(rule: str, since: datetime, last: datetime, *sizes: tuple[int, datetime]) -> Streak:
    """Return the record of a streak, with the sizes that were asked for within it."""
    remembered = tuple(TimedSize(size=size, at=when) for size, when in sizes)
    return Streak(rule=rule, since=since, last=last, sizes=remembered)


def drain(name: str, phase: Phase, since: datetime = NOON, **fields: Any) -> Drain:
    """Return the record of a drain that entered its phase at `since`; a scale-down's."""
    record: dict[str, Any] = {
        "id": "d1",
        "purpose": Purpose.SCALE_DOWN,
        "cause": "too many",
        "suspected_at": since,
        "started_at": since,
        "connections": 300,
    }
    return Drain(
        pod=name, uid=f"uid-{name}", phase=phase, phase_since=since, **{**record, **fields}
    )


def victim(name: str = "a", phase: Phase = Phase.REMOVING) -> Drain:
    """Return the record of a scale-down's drain; its gateway is empty by default."""
    return drain(name, phase)


def entered(record: Drain, phase: Phase, since: datetime, **fields: Any) -> Drain:
    """Return the record of a drain that goes on to another phase."""
    return record.model_copy(update={"phase": phase, "phase_since": since, **fields})


def repair(name: str, phase: Phase, since: datetime = NOON, **fields: Any) -> Drain:
    """Return the record of a repair."""
    repaired = {"purpose": Purpose.HEALING, "cause": "Unresponsive: it hangs"}
    return drain(name, phase, since, **{**repaired, **fields})


def resize(from_: int, to: int, since: datetime = NOON) -> Resize:
    """Return the record of a change of size."""
    return Resize(id="d1", from_=from_, to=to, cause="the load moved", at=since)


def window(
    *schedules: dict[str, Any],
    name: str = "night",
    created_at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    selector: dict[str, Any] | None = None,
    generation: int = 1,
    status: MaintenanceWindowStatus | None = None,
    **spec: Any,
) -> Window:
    """Return a window from its schedules and other fields' JSON; created at New Year of 2026."""
    return Window(
        name=name,
        uid=f"uid-{name}",
        created_at=created_at,
        generation=generation,
        status=status or MaintenanceWindowStatus(),
        spec=MaintenanceWindowSpec.model_validate(
            {"schedules": schedules, "clusterSelector": selector or {}, **spec}
        ),
    )


def once(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the schedule of a one-off window."""
    return {"once": {"start": start, "end": end}}


def recurring(rrule: str, start: str, duration: str, zone: str) -> dict[str, Any]:
    """Return the schedule of a recurring window."""
    return {
        "recurring": {
            "rrule": rrule,
            "startTime": start,
            "duration": duration,
            "timeZone": zone,
        }
    }


def by_cron(cron: str, duration: str, zone: str) -> dict[str, Any]:
    """Return the schedule of a window that recurs by cron."""
    return {"recurring": {"cron": cron, "duration": duration, "timeZone": zone}}


def emergency(start: datetime, end: datetime, **fields: Any) -> Window:
    """Return an emergency that alice asks for and nobody has approved."""
    asked = {"type": "Emergency", "reason": "disk full", "ticket": "INC-1", "requestedBy": "alice"}
    return window(once(start, end), **{**asked, **fields})


def utc(text: str) -> datetime:
    """Return a moment given in UTC, without saying so."""
    return datetime.fromisoformat(f"{text}Z")


def status(**fields: Any) -> ImChatClusterStatus:
    """Return what the operator knew before."""
    return ImChatClusterStatus(**fields)


def snapshot(**fields: Any) -> Snapshot:
    """Return what is, at noon: four gateways with 300 of 1000 connections each."""
    now = fields.get("now", NOON)
    found = fields.get("gateways", gateways())
    present: dict[str, Any] = {
        "now": now,
        "sampled_at": now,
        "cluster": CLUSTER,
        "spec": spec(),
        "history": ImChatClusterStatus(),
        "target": target(replicas=len(found)),
        "gateways": found,
    }
    return Snapshot(**{**present, **fields})


def target(**fields: Any) -> Target:
    """Return the Deployment `gateway`."""
    known: dict[str, Any] = {"kind": "Deployment", "name": "gateway", "replicas": 4}
    return Target(resource_version="7", **{**known, **fields})


def on_cluster(reason: Reason, message: str, *, warning: bool = False) -> Notice:
    """Return an Event on the ImChatCluster."""
    subject = Subject(kind="ImChatCluster", name="chat", uid="uid-chat")
    return Notice(
        subject=subject, reason=reason, message=message, type="Warning" if warning else "Normal"
    )


def on_both(
    name: str, reason: Reason, message: str, *, warning: bool = False
) -> tuple[Notice, Notice]:
    """Return the same Event on the ImChatCluster and on a gateway's pod."""
    told = replace(on_cluster(reason, message, warning=warning), about=f"uid-{name}")
    return told, replace(told, subject=Subject(kind="Pod", name=name, uid=f"uid-{name}"))
