"""Thousands of real WebSockets on ten gateways, one of which leaves: drained, and merely deleted.

The gateways are processes of the loopback node, the clients those of `clients`. The gateways are
told to close everything at once when their pod is deleted, as a server does that knows no drain.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import controlplane
import loopback_node
from harness import Namespace, OperatorProcess, Users
from harness.manifests import Manifest, gateways, plain_cluster
from harness.waiting import wait_for
from scale_bench.figures import Figure

_GATEWAYS: Final = 10
_DRAIN_SECONDS: Final = 50
_CAPACITY_PERCENT: Final = 200
_PROCESSES: Final = 2
"""Of clients: one may not open as many files as there are connections."""
_USERS: Final = ("--interval", "60", "--patience", "10")
_UP_SECONDS: Final = 300.0
_GONE_SECONDS: Final = 400.0
_SETTLING_SECONDS: Final = 20.0
_WINDOW: Final = 10
_DRAIN: Final = "imchat.dev/drain=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the users felt from the moment that a gateway was to leave until all were back.

    Attributes:
        returns: connections that came back, by the second; the seconds are whole and without gaps.
        cut: connections that ended without a close frame.
        lost: messages without an echo.
    """

    returns: tuple[int, ...]
    cut: int
    lost: int

    @property
    def worst_second(self) -> float:
        """Returns in the worst second."""
        return max(self.returns, default=0)

    @property
    def worst_ten(self) -> float:
        """Returns a second in the worst ten of them."""
        last = max(1, len(self.returns) - _WINDOW + 1)
        return max(sum(self.returns[n : n + _WINDOW]) for n in range(last)) / _WINDOW


def moved(folder: Path, connections: int) -> Iterator[list[Figure]]:
    """Yield what it costs the users that one of ten gateways goes, deleted and drained."""
    pace = max(1, connections // _GATEWAYS // _DRAIN_SECONDS)
    with controlplane.running() as plane:
        everywhere = Namespace(kubeconfig=plane.kubeconfig, name="default")
        everywhere.install_crds()
        log = folder / "nodes.log"
        with loopback_node.running(plane.kubeconfig, nodes=3, log=log):
            with _plain(everywhere, connections) as namespace:
                plain = _course(namespace, connections, _deleted)
            yield _figures("delete", plain, connections)
            with _ours(everywhere, connections, pace, folder) as namespace:
                ours = _course(namespace, connections, _drained)
            told = {
                "drain-pace": float(pace),
                "drain-times-lower": plain.worst_second / ours.worst_second,
            }
            more = [Figure(name=n, size=connections, values=(v,)) for n, v in told.items()]
            yield _figures("drain", ours, connections) + more


def _figures(name: str, course: Course, connections: int) -> list[Figure]:
    found = {
        f"{name}-worst-second": course.worst_second,
        f"{name}-worst-ten": course.worst_ten,
        f"{name}-cut": float(course.cut),
        f"{name}-lost": float(course.lost),
    }
    return [Figure(name=n, size=connections, values=(v,)) for n, v in found.items()]


@contextmanager
def _plain(everywhere: Namespace, connections: int) -> Iterator[Namespace]:
    """Have ten gateways in a namespace of their own, with nobody to look after them."""
    namespace = Namespace(kubeconfig=everywhere.kubeconfig, name="plain")
    namespace.create()
    deployment, _ = _fleet(connections)
    del deployment["spec"]["template"]["spec"]["readinessGates"]
    try:
        namespace.apply(deployment)
        yield namespace
    finally:
        _remove(namespace)


@contextmanager
def _ours(everywhere: Namespace, connections: int, pace: int, folder: Path) -> Iterator[Namespace]:
    """Have ten gateways in a namespace of their own, with the operator."""
    namespace = Namespace(kubeconfig=everywhere.kubeconfig, name="ours")
    namespace.create()
    with OperatorProcess.running(everywhere.kubeconfig, namespace.name, folder / "operator.log"):
        try:
            namespace.apply(*_fleet(connections), _cluster(pace))
            yield namespace
        finally:
            namespace.kubectl("delete", "imc", "chat", "--timeout=30s")
            _remove(namespace)


def _fleet(connections: int) -> list[Manifest]:
    capacity = connections * _CAPACITY_PERCENT // 100 // _GATEWAYS
    return gateways(replicas=_GATEWAYS, capacity=capacity, GATEWAY_GRACE_SECONDS="1")


def _cluster(pace: int) -> Manifest:
    draining = {"connectionsPerSecond": pace}
    return plain_cluster(minReplicas=_GATEWAYS, maxReplicas=_GATEWAYS + 2, draining=draining)


def _course(
    namespace: Namespace, connections: int, leave: Callable[[Namespace, str], None]
) -> Course:
    """Connect all, have a gateway leave, and wait until it is gone and all are back."""
    wait_for(
        lambda: len(namespace.ready_pods()) == _GATEWAYS,
        seconds=_UP_SECONDS,
        what=f"{_GATEWAYS} ready gateways",
    )
    each = str(connections // _PROCESSES)
    with ExitStack() as stack:
        crowds = [
            stack.enter_context(
                Users.connected(namespace.kubeconfig, namespace.name, "--clients", each, *_USERS)
            )
            for _ in range(_PROCESSES)
        ]
        for crowd in crowds:
            crowd.wait_for_connected(int(each), seconds=_UP_SECONDS)
        time.sleep(_SETTLING_SECONDS)  # a sample of all, and the last handshakes
        victim = min(namespace.pod_names())
        before, began = [crowd.report() for crowd in crowds], time.monotonic()
        held = sum(report["byGateway"].get(victim, 0) for report in before)
        returned = sum(report["returned"] for report in before)
        leave(namespace, victim)
        wait_for(
            lambda: _is_over(namespace, victim, crowds, held, returned),
            seconds=_GONE_SECONDS,
            what="the gateway's end, with all users on others",
        )
        after = [crowd.report() for crowd in crowds]
        histories = [list(crowd.history) for crowd in crowds]
    return Course(
        returns=by_second(histories, began),
        cut=_more(before, after, "dropped"),
        lost=_more(before, after, "lost"),
    )


def _is_over(
    namespace: Namespace, victim: str, crowds: list[Users], held: int, returned: int
) -> bool:
    """Whether the gateway is gone and all that it held are back; a report may be a second old."""
    is_gone = namespace.get(namespace.path("pods", victim)) is None
    return is_gone and sum(crowd.report()["returned"] for crowd in crowds) - returned >= held


def _more(before: list[dict[str, Any]], after: list[dict[str, Any]], name: str) -> int:
    return sum(int(report[name]) for report in after) - sum(int(report[name]) for report in before)


def by_second(
    histories: Sequence[Sequence[tuple[float, Mapping[str, Any]]]], began: float
) -> tuple[int, ...]:
    """Return how many connections came back in each second of the clock since a moment.

    The clients count them by that clock: a process that is late to report is not late to count.
    """
    found: Counter[int] = Counter()
    for history in histories:
        latest: dict[int, int] = {}
        for _, report in history:
            latest.update((int(second), count) for second, count in report["returns"].items())
        found.update({s - int(began): n for s, n in latest.items() if s >= int(began)})
    return tuple(found[second] for second in range(max(found, default=-1) + 1))


def _deleted(namespace: Namespace, pod: str) -> None:
    namespace.kubectl("delete", "pod", pod, "--wait=false")


def _drained(namespace: Namespace, pod: str) -> None:
    namespace.kubectl("annotate", "pod", pod, _DRAIN)


def _remove(namespace: Namespace) -> None:
    namespace.delete()
    wait_for(
        lambda: not namespace.items("/api/v1", "pods"),
        seconds=_UP_SECONDS,
        what="an empty stage",
    )
