"""What the fleet counts, against real gateways that drain, fall ill and die."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from clients.balancer import Endpoint
from clients.client import Manners
from clients.fleet import ClientFleet, check_size
from clients.report import Report
from gateway.faults import Fault
from gateway.process import GatewayProcess, eventually, loopback_address, running
from gateway.server import Gateway

BRISK = Manners(interval=0.4, patience=1.5)


@dataclass(slots=True)
class Ready:
    """An endpoint source whose list the test changes."""

    endpoints: list[Endpoint] = field(default_factory=list)

    def ready(self) -> tuple[Endpoint, ...]:
        """The list as it is now."""
        return tuple(self.endpoints)


def endpoint(gateway: GatewayProcess) -> Endpoint:
    return Endpoint(name=gateway.address, host=gateway.address, port=8080)


def assert_adds_up(report: Report) -> None:
    ended = report.left + sum(report.closed.values()) + report.dropped
    assert report.opened == report.connected + ended
    assert 0 <= report.sent - report.echoed - report.lost <= report.connected
    assert sum(report.by_gateway.values()) == report.connected


@dataclass(slots=True)
class Scene:
    """Two gateways, a fleet, and which gateways the fleet takes for ready."""

    one: GatewayProcess
    other: GatewayProcess
    ready: Ready
    fleet: ClientFleet

    def on_one(self) -> int:
        """Connections on the gateway that the test breaks."""
        return self.fleet.report().by_gateway.get(self.one.address, 0)

    async def all_move_to_the_other(self, clients: int) -> Report:
        """Wait until all clients are on the other gateway; the report of then."""
        await eventually(
            lambda: self.fleet.report().by_gateway.get(self.other.address, 0) == clients
        )
        report = self.fleet.report()
        assert_adds_up(report)
        return report


@asynccontextmanager
async def scene(clients: int) -> AsyncIterator[Scene]:
    """The clients connected to both gateways; then only the other one is ready for new ones."""
    async with running() as one, running() as other:
        ready = Ready([endpoint(one), endpoint(other)])
        async with ClientFleet(ready, manners=BRISK, seed=1) as fleet:
            fleet.target = clients
            await eventually(lambda: fleet.report().connected == clients)
            ready.endpoints = [endpoint(other)]
            yield Scene(one=one, other=other, ready=ready, fleet=fleet)
        assert_adds_up(fleet.report())
        assert fleet.report().connected == 0


async def test_drained_connections_are_closed_and_never_dropped() -> None:
    async with scene(40) as it:
        held = it.on_one()
        order = {"deadlineSeconds": 30, "connectionsPerSecond": 50}
        await it.one.call("POST", "/drain", order)
        report = await it.all_move_to_the_other(40)
        assert (report.dropped, report.closed) == (0, {1012: held})
        assert report.lost <= held
        assert report.without_service_max_seconds < 10
        assert json.loads((await it.one.call("GET", "/drain"))[1])["state"] == "Drained"


@pytest.mark.parametrize("how", ["SIGKILL", "crash"])
async def test_a_crash_drops_exactly_its_own_connections(how: str) -> None:
    async with scene(40) as it:
        held = it.on_one()
        if how == "crash":
            await it.one.call("POST", "/fault", {"kind": "crash"})
        else:
            it.one.process.kill()
        report = await it.all_move_to_the_other(40)
        assert (report.dropped, report.closed) == (held, {})


async def test_sigterm_closes_and_drops_nothing() -> None:
    async with scene(40) as it:
        held = it.on_one()
        it.one.process.send_signal(signal.SIGTERM)
        report = await it.all_move_to_the_other(40)
        assert (report.dropped, report.closed) == (0, {1001: held})


async def test_a_hang_is_noticed_by_silence_and_drops_its_own_connections() -> None:
    async with scene(20) as it:
        held = it.on_one()
        await it.one.call("POST", "/fault", {"kind": "hang"})
        report = await it.all_move_to_the_other(20)
        assert (report.dropped, report.closed) == (held, {})
        assert report.lost == held, "each had one message under way"
        assert report.without_service_seconds > held * 2 * BRISK.patience
        it.one.process.kill()


async def test_a_zombie_loses_messages_and_service_but_no_connection() -> None:
    async with scene(10) as it:
        held = it.on_one()
        await it.one.call("POST", "/fault", {"kind": "zombie"})
        await eventually(lambda: it.fleet.report().lost >= held)
        report = it.fleet.report()
        assert (report.dropped, report.closed, report.connected) == (0, {}, 10)
        assert report.without_service_max_seconds > BRISK.patience
        await it.one.call("POST", "/fault", {"kind": "none"})

        def has_recovered() -> bool:
            before = it.fleet.report().without_service_seconds
            return it.fleet.report().without_service_seconds == before

        await eventually(has_recovered)


async def test_a_gateway_that_is_full_or_refuses_costs_attempts_only() -> None:
    async with running(GATEWAY_MAX_CONNECTIONS="3") as gateway:
        async with ClientFleet(Ready([endpoint(gateway)]), manners=BRISK) as fleet:
            fleet.target = 5
            await eventually(lambda: fleet.report().refused >= 4)
            report = fleet.report()
            assert (report.connected, report.opened, report.dropped) == (3, 3, 0)
            assert report.without_service_max_seconds > 0
        assert fleet.report().left == 3


async def test_without_a_ready_gateway_attempts_are_refused_until_there_is_one() -> None:
    ready = Ready()
    async with running() as gateway, ClientFleet(ready, manners=BRISK) as fleet:
        fleet.target = 5
        await eventually(lambda: fleet.report().refused >= 5)
        ready.endpoints = [endpoint(gateway)]
        await eventually(lambda: fleet.report().connected == 5)
        before = fleet.report()
        assert before.without_service_seconds == fleet.report().without_service_seconds


async def test_when_the_load_falls_clients_leave_with_a_close_frame_of_their_own() -> None:
    async with scene(30) as it:
        it.fleet.target = 10
        await eventually(lambda: it.fleet.report().connected == 10)
        report = it.fleet.report()
        assert (report.left, report.dropped, report.closed) == (20, 0, {})
        assert_adds_up(report)
        counts = [(await gateway.call("GET", "/metrics"))[1] for gateway in (it.one, it.other)]
        assert all('closed_total{reason="error"} 0' in text for text in counts)
        it.fleet.target = 15
        await eventually(lambda: it.fleet.report().connected == 15)


async def test_a_crowd_leaves_no_faster_than_gateways_can_say_goodbye() -> None:
    async with scene(500) as it:
        start = asyncio.get_running_loop().time()
        it.fleet.target = 0
        await eventually(lambda: it.fleet.report().left == 500)
        assert asyncio.get_running_loop().time() - start >= 499 // 20 * 0.02
        assert it.fleet.report().dropped == 0


async def test_clients_that_leave_wait_for_the_echo_under_way() -> None:
    async with scene(10) as it:
        for gateway in (it.one, it.other):
            await gateway.call("POST", "/fault", {"kind": "slow", "seconds": 0.3})
        await eventually(lambda: it.fleet.report().sent > it.fleet.report().echoed)
    report = it.fleet.report()
    assert (report.left, report.lost, report.sent) == (10, 0, report.echoed)


async def test_connections_spread_over_the_ready_gateways() -> None:
    async with running() as one, running() as two, running() as three:
        gateways = [one, two, three]
        async with ClientFleet(Ready([*map(endpoint, gateways)]), manners=BRISK, seed=1) as fleet:
            fleet.target = 90
            await eventually(lambda: fleet.report().connected == 90)
            spread = fleet.report().by_gateway
            assert set(spread) == {gateway.address for gateway in gateways}
            assert max(spread.values()) - min(spread.values()) <= 10


async def test_a_hint_is_honoured_before_coming_back() -> None:
    """A gateway that is ours to script: it closes each client at once, with a hint of 1 s."""
    arrivals: list[float] = []
    loop = asyncio.get_running_loop()

    async def close_at_once(socket: ServerConnection) -> None:
        arrivals.append(loop.time())
        await socket.close(1012, "retry-after=1.0")

    async with serve(close_at_once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ready = Ready([Endpoint(name="scripted", host="127.0.0.1", port=port)])
        async with ClientFleet(ready, manners=BRISK) as fleet:
            fleet.target = 1
            await eventually(lambda: len(arrivals) >= 2)
    assert arrivals[1] - arrivals[0] >= 1.0
    assert fleet.report().dropped == 0


@pytest.mark.parametrize(
    "clients", [pytest.param(-1, id="below nothing"), pytest.param(10**9, id="above all limits")]
)
def test_a_size_that_cannot_be_is_refused_with_a_sentence(clients: int) -> None:
    with pytest.raises(ValueError, match="raise the limit of open files"):
        check_size(clients)


async def test_clients_answer_the_gateways_pings_between_their_messages() -> None:
    gateway = Gateway(connections_max=10, fault=Fault(), heartbeat=0.4)
    runner = web.AppRunner(gateway.application())
    await runner.setup()
    address = loopback_address()
    await web.TCPSite(runner, address, 8080).start()
    ready = Ready([Endpoint(name="here", host=address, port=8080)])
    async with ClientFleet(ready, manners=Manners(interval=1.5)) as fleet:
        fleet.target = 5
        await eventually(lambda: fleet.report().echoed >= 10)
        assert (fleet.report().connected, fleet.report().dropped) == (5, 0)
    await runner.cleanup()
