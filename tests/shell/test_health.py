"""What `/healthz` and `/readyz` say of loops that go on, stall and end."""

import asyncio
import socket

import aiohttp
import pytest

from imchat_operator.shell.health import Health


class Clock:
    """Stands still until it is set."""

    seconds = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.mark.parametrize(
    ("waited", "ills"),
    [
        pytest.param(10.0, (), id="a loop that is due this moment is in time"),
        pytest.param(13.4, ("the loop of chat/main is 3s late",), id="a loop that is overdue"),
    ],
)
def test_a_loop_has_to_beat_again_in_time(waited: float, ills: tuple[str, ...]) -> None:
    clock = Clock()
    health = Health(clock)
    health.beat("the loop of chat/main", within=5.0)
    health.beat("the loop of chat/main", within=10.0)
    clock.seconds += waited
    assert health.ills() == ills


def test_nothing_is_expected_of_a_loop_that_is_over() -> None:
    clock = Clock()
    health = Health(clock)
    health.beat("the loop of chat/main", within=1.0)
    health.over("the loop of chat/main")
    health.over("a loop that never beat")
    clock.seconds += 100
    assert not health.ills()


def test_a_task_that_died_stays_an_ill() -> None:
    health = Health(Clock())
    health.died("the resync", "KeyError('spec')")
    assert health.ills() == ("the resync ended: KeyError('spec')",)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _said(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def test_the_endpoints_say_what_is_wrong_and_whether_it_serves() -> None:
    clock, port = Clock(), free_port()
    health = Health(clock)
    async with health.served("127.0.0.1", port):
        assert await _said(port, "/healthz") == (200, "ok\n")
        assert await _said(port, "/readyz") == (503, "it is starting\n")
        health.is_ready = True
        assert await _said(port, "/readyz") == (200, "ok\n")
        health.beat("the resync", within=1.0)
        clock.seconds += 3
        late = (503, "the resync is 2s late\n")
        assert await _said(port, "/healthz") == late
        assert await _said(port, "/readyz") == late
    with pytest.raises(aiohttp.ClientConnectionError):
        await _said(port, "/healthz")


async def test_port_0_is_no_endpoint() -> None:
    async with Health().served("127.0.0.1", 0):
        await asyncio.sleep(0)
