"""With which token a Prometheus is asked, and which certificate it must show."""

import re
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from tests.shell.certificates import self_signed
from tests.shell.serving import body, served, vector

from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.prometheus import NoFiguresError, Prometheus

_SECRET = "very-secret"  # noqa: S105 -- of a test


async def told(client: Prometheus) -> dict[str, float]:
    patience = timedelta(seconds=30)
    return await client.by_pod("main", "up", "chat", within=patience, lookback=patience)


def configured(port: int, *, scheme: str = "http", **files: Path) -> dict[str, PrometheusServer]:
    url = f"{scheme}://127.0.0.1:{port}"
    paths = {name: str(path) for name, path in files.items()}
    return {"main": PrometheusServer.model_validate({"name": "main", "url": url, **paths})}


async def test_the_token_is_the_one_that_the_file_holds_now(tmp_path: Path) -> None:
    token = tmp_path / "token"
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.json_response(vector())

    async with served(answer) as port, Prometheus(configured(port, token_file=token)) as client:
        token.write_text("first\n")
        await told(client)
        token.write_text("second")
        await told(client)
    async with served(answer) as port, Prometheus(configured(port)) as client:
        await told(client)
    assert seen == ["Bearer first", "Bearer second", None]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(f"{_SECRET}\nmore".encode(), id="two lines"),
        pytest.param(f"{_SECRET}\x01".encode(), id="a control character"),
        pytest.param(_SECRET.encode() + b"\xff", id="no text"),
    ],
)
async def test_a_file_that_holds_no_token_is_refused_without_showing_it(
    tmp_path: Path, content: bytes
) -> None:
    token = tmp_path / "token"
    token.write_bytes(content)
    async with (
        served(body(vector())) as port,
        Prometheus(configured(port, token_file=token)) as client,
    ):
        with pytest.raises(NoFiguresError) as caught:
            await told(client)
    why = f"Prometheus main is not asked: the token file holds no token: {token}"
    assert str(caught.value) == why
    assert _SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_token_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with Prometheus(configured(9, token_file=token)) as client:
        sentence = (
            f"Prometheus main is not asked: the token file .*No such file.*{re.escape(str(token))}"
        )
        with pytest.raises(NoFiguresError, match=sentence):
            await told(client)


@pytest.mark.parametrize(
    "status", [pytest.param(401, id="it is not let in"), pytest.param(500, id="all is broken")]
)
async def test_no_error_tells_the_token(tmp_path: Path, status: int) -> None:
    token = tmp_path / "token"
    token.write_text(_SECRET)

    async def echo(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {_SECRET}"
        return web.Response(text=str(request.headers), status=status)

    async with served(echo) as port, Prometheus(configured(port, token_file=token)) as client:
        with pytest.raises(NoFiguresError) as answered:
            await told(client)
    async with Prometheus(configured(port, token_file=token)) as client:
        with pytest.raises(NoFiguresError) as unanswered:
            await told(client)
    for error in (answered.value, unanswered.value):
        assert _SECRET not in str(error)
        assert _SECRET not in repr(error.__cause__)


async def test_a_certificate_of_the_ca_file_is_believed(tmp_path: Path) -> None:
    tls, ca = self_signed(tmp_path, "127.0.0.1")
    async with (
        served(body(vector(("a", "1"))), tls) as port,
        Prometheus(configured(port, scheme="https", ca_file=ca)) as client,
    ):
        assert await told(client) == {"a": 1.0}
        assert await told(client) == {"a": 1.0}


async def test_a_certificate_of_nobody_is_not_believed(tmp_path: Path) -> None:
    tls, _ = self_signed(tmp_path, "127.0.0.1")
    token = tmp_path / "token"
    token.write_text(_SECRET)
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return web.json_response(vector())

    async with (
        served(answer, tls) as port,
        Prometheus(configured(port, scheme="https", token_file=token)) as client,
    ):
        with pytest.raises(NoFiguresError, match=r"can't be asked: .*CERTIFICATE_VERIFY_FAILED"):
            await told(client)
    assert not asked, "the token is not shown to a stranger"


async def test_a_certificate_of_another_host_is_not_believed(tmp_path: Path) -> None:
    tls, ca = self_signed(tmp_path, "127.0.0.2")
    async with (
        served(body(vector()), tls) as port,
        Prometheus(configured(port, scheme="https", ca_file=ca)) as client,
    ):
        with pytest.raises(NoFiguresError, match=r"can't be asked: .*CERTIFICATE_VERIFY_FAILED"):
            await told(client)


@pytest.mark.parametrize(
    "content", [pytest.param(None, id="not there"), pytest.param("nonsense", id="no certificate")]
)
async def test_a_ca_file_that_can_not_be_used_is_said(tmp_path: Path, content: str | None) -> None:
    ca = tmp_path / "ca.crt"
    if content is not None:
        ca.write_text(content)
    async with Prometheus(configured(9, scheme="https", ca_file=ca)) as client:
        with pytest.raises(NoFiguresError, match=r"^Prometheus main is not asked: the CA file "):
            await told(client)
