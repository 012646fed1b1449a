"""When healing holds still, since acting would make it worse; and that it goes on afterwards."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from harness import Namespace, Users
from harness.manifests import SLOWLY, Manifest, cluster, gateways, scaling, steady

pytestmark = pytest.mark.usefixtures("operator")

_FAST = {"unresponsiveFor": "2s", "notReadyFor": "3s", "restarts": 2, "stormCooldown": "5s"}
# The Services' addresses are loopback addresses here, so that a test can answer at one.
_DATABASE = "127.1.77.7"
_PORT = 15432


def _begun(namespace: Namespace, *, replicas: int, **spec: object) -> set[str]:
    namespace.apply(gateways(replicas=replicas), steady(**{"healing": _FAST, **spec}))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == replicas)
    return namespace.pod_names()


def _blocked(namespace: Namespace, reason: str, *, held: int = 1) -> str:
    """Wait until so many repairs are held for a reason, and return what is said of it."""

    def message() -> str:
        found = namespace.condition("RemediationBlocked")
        text = str(found.get("message", ""))
        return text if found.get("reason") == reason and f"; {held} held" in text else ""

    return namespace.wait_until(message, seconds=60)


def test_half_a_fleet_that_hangs_is_not_touched_and_is_healed_once_most_are_well(
    namespace: Namespace,
) -> None:
    names = sorted(_begun(namespace, replicas=4))
    first, second = names[:2]
    # One that hangs may not answer that it will, for longer than it takes to be found ill.
    with ThreadPoolExecutor() as pool:
        list(pool.map(namespace.fault, (first, second), ("hang", "unready")))
    message = _blocked(namespace, "StormGate", held=2)
    assert "2 of 4 gateways are healthy, less than 51%" in message
    # A shorter one would leave a shorter cool-down.
    namespace.wait_until(lambda: _age(namespace.status()["storm"]["since"]) > 11)
    assert namespace.pod_names() == set(names)
    namespace.fault(second, "none")
    assert "StormGate is over since" in _blocked(namespace, "StormCooldown")
    note = namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    assert note.startswith(f"{first} is replaced by")
    assert set(names[1:]) <= namespace.pod_names()


def _age(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


@contextmanager
def _database(namespace: Namespace) -> Iterator[None]:
    """Answer at the Service's address for as long as the block lasts."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((_DATABASE, _PORT))
        server.listen()
        thread = threading.Thread(target=_accept, args=(server,), daemon=True)
        thread.start()
        assert namespace.get(namespace.path("services", "database"))
        yield
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _accept(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.close()


def _service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "database"},
        "spec": {"clusterIP": _DATABASE, "ports": [{"port": _PORT}]},
    }


def test_a_gateway_that_is_ill_for_want_of_the_database_is_not_recycled(
    namespace: Namespace,
) -> None:
    namespace.apply(_service())
    declared = [{"name": "database", "tcp": {"service": "database", "port": _PORT}}]
    with _database(namespace):
        names = _begun(namespace, replicas=3, dependencies=declared)
        ill = min(names)
        namespace.wait_until(
            lambda: namespace.condition("DependenciesAvailable").get("status") == "True"
        )
    namespace.fault(ill, "unready")
    message = _blocked(namespace, "DependencyDown")
    namespace.wait_until(lambda: _age(namespace.status()["storm"]["since"]) > 11)
    assert "database (can't be connected to: Connection refused) is down" in message
    assert f"1 held: {ill} (NotReady: runs but fails its readiness probe)" in message
    assert namespace.pod_names() == names
    with _database(namespace):
        namespace.wait_until(
            lambda: namespace.condition("DependenciesAvailable")["status"] == "True"
        )
        namespace.fault(ill, "none")
        namespace.wait_until(lambda: namespace.condition("Healing")["reason"] == "AllHealthy")
        assert namespace.pod_names() == names
    assert "GatewayUnhealthy" not in namespace.reasons()


def test_two_failures_take_the_place_of_a_scale_down_that_drains_a_third(
    namespace: Namespace,
) -> None:
    # Two that hang block each other's eviction by the budget of one.
    healing = {**_FAST, "maxConcurrent": 2, "evictWithin": "3s"}
    policy = cluster(minReplicas=4, draining=SLOWLY, healing=healing, scaling=scaling())
    namespace.apply(gateways(replicas=5, capacity=300), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 5)
    with Users.connected(namespace.kubeconfig, namespace.name, "--clients", "150") as users:
        users.wait_for_connected(150)
        namespace.wait_until(lambda: "GatewayDraining" in namespace.reasons())
        (victim,) = [d["pod"] for d in namespace.status()["drains"]]
        first, second = sorted(namespace.pod_names() - {victim})[:2]
        namespace.change(scaling={"scaleDown": [{"below": 1, "for": "1h"}]})
        namespace.fault(first, "hang")
        namespace.fault(second, "hang")
        note = namespace.wait_until(lambda: namespace.note("ScaleDownUndone"))
        assert "is ill, and what was to leave is needed in its place" in note
        namespace.wait_until(lambda: namespace.reasons().count("GatewayReplaced") == 2, seconds=90)
        namespace.wait_until(lambda: len(namespace.ready_pods()) == 5)
        users.wait_for_connected(150)
        report = users.leave()
    names = namespace.pod_names()
    assert victim in names
    assert {first, second} & names == set()
    assert namespace.replicas() == 5
    assert report["dropped"] <= 2 * 150 / 5 + 30, "those of the two that hung"


def test_no_more_is_repaired_within_an_hour_than_allowed(namespace: Namespace) -> None:
    names = sorted(_begun(namespace, replicas=3, healing={**_FAST, "maxPerHour": 1}))
    namespace.fault(names[0], "unready")
    namespace.wait_until(lambda: namespace.note("GatewayReplaced"), seconds=60)
    namespace.fault(names[1], "unready")
    message = _blocked(namespace, "HourlyBudgetSpent")
    assert "1 repairs were begun within the last hour, maxPerHour is 1" in message
    assert set(names[1:]) <= namespace.pod_names()
