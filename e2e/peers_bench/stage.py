"""Where it is played: one control plane, and for each subject a namespace, nodes, clients.

The HPA controller, the node controller and the nodes' Leases have their defaults, scaled.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import controlplane
import custom_metrics
import loopback_node
from clients.play import clients_for
from clients.trace import csv_trace
from controlplane.console import shown
from harness import Namespace, OperatorProcess, Users
from harness.manifests import Manifest
from harness.waiting import wait_for
from peers_bench.gauges import Gauges
from peers_bench.setting import (
    CAPACITY,
    EVICTIONS_A_SECOND,
    LEAST,
    NODES,
    PEAK,
    SPEED,
    Part,
    scaled,
)
from peers_bench.subjects import Subject
from peers_bench.watch import Watch

_LEASE_SECONDS = 10.0
_UP_SECONDS = 120.0
_FIRST_UTILIZATION = 0.6
_FLAGS = {
    "kube-controller-manager": [
        f"--horizontal-pod-autoscaler-sync-period={scaled(15)}",
        f"--horizontal-pod-autoscaler-downscale-stabilization={scaled(300)}",
        f"--node-monitor-grace-period={scaled(50)}",
        f"--node-monitor-period={scaled(5)}",
        # One node in ten seconds of the trace: the subjects' nodes die at the same moment.
        f"--node-eviction-rate={EVICTIONS_A_SECOND}",
    ]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one subject is."""

    subject: Subject
    namespace: Namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """All of them, with their gateways ready and their scalers at work."""

    kubeconfig: Path
    version: str
    places: tuple[Place, ...]


@contextmanager
def stage(folder: Path, part: Part, traces: Path, subjects: Sequence[Subject]) -> Iterator[Stage]:
    """Set everything up but the clients; logs go to the folder.

    Raises:
        TimeoutError: it did not come up.
    """
    with ExitStack() as stack:
        with shown() as on_progress:
            plane = stack.enter_context(controlplane.running(on_progress=on_progress, flags=_FLAGS))
        everywhere = Namespace(kubeconfig=plane.kubeconfig, name="default")
        everywhere.install_crds()
        stack.enter_context(custom_metrics.running(plane.kubeconfig, Gauges(plane.kubeconfig)))
        replicas = first_size(part, traces)
        places = [_settled(stack, plane.kubeconfig, folder, each, replicas) for each in subjects]
        for place in places:
            wait_for(
                lambda place=place: len(place.namespace.ready_pods()) == replicas,  # type: ignore[misc]
                seconds=_UP_SECONDS,
                what=f"{replicas} ready gateways of {place.subject.name}",
            )
        # Not before all are ready: who waits for the others without a client shrinks.
        for place in places:
            place.namespace.apply(place.subject.scaler)
        yield Stage(kubeconfig=plane.kubeconfig, version=plane.version, places=tuple(places))


def first_size(part: Part, traces: Path) -> int:
    """How many gateways every subject begins with: the first load at 60 %."""
    rows = csv_trace(traces / part.file).part(part.start, part.hours)
    first = clients_for(rows, PEAK)[0]
    return max(LEAST, math.ceil(first / (CAPACITY * _FIRST_UTILIZATION)))


def _settled(
    stack: ExitStack, kubeconfig: Path, folder: Path, subject: Subject, replicas: int
) -> Place:
    """Give a subject its nodes, its namespace, its gateways; nobody scales them yet."""
    nodes = loopback_node.running(
        kubeconfig,
        nodes=NODES,
        prefix=subject.name,
        lease_interval=_LEASE_SECONDS / SPEED,
        restart_backoff=10 / SPEED,
        log=folder / f"{subject.name}-nodes.log",
    )
    stack.enter_context(nodes)
    namespace = Namespace(kubeconfig=kubeconfig, name=subject.name)
    namespace.create()
    if subject.is_ours:
        log = folder / f"{subject.name}.log"
        stack.enter_context(OperatorProcess.running(kubeconfig, namespace.name, log))
    namespace.apply(subject.manifests(replicas))
    if subject.is_ours:
        namespace.apply(_observing(subject.scaler))
    return Place(subject=subject, namespace=namespace)


def _observing(scaler: Manifest) -> Manifest:
    """Return an ImChatCluster that takes gateways into rotation, and scales nothing."""
    observing = copy.deepcopy(scaler)
    observing["spec"]["scaling"]["mode"] = "Observe"
    return observing


@contextmanager
def watched(stage: Stage, part: Part, traces: Path) -> Iterator[tuple[tuple[Place, Watch], ...]]:
    """Let everybody's clients come at the same time, and look on."""
    with ExitStack() as stack:
        load = part.arguments(traces)
        users = [
            stack.enter_context(Users.connected(stage.kubeconfig, place.namespace.name, *load))
            for place in stage.places
        ]
        for each in users:
            wait_for(
                lambda each=each: each.report().get("connected"),  # type: ignore[misc]
                seconds=_UP_SECONDS,
                what="users",
            )
        # A Namespace keeps one connection: this thread's and a watch's must not share it.
        seen = (Namespace(kubeconfig=stage.kubeconfig, name=p.namespace.name) for p in stage.places)
        watches = [
            stack.enter_context(Watch(namespace, each))
            for namespace, each in zip(seen, users, strict=True)
        ]
        yield tuple(zip(stage.places, watches, strict=True))
