"""Two replicas of the operator as processes: one leads, and the other takes over.

The Lease is kept as in production: 10 s, renewed every 2.5 s, given up by its holder after 7 s.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

import controlplane
import loopback_node
from harness import Namespace, OperatorProcess, Users
from harness.manifests import cluster, gateways
from harness.rights import LEASE
from harness.waiting import wait_for
from hostile.faketime import FakeClock

_DEPOSED = 3
_LEASE_SECONDS = 10.0
_AWAY_SECONDS = 120.0
_SLOW = {"connectionsPerSecond": 5, "deregisterDelay": "1s", "deadline": "10m"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replicas of one operator, by the names that they have in the Lease."""

    namespace: Namespace
    replicas: dict[str, OperatorProcess]

    def holder(self) -> str:
        """Return the name of the replica that has the Lease, or nothing."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace.name}/leases/{LEASE}"
        found = self.namespace.get(path) or {"spec": {}}
        return str(found["spec"].get("holderIdentity") or "").partition("_")[0]

    def leader(self) -> str:
        """Wait until one leads whose process is up; return its name."""
        return self.namespace.wait_until(self.holder, seconds=60)

    def seconds_until_another_leads(self, leader: str, end: Callable[[], None]) -> float:
        """End a leader; return the seconds until the other has written a status as the leader."""
        begun, before = time.monotonic(), self.epoch()
        end()
        (other,) = set(self.replicas) - {leader}
        self.namespace.wait_until(
            lambda: self.holder() == other and self.epoch() > before, seconds=60
        )
        return time.monotonic() - begun

    def epoch(self) -> int:
        """Return the epoch of the leader that wrote the ImChatCluster's status last."""
        return int(self.namespace.status().get("epoch", 0))


@contextmanager
def replicas(
    namespace: Namespace, folder: Path, clocks: Mapping[str, FakeClock] = MappingProxyType({})
) -> Iterator[Pair]:
    """Run two replicas for as long as the block lasts, with a clock of its own where one has it."""
    with ExitStack() as stack:
        made = {}
        for name in ("east", "west"):
            lease = f"{namespace.name}/{LEASE}"
            clock = clocks[name].environment if name in clocks else {}
            environment = {"IMCHAT_LEASE": lease, "IMCHAT_IDENTITY": name, **clock}
            made[name] = OperatorProcess(
                namespace.kubeconfig,
                namespace.name,
                folder / f"{name}.log",
                environment,
                forked=name not in clocks,
            )
            stack.enter_context(made[name].started())
        yield Pair(namespace, made)


@pytest.fixture
def pair(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path
) -> Iterator[Pair]:
    """Two replicas, of which one has begun to serve a cluster of three gateways."""
    assert nodes.names
    with replicas(namespace, tmp_path) as made:
        _serving(made)
        yield made


def _serving(pair: Pair) -> None:
    namespace = pair.namespace
    namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=_SLOW))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3, seconds=60)
    for replica in pair.replicas.values():
        replica.wait_until_healthy()


def test_a_drain_goes_on_when_its_leader_is_killed(
    pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    taken = _killed_in_mid_drain(pair)
    record_property("seconds from kill -9 to the next leader's first status", taken)


@pytest.mark.parametrize("first", [-30, 30], ids=["east is behind", "east is ahead"])
def test_clocks_that_are_a_minute_apart_end_no_term_and_no_drain(
    namespace: Namespace,
    nodes: loopback_node.LoopbackNodes,
    tmp_path: Path,
    faketime: Path,
    first: int,
) -> None:
    assert nodes.names
    clocks = {name: FakeClock(faketime, tmp_path / name) for name in ("east", "west")}
    for name, off in (("east", first), ("west", -first)):
        clocks[name].set_off(off)
    with replicas(namespace, tmp_path, clocks) as pair:
        _serving(pair)
        _killed_in_mid_drain(pair)


def _killed_in_mid_drain(pair: Pair) -> float:
    """See a drain through that its leader does not live to end; return the take-over's seconds."""
    namespace = pair.namespace
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        leader = pair.leader()
        victim = namespace.status()["drains"][0]["pod"]
        assert pair.epoch() == 1, "nobody takes over from one that renews"
        taken = pair.seconds_until_another_leads(leader, pair.replicas[leader].kill)
        namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
        report = users.leave()
    assert taken < 1.5 * _LEASE_SECONDS
    assert victim in namespace.note("ScaledDown")
    assert report["dropped"] == 0
    for reason in ("ScalingDown", "GatewayDraining", "GatewayDrained", "ScaledDown"):
        assert namespace.reasons().count(reason) == 1, reason
    return taken


def test_a_leader_that_ends_hands_over_without_waiting_for_its_lease(
    pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    leader = pair.leader()
    pair.namespace.wait_until(lambda: pair.epoch() == 1)
    taken = pair.seconds_until_another_leads(leader, pair.replicas[leader].stop)
    record_property("seconds from the end of a leader to the next one's first status", taken)
    assert taken < _LEASE_SECONDS / 2


def test_epochs_rise_past_a_lease_that_was_deleted(pair: Pair) -> None:
    first = pair.leader()
    pair.seconds_until_another_leads(first, pair.replicas[first].stop)
    assert pair.epoch() == 2
    second = pair.leader()
    pair.namespace.kubectl("delete", "lease", LEASE)
    assert pair.replicas[second].wait_until_ended(30) == _DEPOSED
    pair.replicas[first].start()
    pair.namespace.wait_until(lambda: pair.epoch() == 3, seconds=60)


def test_a_leader_that_was_frozen_ends_when_it_wakes_and_has_written_nothing(
    namespace: Namespace, pair: Pair
) -> None:
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        leader = pair.leader()
        pair.seconds_until_another_leads(leader, pair.replicas[leader].freeze)
        pair.replicas[leader].wake()
        assert pair.replicas[leader].wait_until_ended(30) == _DEPOSED
        namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=60)
        assert users.leave()["dropped"] == 0
    assert pair.epoch() == 2
    for reason in ("ScalingDown", "GatewayDraining", "GatewayDrained", "ScaledDown"):
        assert namespace.reasons().count(reason) == 1, reason


@pytest.mark.slow
def test_an_api_server_that_is_away_for_two_minutes_ends_a_term_and_no_drain(
    programs: dict[str, Path], tmp_path: Path
) -> None:
    assert programs
    with controlplane.running() as plane:
        namespace = Namespace(kubeconfig=plane.kubeconfig, name="away")
        namespace.install_crds()
        namespace.create()
        with loopback_node.running(plane.kubeconfig, nodes=2, log=tmp_path / "nodes.log"):
            _drain_while_it_is_away(namespace, plane.pids["kube-apiserver"], tmp_path)


def _drain_while_it_is_away(namespace: Namespace, apiserver: int, folder: Path) -> None:
    with (
        replicas(namespace, folder) as pair,
        Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users,
    ):
        namespace.apply(gateways(replicas=3, capacity=300), cluster(draining=_SLOW))
        users.wait_for_connected(150, seconds=60)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons(), seconds=60)
        leader = pair.leader()
        with _stopped(apiserver):
            assert pair.replicas[leader].wait_until_ended(60) == _DEPOSED
            pair.replicas[leader].start()  # as the kubelet does
            until = time.monotonic() + _AWAY_SECONDS
            wait_for(lambda: time.monotonic() > until, seconds=_AWAY_SECONDS + 10, what="its end")
        namespace.wait_until(lambda: namespace.note("ScaledDown"), seconds=90)
        assert users.leave()["dropped"] == 0
        for replica in pair.replicas.values():
            replica.wait_until_healthy()


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_only_the_leader_shows_a_fleet_and_the_next_one_does_after_it(
    namespace: Namespace, pair: Pair
) -> None:
    leader = pair.leader()
    (other,) = set(pair.replicas) - {leader}
    mine = f'namespace="{namespace.name}"'

    def shown(name: str) -> set[str]:
        return {key.partition("{")[0] for key in pair.replicas[name].metrics() if mine in key}

    namespace.wait_until(lambda: "imchat_operator_gateways_ready" in shown(leader))
    assert "imchat_operator_passes_total" in shown(leader)
    assert shown(other) == set(), "a follower knows nothing of the fleet, and says so"
    assert pair.replicas[other].metrics()["imchat_operator_leading"] == 0
    pair.replicas[leader].stop()
    namespace.wait_until(lambda: "imchat_operator_gateways_ready" in shown(other), seconds=60)
    assert pair.replicas[other].metrics()["imchat_operator_leading"] == 1
