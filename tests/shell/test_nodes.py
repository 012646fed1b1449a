"""What is kept of nodes, and what is known of those that the gateways are on."""

import itertools
from typing import Any

import pytest
from tests.core.fleet import NOON, reported
from tests.shell.apiserver import ApiServer, Reply, listed, refused, session_with
from tests.shell.pods import pod

from imchat_operator.core.snapshot import Node, NotAsked, Reading, Silent, Unreadable
from imchat_operator.shell.leases import Leases
from imchat_operator.shell.load import Sample
from imchat_operator.shell.nodes import TERMINATION_TAINTS, Nodes, node, silent_nodes
from imchat_operator.shell.objects import Pod
from imchat_operator.shell.reflector import Reflector

SILENT = Silent(why="no answer within 2s")
TALKS = reported(300)
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"


def body(
    *true: str, ready: str = "True", metadata: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a node as the API server gives it, with these conditions true beside its readiness."""
    conditions = [{"type": "Ready", "status": ready}]
    conditions += [{"type": kind, "status": "True"} for kind in true]
    conditions += [{"type": "NetworkUnavailable", "status": "False"}]
    return {
        "metadata": {"uid": "uid-node-1", "name": "node-1", **(metadata or {})},
        "spec": spec,
        "status": {"conditions": conditions},
    }


def tainted(*keys: str, ready: str = "True", **fields: Any) -> dict[str, Any]:
    taints = [{"key": key, "effect": "NoSchedule"} for key in keys]
    return body(ready=ready, taints=taints, **fields)


def kept(**fields: Any) -> Node:
    return Node(name="node-1", **fields)


OFF = "node.kubernetes.io/out-of-service"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(body(), kept(), id="ready"),
        pytest.param(body(ready="False"), kept(ready=False), id="not ready"),
        pytest.param(body(ready="Unknown"), kept(ready=False), id="not heard of"),
        pytest.param({"metadata": {"name": "node-1"}}, kept(ready=False), id="just created"),
        pytest.param(body(unschedulable=True), kept(cordoned=True), id="cordoned"),
        pytest.param(
            body(metadata={"deletionTimestamp": "2026-11-23T12:00:00Z"}),
            kept(leaving="it is being deleted"),
            id="being deleted",
        ),
        pytest.param(
            tainted("team", "karpenter.sh/disrupted"),
            kept(leaving="taint karpenter.sh/disrupted"),
            id="with a taint of those who remove it",
        ),
        pytest.param(
            tainted(
                "karpenter.sh/disrupted", metadata={"deletionTimestamp": "2026-11-23T12:00:00Z"}
            ),
            kept(leaving="it is being deleted"),
            id="being deleted counts more than a taint",
        ),
        pytest.param(
            tainted("kubernetes.azure.com/scalesetpriority", "node.kubernetes.io/not-ready"),
            kept(),
            id="with taints of a node that stays",
        ),
        pytest.param(
            tainted("DeletionCandidateOfClusterAutoscaler"),
            kept(),
            id="a candidate for removal may well stay",
        ),
        pytest.param(
            tainted(OFF, ready="Unknown"), kept(ready=False, fenced=True), id="known to be off"
        ),
        pytest.param(
            tainted(OFF), kept(), id="a forgotten taint does not make a ready node one that is off"
        ),
        pytest.param(
            body("DiskPressure", "PIDPressure", "MemoryPressure"),
            kept(pressures=("MemoryPressure", "DiskPressure", "PIDPressure")),
            id="under pressure of all kinds, in one order",
        ),
        pytest.param(body("KernelDeadlock"), kept(), id="other conditions are not ours"),
    ],
)
def test_of_a_node_few_fields_are_kept(found: dict[str, Any], expected: Node) -> None:
    assert node(found) == expected


@pytest.mark.parametrize("key", sorted(TERMINATION_TAINTS))
def test_a_node_leaves_by_every_taint_that_says_so(key: str) -> None:
    assert node(tainted(key)).leaving == f"taint {key}"


def sample(**readings: Reading) -> Sample:
    """Return what gateways `a`, `b`... said."""
    by_uid = {f"uid-{name}": reading for name, reading in readings.items()}
    return Sample(at=NOON, readings=by_uid, values={}, times={}, ready=frozenset())


A, B = pod("a"), pod("b")
AWAY = pod("b", node="node-2")


@pytest.mark.parametrize(
    ("pods", "said", "expected"),
    [
        pytest.param((A,), sample(a=SILENT), {"node-1"}, id="its only gateway is silent"),
        pytest.param((A, B), sample(a=SILENT, b=SILENT), {"node-1"}, id="both are"),
        pytest.param((A, B), sample(a=SILENT, b=TALKS), set(), id="one is"),
        pytest.param((A, AWAY), sample(a=SILENT, b=TALKS), {"node-1"}, id="of two nodes one"),
        pytest.param(
            (A, B), sample(a=SILENT, b=Unreadable(why="HTTP 500")), set(), id="nonsense is a sound"
        ),
        pytest.param((A, B), sample(a=SILENT), set(), id="one has not been asked yet"),
        pytest.param(
            (A, pod("b", running=False)), sample(a=SILENT, b=SILENT), {"node-1"}, id="one crashed"
        ),
        pytest.param((pod("a", running=False),), sample(a=SILENT), set(), id="its only one did"),
        pytest.param(
            (pod("a", phase="Pending", running=False), B),
            sample(a=NotAsked(), b=SILENT),
            {"node-1"},
            id="one has not begun",
        ),
        pytest.param(
            (pod("a", terminating=True),), sample(a=SILENT), set(), id="its only one is leaving"
        ),
        pytest.param(
            (pod("a", terminating=True), B),
            sample(a=SILENT, b=SILENT),
            {"node-1"},
            id="one is leaving, another is not",
        ),
        pytest.param(
            (pod("a", terminating=True), B),
            sample(a=TALKS, b=SILENT),
            set(),
            id="one that is leaving still talks",
        ),
        pytest.param((), sample(), set(), id="there is no gateway"),
    ],
)
def test_a_node_is_doubted_when_all_its_running_gateways_are_silent(
    pods: tuple[Pod, ...], said: Sample, expected: set[str]
) -> None:
    assert silent_nodes(pods, said) == expected


async def of(
    server: ApiServer, pods: tuple[Pod, ...], said: Sample, *cached: Node
) -> dict[str, Node]:
    """Return the nodes of these gateways at the second of two looks, 2 seconds apart."""
    clock = itertools.count(step=2)
    async with session_with(server) as api:
        cache = Reflector(api, "/api/v1/nodes", project=node, on_change=lambda: None)
        cache.items = {f"uid-{n.name}": n for n in cached}
        nodes = Nodes(api, cache, Leases(api, clock=lambda: float(next(clock))))
        await nodes.of(pods, said)
        return await nodes.of(pods, said)


OLD_LEASE = Reply(
    body={"spec": {"renewTime": "2026-11-23T12:00:00.000000Z", "leaseDurationSeconds": 2}}
)


async def test_gateways_have_the_nodes_of_the_cache() -> None:
    server = ApiServer()
    cached = (kept(cordoned=True), Node(name="node-2"), Node(name="node-3"))
    found = await of(server, (A, AWAY, pod("c", node="")), sample(a=TALKS, b=TALKS), *cached)
    assert found == {"node-1": kept(cordoned=True), "node-2": Node(name="node-2")}
    assert server.requests == []


@pytest.mark.parametrize(
    ("cached", "reads", "expected"),
    [
        pytest.param(kept(), True, kept(lapsed=True), id="ready: its lease is looked at"),
        pytest.param(kept(ready=False), False, kept(ready=False), id="not ready: no need"),
    ],
)
async def test_the_lease_of_a_doubted_node_is_looked_at(
    cached: Node,
    reads: bool,  # noqa: FBT001 -- a table's
    expected: Node,
) -> None:
    server = ApiServer({f"GET {LEASE}": OLD_LEASE})
    assert await of(server, (A,), sample(a=SILENT), cached) == {"node-1": expected}
    assert (f"GET {LEASE}" in server.requests) is reads


async def test_a_node_whose_gateways_talk_needs_no_lease() -> None:
    server = ApiServer({f"GET {LEASE}": OLD_LEASE})
    assert await of(server, (A, B), sample(a=TALKS, b=SILENT), kept()) == {"node-1": kept()}
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(listed(), kept(exists=False, ready=False), id="it is gone"),
        pytest.param(listed(body()), kept(), id="the cache lags behind"),
        pytest.param(refused(403), kept(ready=False), id="that is not told"),
        pytest.param(refused(500), kept(ready=False), id="nobody can tell now"),
    ],
)
async def test_a_node_that_the_cache_lacks_is_gone_only_if_the_api_server_says_so(
    answer: Reply, expected: Node
) -> None:
    server = ApiServer({"GET /api/v1/nodes": answer})
    assert await of(server, (A, B), sample(a=SILENT, b=TALKS)) == {"node-1": expected}
    assert set(server.requests) == {"GET /api/v1/nodes"}
