"""What samples tell of a gateway beside its load: when it spoke last, and its traffic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes.aio import client
from tests.core.fleet import NOON, at, spec
from tests.shell.serving import served, text

from imchat_operator.core.snapshot import NotAsked, Reading, Reported, Silent, Unreadable
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.kube import Api
from imchat_operator.shell.load import LoadSource
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.signals import Asked

FIGURES = "imchat_gateway_connections 300\nimchat_gateway_connections_max 1000\n"
NOBODY = Address(host="127.0.0.1", port=9)
MESSAGES = "imchat_gateway_messages_total"
ERRORS = "imchat_gateway_errors_total"


@dataclass(slots=True)
class Source:
    """Samples of one gateway, at moments of the test's choice."""

    now: datetime = NOON
    load: LoadSource = field(init=False)

    async def reading(self, seconds: float, address: Address | None, **zombie: str) -> Reading:
        """Return what gateway `a` says so many seconds after noon; without an address, nothing."""
        self.now = at(seconds)
        asked = Asked(
            spec=spec(healing={"zombie": zombie}), namespace="chat", selector="app=gateway", pods=()
        )
        addresses = {} if address is None else {"uid-a": address}
        sample = await self.load.sample(
            asked, addresses, frozenset(), datetime.max.replace(tzinfo=UTC)
        )
        return sample.reading("uid-a")

    async def said(self, seconds: float, content: str, **zombie: str) -> Reading:
        """Return what it says if that is its answer."""
        async with served(text(content)) as port:
            return await self.reading(seconds, Address(host="127.0.0.1", port=port), **zombie)


@asynccontextmanager
async def sampling() -> AsyncIterator[Source]:
    source = Source()
    async with (
        Api.session(client.Configuration(host="http://127.0.0.1:9")) as api,
        Gateways() as gateways,
        Prometheus({}) as prometheus,
    ):
        source.load = LoadSource(api, gateways, prometheus, now=lambda: source.now)
        yield source


def last_answer(reading: Reading) -> datetime | None:
    assert isinstance(reading, Silent)
    return reading.last_answer


async def test_when_a_silent_gateway_spoke_last_is_remembered_until_it_is_gone() -> None:
    async with sampling() as source:
        assert last_answer(await source.reading(0, NOBODY)) is None
        assert isinstance(await source.said(10, FIGURES), Reported)
        for seconds in (20, 30):
            assert last_answer(await source.reading(seconds, NOBODY)) == at(10)
        assert await source.reading(40, None) == NotAsked()
        assert last_answer(await source.reading(50, NOBODY)) is None


async def test_nonsense_is_an_answer_too() -> None:
    async with sampling() as source:
        assert isinstance(await source.said(0, FIGURES), Reported)
        assert isinstance(await source.said(10, "<html>"), Unreadable)
        reading = await source.reading(20, NOBODY)
    assert isinstance(reading, Silent)
    assert (reading.last_answer, reading.last_connections) == (at(10), 300)


def rates(reading: Reading) -> tuple[float | None, float | None]:
    assert isinstance(reading, Reported)
    return reading.message_rate, reading.error_rate


def counted(messages: float | str, errors: float | str) -> str:
    return f"{FIGURES}{MESSAGES} {messages}\n{ERRORS} {errors}\n"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([(0, counted(100, 1))], (None, None), id="the first time there is no rate"),
        pytest.param(
            [(0, counted(100, 1)), (30, counted(1600, 16))], (50, 0.5), id="over the time between"
        ),
        pytest.param(
            [(0, counted(100, 1)), (4, counted(900, 9))], (None, None), id="not over less than 5s"
        ),
        pytest.param(
            [(0, counted(100, 1)), (29, counted(3000, 9))], (100, None), id="errors over 30s"
        ),
        pytest.param(
            [(n, counted(100 * n, n)) for n in range(38)], (100, 1), id="sampled every second"
        ),
        pytest.param(
            [(0, counted(0, 0)), (30, counted(3000, 30)), (34, counted(3000, 30))],
            (100, 1),
            id="the last rate holds until there is a new one",
        ),
        pytest.param(
            [(0, counted(900, 9)), (30, counted(5, 0))], (None, None), id="after a restart none"
        ),
        pytest.param(
            [(0, counted(0, 0)), (30, counted("NaN", "+Inf"))], (None, None), id="no numbers, none"
        ),
        pytest.param([(0, FIGURES), (30, FIGURES)], (None, None), id="without counters none"),
        pytest.param(
            [
                (0, f'{FIGURES}{ERRORS}{{kind="a"}} 1\n{ERRORS}{{kind="b"}} 2\n'),
                (30, f'{FIGURES}{ERRORS}{{kind="a"}} 16\n{ERRORS}{{kind="b"}} 17\n'),
            ],
            (None, 1.0),
            id="summed over labels",
        ),
    ],
)
async def test_traffic_is_a_rate_over_long_enough_a_time(
    answers: list[tuple[float, str]], expected: tuple[float | None, float | None]
) -> None:
    async with sampling() as source:
        readings = [await source.said(seconds, content) for seconds, content in answers]
    assert rates(readings[-1]) == expected


@pytest.mark.parametrize(
    ("zombie", "expected"),
    [
        pytest.param({"messages": "handled_total"}, (3, 0.5), id="another counter of messages"),
        pytest.param({"errors": "handled_total"}, (50, 3), id="another counter of errors"),
        pytest.param({"messages": ""}, (None, 0.5), id="messages are not judged"),
        pytest.param({"errors": ""}, (50, None), id="errors are not judged"),
        pytest.param(
            {"messages": "handled_total", "errors": "handled_total"}, (3, 3), id="one for both"
        ),
    ],
)
async def test_the_counters_are_named_by_the_spec(
    zombie: dict[str, Any], expected: tuple[float | None, float | None]
) -> None:
    async with sampling() as source:
        await source.said(0, f"{counted(100, 1)}handled_total 0\n", **zombie)
        reading = await source.said(30, f"{counted(1600, 16)}handled_total 90\n", **zombie)
    assert rates(reading) == expected


async def test_the_counters_of_a_gateway_that_is_gone_are_forgotten() -> None:
    async with sampling() as source:
        await source.said(0, counted(0, 0))
        await source.reading(5, None)
        assert rates(await source.said(10, counted(100, 1))) == (None, None)
