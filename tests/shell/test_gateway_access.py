"""Gateways behind TLS and a token: whom the operator believes, and who is shown the token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from tests.shell.certificates import self_signed
from tests.shell.serving import served

from imchat_operator.core.snapshot import Reading, Reported, Unreadable
from imchat_operator.models import Metrics
from imchat_operator.settings import GatewayAccess
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import Gateways, RefusedError

METRICS = Metrics.model_validate({"timeout": "30s"})
NAME = "gateway.chat.svc"


@dataclass(slots=True)
class Fleet:
    """One gateway and what it was shown."""

    gateways: Gateways
    port: int
    shown: list[str | None] = field(default_factory=list)

    async def reading(self, namespace: str = "chat") -> Reading:
        """Ask it as the gateway of a namespace."""
        address = Address(host="127.0.0.1", port=self.port, namespace=namespace)
        return (await self.gateways.scrape(address, METRICS)).reading


@asynccontextmanager
async def fleet(
    tmp_path: Path, *, name: str = NAME, ca: Path | None = None, tls: bool = True
) -> AsyncIterator[Fleet]:
    """Serve a gateway that is called so; ask it as configured for the namespace chat."""
    context, own = self_signed(tmp_path, name)
    token = tmp_path / "token"
    token.write_text("canary")
    access = GatewayAccess(
        namespace="chat",
        ca_file=str(ca or own),
        server_name=NAME,
        token_file=str(token),
    )
    shown: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        shown.append(request.headers.get("Authorization"))
        return web.Response(text="imchat_gateway_connections 3\nimchat_gateway_connections_max 9\n")

    async with served(answer, context if tls else None) as port, Gateways([access]) as gateways:
        yield Fleet(gateways=gateways, port=port, shown=shown)


async def test_a_gateway_that_proves_its_name_is_shown_the_token(tmp_path: Path) -> None:
    async with fleet(tmp_path) as found:
        assert await found.reading() == Reported(connections=3, capacity=9)
        (tmp_path / "token").write_text("rotated\n")
        await found.reading()
    assert found.shown == ["Bearer canary", "Bearer rotated"]


async def test_one_of_another_name_is_not_believed_and_shown_nothing(tmp_path: Path) -> None:
    async with fleet(tmp_path, name="gateway.another.svc") as found:
        reading = await found.reading()
    assert isinstance(reading, Unreadable)
    assert reading.why.startswith("not believed: Hostname mismatch")
    assert found.shown == []


async def test_one_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    _, ca = self_signed(tmp_path / "another", NAME)
    async with fleet(tmp_path, ca=ca) as found:
        reading = await found.reading()
    assert isinstance(reading, Unreadable)
    assert reading.why.startswith("not believed: self-signed certificate")
    assert found.shown == []


async def test_one_without_tls_is_not_asked_in_the_clear(tmp_path: Path) -> None:
    async with fleet(tmp_path, tls=False) as found:
        reading = await found.reading()
    assert reading == Unreadable(why="not believed: no TLS")
    assert found.shown == []


async def test_gateways_of_other_namespaces_are_shown_nothing(tmp_path: Path) -> None:
    async with fleet(tmp_path, tls=False) as found:
        assert await found.reading("another") == Reported(connections=3, capacity=9)
    assert found.shown == [None]


async def test_without_its_token_a_gateway_is_not_asked(tmp_path: Path) -> None:
    async with fleet(tmp_path) as found:
        (tmp_path / "token").write_text("")
        reading = await found.reading()
        address = Address(host="127.0.0.1", port=found.port, namespace="chat")
        with pytest.raises(RefusedError, match=r"^not asked: the token file holds no token: "):
            await found.gateways.cancel_drain(address)
    assert isinstance(reading, Unreadable)
    assert found.shown == []


async def test_an_authority_that_is_rotated_counts_from_the_next_call_on(tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    _, wrong = self_signed(tmp_path / "another", NAME)
    ca = tmp_path / "mounted.crt"
    ca.write_bytes(wrong.read_bytes())
    async with fleet(tmp_path, ca=ca) as found:
        assert isinstance(await found.reading(), Unreadable)
        ca.write_bytes((tmp_path / "ca.crt").read_bytes())
        assert await found.reading() == Reported(connections=3, capacity=9)
