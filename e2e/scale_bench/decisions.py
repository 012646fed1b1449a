"""What one decision costs: `core.planner.decide` on fleets of several sizes, without any I/O."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Cluster, Gateway, Node, Reported, Snapshot, Target
from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus
from scale_bench.figures import Figure, percentile

SIZES: Final = (5, 10, 20, 50, 250)
_NOON: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_ROUNDS: Final = 2000
_INTERVAL: Final = timedelta(seconds=15)


def decided() -> list[Figure]:
    """Microseconds of CPU of a decision on a steady fleet: median and 99th percentile."""
    found: list[Figure] = []
    for size in SIZES:
        times = sorted(_times(_snapshot(size)))
        for name, percent in (("decision-median", 50), ("decision-p99", 99)):
            value = percentile(times, percent)
            found.append(Figure(name=name, size=size, values=(value,)))
    return found


def _times(snapshot: Snapshot) -> list[float]:
    """Decide again and again, each time on what the last decision left and an interval later."""
    times: list[float] = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        decision = decide(snapshot)
        times.append((time.thread_time() - began) * 1e6)
        posted = frozenset(e.receipt for e in decision.status.pending_events)
        now = snapshot.now + _INTERVAL
        snapshot = replace(
            snapshot, now=now, sampled_at=now, history=decision.status, posted=posted
        )
    return times


def _snapshot(size: int) -> Snapshot:
    spec = {"targetRef": {"name": "gateway"}, "minReplicas": 2, "maxReplicas": size + 5}
    return Snapshot(
        now=_NOON,
        sampled_at=_NOON,
        cluster=Cluster(namespace="chat", name="chat", uid="chat", generation=1, created_at=_NOON),
        spec=ImChatClusterSpec.model_validate(spec),
        history=ImChatClusterStatus(),
        target=Target(kind="Deployment", name="gateway", replicas=size, resource_version="1"),
        gateways=tuple(_gateway(number) for number in range(size)),
    )


def _gateway(number: int) -> Gateway:
    return Gateway(
        name=f"gateway-{number}",
        uid=f"uid-{number}",
        node=Node(name=f"node-{number % 3}"),
        created_at=_NOON - timedelta(days=1),
        pending=False,
        running=True,
        containers_ready=True,
        ready=True,
        accepting=None,
        terminating=False,
        restarts=0,
        waiting="",
        deletion_cost=0,
        reading=Reported(connections=500, capacity=1000),
    )
