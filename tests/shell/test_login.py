"""What kopf's own requests meet: a watch that can't go on, and an API server that refuses."""

from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

import aiohttp
import kopf
import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.shell.serving import served

from imchat_operator.shell.handlers import configure
from imchat_operator.shell.login import web_session


async def _answered(request: web.Request) -> web.StreamResponse:
    """Have forgotten every revision."""
    status = 410 if "resourceVersion" in request.query else 200
    return web.Response(status=status, text=request.query_string)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session as kopf has it."""
    made = await web_session(client.Configuration())
    async with made:
        yield made


async def test_a_watch_that_is_refused_with_410_begins_anew(session: aiohttp.ClientSession) -> None:
    query = {"watch": "true", "resourceVersion": "7", "timeoutSeconds": "9"}
    async with (
        served(_answered) as port,
        session.get(f"http://127.0.0.1:{port}/clusters", params=query) as answer,
    ):
        assert answer.status == 200
        assert await answer.text() == "watch=true&timeoutSeconds=9"


async def test_a_list_that_is_refused_with_410_is_refused(session: aiohttp.ClientSession) -> None:
    async with (
        served(_answered) as port,
        session.get(f"http://127.0.0.1:{port}/clusters?resourceVersion=7") as answer,
    ):
        assert answer.status == 410


async def test_kopf_tries_again_for_as_long_as_it_takes() -> None:
    settings: Any = kopf.OperatorSettings()
    start: Any = configure
    await start(settings=settings)
    first, second = (list(islice(settings.networking.error_backoffs, 500)) for _ in range(2))
    assert first == second
    assert max(first) == 15
