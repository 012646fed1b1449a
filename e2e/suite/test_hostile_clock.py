"""The operator's wall clock is set, forth and back, or runs at double rate: nothing is hastened.

With libfaketime under the operator's process alone; skipped where it is not installed.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import loopback_node
from harness import Namespace, OperatorProcess, Users
from harness.manifests import cluster, gateways, scaling
from hostile.faketime import FakeClock

_SECONDS = 90.0
_CLIENTS = 60
_HOUR = 3600
# One connection a second: the drain lasts until it is let go.
_PATIENT = {"interval": "500ms", "timeout": "10s"}
_SLOW = {"connectionsPerSecond": 1, "deregisterDelay": "1s", "deadline": "20m"}


@pytest.fixture
def clock(tmp_path: Path, faketime: Path) -> FakeClock:
    """A clock that is right so far."""
    made = FakeClock(faketime, tmp_path / "clock")
    made.set_off(0)
    return made


@pytest.fixture
def operator(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path, clock: FakeClock
) -> Iterator[OperatorProcess]:
    """An operator with that clock."""
    assert nodes.names
    log = tmp_path / "operator.log"
    process = OperatorProcess(namespace.kubeconfig, namespace.name, log, clock.environment)
    process.start()
    yield process
    # libfaketime may hold up an orderly end: threads are joined by a clock that was set.
    process.end()


def _told(operator: OperatorProcess) -> int:
    return operator.log().count("the clock was set")


def _tells_more(operator: OperatorProcess, before: int) -> bool:
    return _told(operator) > before


def _phase(namespace: Namespace) -> str:
    drains = namespace.status().get("drains", [])
    return str(drains[0]["phase"]) if drains else ""


def _fresh_pass(namespace: Namespace) -> None:
    """Wait until a status was written that tells of a later moment than the one there is."""
    before = namespace.status().get("observedAt")
    namespace.change(metrics={"coverage": 79})
    namespace.change(metrics={"coverage": 80})
    namespace.wait_until(lambda: namespace.status().get("observedAt") != before, seconds=_SECONDS)


def test_a_clock_that_is_set_in_mid_drain_and_in_a_streak_hastens_nothing(
    namespace: Namespace, operator: OperatorProcess, clock: FakeClock
) -> None:
    rules = scaling(
        scaleUp=[{"above": 2, "for": "30m"}],
        scaleDown=[{"below": 1, "for": "30m"}],
        target=1,
        rebalance={"mode": "Off"},
    )
    namespace.apply(
        gateways(replicas=3, capacity=100),
        cluster(minReplicas=3, scaling=rules, draining=_SLOW, healing={}, metrics=_PATIENT),
    )
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=_SECONDS)
    with Users.connected(
        namespace.kubeconfig, namespace.name, "--clients", str(_CLIENTS), "--patience", "20"
    ) as users:
        users.wait_for_connected(_CLIENTS, seconds=_SECONDS)
        namespace.wait_until(lambda: namespace.status().get("streaks"), seconds=_SECONDS)
        victim = min(namespace.pod_names())
        asked = {"metadata": {"annotations": {"imchat.dev/drain": "true"}}}
        namespace.patch(namespace.path("pods", victim), asked)
        namespace.wait_until(lambda: _phase(namespace) == "Draining", seconds=_SECONDS)
        for offset in (_HOUR, 0, -_HOUR, 0):
            before = _told(operator)
            clock.set_off(offset)
            namespace.wait_until(partial(_tells_more, operator, before), seconds=_SECONDS)
            _fresh_pass(namespace)
            assert "ConnectionsCut" not in namespace.reasons()
            assert namespace.replicas() == 3
            assert "ScalingUp" not in namespace.reasons()
        namespace.change(draining={"connectionsPerSecond": 100})
        namespace.wait_until(lambda: victim not in namespace.pod_names(), seconds=_SECONDS)
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=_SECONDS)
        report = users.leave()
    assert report["dropped"] == 0
    namespace.wait_until(lambda: namespace.condition("Ready")["status"] == "True")
    assert "Traceback" not in operator.log()


def test_a_drain_at_double_rate_has_its_whole_deadline(
    namespace: Namespace, operator: OperatorProcess, clock: FakeClock
) -> None:
    namespace.apply(
        gateways(replicas=3, capacity=100),
        cluster(
            minReplicas=2,
            scaling=scaling(
                scaleUp=[{"above": 99, "for": "1h"}],
                scaleDown=[{"below": 1, "for": "1h"}],
                rebalance={"mode": "Off"},
            ),
            draining={**_SLOW, "deadline": "40s"},
            healing={},
            metrics=_PATIENT,
        ),
    )
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=_SECONDS)
    with Users.connected(
        namespace.kubeconfig, namespace.name, "--clients", "75", "--patience", "20"
    ) as users:
        users.wait_for_connected(75, seconds=_SECONDS)
        clock.set_off(0, rate=2.0)
        victim = min(namespace.pod_names())
        asked = {"metadata": {"annotations": {"imchat.dev/drain": "true"}}}
        namespace.patch(namespace.path("pods", victim), asked)
        namespace.wait_until(lambda: victim not in namespace.pod_names(), seconds=3 * _SECONDS)
        report = users.leave()
    assert report["dropped"] == 0, "25 connections at one a second take 25 s of the 40"
    assert "ConnectionsCut" not in namespace.reasons()
    assert _told(operator) > 0
