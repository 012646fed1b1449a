"""When a lease counts as lapsed: by our own clock, with looks at an API server in between."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.aio import client
from tests.core.fleet import NOON
from tests.shell.apiserver import ApiServer, Reply, refused, session_with

from imchat_operator.shell.kube import Api
from imchat_operator.shell.leases import Leases

PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LONG_AGO = -3600.0


def lease(renewed: float | None, seconds: int | None = 40) -> Reply:
    """Return a lease that its node renewed so many seconds after noon, by its own clock."""
    spec: dict[str, Any] = {} if seconds is None else {"leaseDurationSeconds": seconds}
    if renewed is not None:
        moment = (NOON + timedelta(seconds=renewed)).astimezone(UTC)
        spec["renewTime"] = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Reply(body={"metadata": {"name": "node-1"}, "spec": spec})


@dataclass(slots=True)
class World:
    """An API server, and clocks that stand still until they are set."""

    server: ApiServer = field(default_factory=ApiServer)
    seconds: float = 0.0

    def leases(self, api: Api) -> Leases:
        """Return leases that are seen by these clocks; ours have nothing in common."""
        return Leases(api, clock=lambda: 5000 + self.seconds, now=self.now)

    def now(self) -> datetime:
        """Return the wall clock's time."""
        return NOON + timedelta(seconds=self.seconds)

    def say(self, node: str, reply: Reply) -> None:
        """Have the API server answer so from now on."""
        self.server.replies[f"GET {PATH}/{node}"] = reply


Looks = list[tuple[float, Reply]]


async def lapsed_at(looks: Looks) -> list[float]:
    """Return the moments at which node-1 was found lapsed."""
    world, found = World(), []
    async with session_with(world.server) as api:
        leases = world.leases(api)
        for seconds, reply in looks:
            world.seconds = seconds
            world.say("node-1", reply)
            if await leases.lapsed({"node-1"}):
                found.append(seconds)
    return found


def every(step: float, until: float, reply: Reply) -> Looks:
    return [(n * step, reply) for n in range(int(until / step) + 1)]


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param(every(5, 45, lease(0)), [40, 45], id="unchanged for all its time"),
        pytest.param(
            every(5, 25, lease(LONG_AGO)),
            [20, 25],
            id="old by the wall clock and unchanged for half its time",
        ),
        pytest.param(
            every(5, 45, lease(3600)),
            [40, 45],
            id="of a node whose clock is ahead: unchanged for all its time",
        ),
        pytest.param([(0, lease(LONG_AGO))], [], id="one look proves nothing, however old it is"),
        pytest.param(
            [(n, lease(LONG_AGO + n)) for n in range(0, 100, 10)],
            [],
            id="of a node whose clock is an hour behind, and which lives",
        ),
        pytest.param(
            [*every(10, 30, lease(LONG_AGO)), (40, lease(40)), (50, lease(40))],
            [20, 30],
            id="renewed again",
        ),
        pytest.param(
            [(0, lease(LONG_AGO, 4)), (1, lease(LONG_AGO, 4)), (2, lease(LONG_AGO, 4))],
            [2],
            id="of a shorter time",
        ),
        pytest.param(
            every(5, 20, lease(LONG_AGO, None)), [20], id="of no stated time: the kubelet's usual"
        ),
        pytest.param(
            [(0, lease(LONG_AGO)), (21, lease(LONG_AGO)), (40, lease(LONG_AGO))],
            [],
            id="not looked at for more than half its time: what was then is no evidence",
        ),
        pytest.param(
            [
                (0, lease(LONG_AGO)),
                (10, refused(503, "etcd is away")),
                (20, lease(LONG_AGO)),
                (30, lease(LONG_AGO)),
                (40, lease(LONG_AGO)),
            ],
            [40],
            id="not readable in between: seen anew",
        ),
        pytest.param(
            [(0, lease(LONG_AGO)), (20, lease(LONG_AGO)), (21, refused(404))],
            [20],
            id="gone: not lapsed",
        ),
        pytest.param(every(5, 60, refused(403)), [], id="forbidden: never lapsed"),
        pytest.param(every(5, 60, lease(None)), [], id="never renewed: nothing to tell by"),
        pytest.param(every(5, 60, Reply(body={})), [], id="no lease at all"),
        pytest.param(
            every(5, 60, Reply(body={"spec": {"renewTime": "noon"}})), [], id="no time at all"
        ),
    ],
)
async def test_a_lease_has_lapsed_when_it_was_long_seen_unchanged(
    looks: Looks, expected: list[float]
) -> None:
    assert await lapsed_at(looks) == expected


async def test_what_a_slow_answer_shows_is_seen_when_it_comes() -> None:
    server = ApiServer({f"GET {PATH}/node-1": lease(LONG_AGO)})
    times = iter([0.0, 15.0, 20.0, 20.0, 35.0, 35.0])  # of each look: its begin and its end
    async with session_with(server) as api:
        leases = Leases(api, clock=lambda: next(times), now=lambda: NOON)
        found = [bool(await leases.lapsed({"node-1"})) for _ in range(3)]
    assert found == [False, False, True]


async def test_an_api_server_that_does_not_answer_tells_nothing() -> None:
    world = World()
    async with Api.session(client.Configuration(host="http://127.0.0.1:9")) as api:
        leases = world.leases(api)
        for world.seconds in range(0, 100, 5):
            assert await leases.lapsed({"node-1"}) == frozenset()


async def test_a_lease_is_read_once_a_second_and_only_for_the_nodes_asked_for() -> None:
    world = World()
    for node in ("node-1", "node-2"):
        world.say(node, lease(LONG_AGO))
    reads: list[int] = []
    async with session_with(world.server) as api:
        leases = world.leases(api)
        asked = [
            (0.0, "node-1 node-2"),
            (0.9, "node-1 node-2"),
            (1.0, "node-1"),
            (1.5, "node-1 node-2"),
            (1.6, ""),
        ]
        for world.seconds, nodes in asked:
            assert await leases.lapsed(nodes.split()) == frozenset()
            reads.append(len(world.server.asked))
    assert reads == [2, 2, 3, 4, 4]


async def test_a_verdict_holds_until_the_next_look() -> None:
    world = World()
    world.say("node-1", lease(LONG_AGO))
    async with session_with(world.server) as api:
        leases = world.leases(api)
        for world.seconds in (0, 10, 20):
            found = await leases.lapsed({"node-1"})
        world.say("node-1", lease(20))
        world.seconds = 20.5
        assert found == await leases.lapsed({"node-1"}) == {"node-1"}
        world.seconds = 21
        assert await leases.lapsed({"node-1"}) == frozenset()


async def test_a_node_that_is_no_longer_asked_for_is_forgotten() -> None:
    world = World()
    world.say("node-1", lease(LONG_AGO))
    async with session_with(world.server) as api:
        leases = world.leases(api)
        for world.seconds in (0, 10, 19):
            assert await leases.lapsed({"node-1"}) == frozenset()
        await leases.lapsed(set())
        for world.seconds in (20, 39):
            assert await leases.lapsed({"node-1"}) == frozenset()
        world.seconds = 40
        assert await leases.lapsed({"node-1"}) == {"node-1"}
