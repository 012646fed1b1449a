"""What Prometheus sees of the clusters and windows that this process serves, as gauges.

Each pass projects what it saw and decided onto samples, which replace those of the pass before. A
cluster that is not served any more has none: a replica that follows shows no stale fleet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from imchat_operator.core.consent import pause as healing_pause
from imchat_operator.core.load import Utilization, utilizations
from imchat_operator.core.permissions import pause
from imchat_operator.core.scaling import rule_text, rules
from imchat_operator.core.snapshot import Cluster, Reported, Snapshot, Window
from imchat_operator.models import (
    Condition,
    Direction,
    Drain,
    ImChatClusterStatus,
    MaintenanceWindowStatus,
    Phase,
    Purpose,
)

_CLUSTER = ("namespace", "imchatcluster")
_WINDOW = ("namespace", "window")


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a gauge, with the labels beyond those that name the object."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


# What each gauge means, and its labels beyond those that name the object.
_OF_CLUSTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cluster_info": (
        "Always 1; what is scaled, and in which modes.",
        ("target_kind", "target", "scaling_mode", "healing_mode"),
    ),
    "last_pass_timestamp_seconds": ("When a pass last succeeded.", ()),
    "condition": (
        "1 for each condition's present status and reason.",
        ("condition", "status", "reason"),
    ),
    "gateways_wanted": ("Gateways that the operator asks for.", ()),
    "gateways_current": ("Gateways that the workload asks for.", ()),
    "gateways_ready": ("Gateways that take connections.", ()),
    "gateways_min": ("The fewest gateways, spec.minReplicas.", ()),
    "gateways_max": ("The most gateways, spec.maxReplicas.", ()),
    "gateways_suspected": ("Gateways that look ill, or are to leave.", ()),
    "connections": ("Connections that the gateways report.", ()),
    "connections_capacity": ("Connections that those gateways take at most.", ()),
    "utilization_ratio": (
        "Load by one signal; 1 is what the gateways in rotation can carry.",
        ("signal",),
    ),
    "streak_progress_ratio": (
        "How much of its time a scaling rule has been met for without a break.",
        ("rule",),
    ),
    "drains": ("Gateways that are being drained.", ("purpose",)),
    "drains_blocked": ("Drained gateways whose removal is refused.", ()),
    "drain_oldest_start_timestamp_seconds": (
        "When the longest drain under way began.",
        ("purpose",),
    ),
    "drain_deadline_seconds": ("How long a drain may take, spec.draining.deadline.", ()),
    "paused": ("1 while a person has paused it, else 0.", ("action",)),
    "remediation_blocked": ("1 while repairs are held, else 0.", ()),
}
_OF_WINDOWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "window_state": ("1 for a maintenance window's present state.", ("state",)),
    "window_opens_timestamp_seconds": ("Start of a window's open, or else next, time.", ()),
    "window_closes_timestamp_seconds": ("End of a window's open, or else next, time.", ()),
}


def cluster_samples(snapshot: Snapshot, status: ImChatClusterStatus) -> tuple[Sample, ...]:
    """Return what is to be seen of a cluster after a pass."""
    return (
        *_conditions(status.conditions),
        *_size(snapshot, status),
        *_load(snapshot),
        *_streaks(snapshot, status),
        *_drains(snapshot, status.drains),
        *_holds(snapshot, status),
        Sample("last_pass_timestamp_seconds", snapshot.now.timestamp()),
    )


def invalid_samples(status: ImChatClusterStatus, now: datetime) -> tuple[Sample, ...]:
    """Return what is to be seen of a cluster whose spec can't be understood."""
    seen = Sample("last_pass_timestamp_seconds", now.timestamp())
    return (*_conditions(status.conditions), seen)


def window_samples(status: MaintenanceWindowStatus) -> tuple[Sample, ...]:
    """Return what is to be seen of a maintenance window."""
    return (
        *([Sample("window_state", 1, (status.state,))] if status.state else ()),
        *_moment("window_opens_timestamp_seconds", status.opens),
        *_moment("window_closes_timestamp_seconds", status.closes),
    )


def _moment(name: str, at: datetime | None) -> Iterator[Sample]:
    if at is not None:
        yield Sample(name, at.timestamp())


def _conditions(conditions: Iterable[Condition]) -> Iterator[Sample]:
    for found in conditions:
        yield Sample("condition", 1, (found.type, found.status, found.reason))


def _size(snapshot: Snapshot, status: ImChatClusterStatus) -> Iterator[Sample]:
    spec = snapshot.spec
    ref, modes = spec.target_ref, (spec.scaling.mode, spec.healing.mode)
    yield Sample("cluster_info", 1, (ref.kind, ref.name, *modes))
    for name, count in (
        ("gateways_wanted", status.desired_replicas),
        ("gateways_current", status.replicas),
        ("gateways_ready", status.ready_replicas),
        ("gateways_min", spec.min_replicas),
        ("gateways_max", spec.max_replicas),
        ("gateways_suspected", len(status.suspects)),
    ):
        if count is not None:
            yield Sample(name, count)


def _load(snapshot: Snapshot) -> Iterator[Sample]:
    told = [g.reading for g in snapshot.gateways if isinstance(g.reading, Reported)]
    yield Sample("connections", sum(r.connections for r in told))
    yield Sample("connections_capacity", sum(r.capacity for r in told))
    for load in utilizations(snapshot):
        if isinstance(load, Utilization):
            yield Sample("utilization_ratio", load.percent / 100, (load.signal,))


def _streaks(snapshot: Snapshot, status: ImChatClusterStatus) -> Iterator[Sample]:
    lasted = {s.rule: s.last - s.since for s in status.streaks}
    for name, time in {rule_text(r): r.for_ for r in rules(snapshot.spec)}.items():
        progress = 0.0
        if name in lasted:
            progress = min(1.0, lasted[name] / time) if time else 1.0
        yield Sample("streak_progress_ratio", progress, (name,))


def _drains(snapshot: Snapshot, drains: tuple[Drain, ...]) -> Iterator[Sample]:
    for purpose in Purpose:
        of_it = [d for d in drains if d.purpose is purpose]
        yield Sample("drains", len(of_it), (purpose,))
        # What is kept in quarantine has come to rest: it may stay for days.
        moving = [d.started_at for d in of_it if d.phase is not Phase.QUARANTINED]
        if moving:
            began = min(moving).timestamp()
            yield Sample("drain_oldest_start_timestamp_seconds", began, (purpose,))
    yield Sample("drains_blocked", sum(bool(d.blocked) for d in drains))
    deadline = snapshot.spec.draining.deadline.total_seconds()
    yield Sample("drain_deadline_seconds", deadline)


def _holds(snapshot: Snapshot, status: ImChatClusterStatus) -> Iterator[Sample]:
    paused = {
        "ScaleUp": pause(snapshot, Direction.UP),
        "ScaleDown": pause(snapshot, Direction.DOWN),
        "Healing": healing_pause(snapshot),
    }
    for action, reason in paused.items():
        yield Sample("paused", bool(reason), (action,))
    blocked = any(c.type == "RemediationBlocked" and c.status == "True" for c in status.conditions)
    yield Sample("remediation_blocked", blocked)


class Gauges(Collector):
    """The latest samples of each object."""

    def __init__(self) -> None:
        self._clusters: dict[tuple[str, str], tuple[str, tuple[Sample, ...]]] = {}
        self._windows: dict[tuple[str, str], tuple[str, tuple[Sample, ...]]] = {}

    def show_cluster(self, cluster: Cluster, samples: tuple[Sample, ...]) -> None:
        """Replace what is shown of a cluster."""
        self._clusters[cluster.namespace, cluster.name] = (cluster.uid, samples)

    def show_window(self, namespace: str, window: Window, samples: tuple[Sample, ...]) -> None:
        """Replace what is shown of a maintenance window."""
        self._windows[namespace, window.name] = (window.uid, samples)

    def forget(self, uid: str) -> None:
        """Show nothing more of an object; another one of the same name stays."""
        for shown in (self._clusters, self._windows):
            for name in [name for name, (of, _) in shown.items() if of == uid]:
                del shown[name]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge, also those that have no sample now."""
        found = {
            name: GaugeMetricFamily(f"imchat_operator_{name}", text, labels=(*owner, *labels))
            for owner, gauges in ((_CLUSTER, _OF_CLUSTERS), (_WINDOW, _OF_WINDOWS))
            for name, (text, labels) in gauges.items()
        }
        # Scrapes come in a thread of their own.
        for shown in (self._clusters, self._windows):
            for owner, (_, samples) in tuple(shown.items()):
                for sample in samples:
                    found[sample.name].add_metric((*owner, *sample.labels), sample.value)
        yield from found.values()


GAUGES = Gauges()
REGISTRY.register(GAUGES)
