"""The cache against a server that lists and watches as the API server does on a bad day."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client

from imchat_operator.shell.kube import Api, ApiError
from imchat_operator.shell.reflector import Reflector

_SECONDS = 10


def _thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": f"uid-{name}", "name": name, "resourceVersion": str(version)}}


def _event(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": _thing(name, version)}


_GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a thing."""

    name: str
    version: str = field(compare=False)


def _kept(found: dict[str, Any]) -> Kept:
    return Kept(found["metadata"]["name"], found["metadata"]["resourceVersion"])


@dataclass(slots=True)
class Server:
    """Lists `things` in pages of one, and plays one script per watch request.

    From the second list on it has `later` things, and is at version 9, and 2 later each time.
    """

    things: list[dict[str, Any]] = field(default_factory=list)
    later: list[dict[str, Any]] = field(default_factory=list)
    scripts: list[list[dict[str, Any] | str]] = field(default_factory=list)
    lists: int = 0
    lists_answer: int = 200
    watched_from: list[str] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve a request."""
        if "watch" in request.query:
            return await self._watch(request)
        return self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        if self.lists_answer != 200:
            return web.json_response({"message": "no"}, status=self.lists_answer)
        page = int(request.query.get("continue", "0"))
        self.lists += page == 0
        things, version = (self.things, 1) if self.lists == 1 else (self.later, 5 + 2 * self.lists)
        more = page + 1 < len(things)
        metadata = {"resourceVersion": str(version)}
        return web.json_response(
            {
                "metadata": {**metadata, "continue": str(page + 1)} if more else metadata,
                "items": things[page : page + 1],
            }
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.watched_from.append(request.query["resourceVersion"])
        script = self.scripts.pop(0) if self.scripts else ["hold"]
        if script == ["refuse with 410"]:
            return web.json_response({"code": 410, "reason": "Expired"}, status=410)
        if script == ["refuse with 500"]:
            return web.json_response({"code": 500, "message": "etcd is away"}, status=500)
        response = web.StreamResponse()
        await response.prepare(request)
        for step in script:
            if step == "hold":
                await asyncio.sleep(_SECONDS)
            elif step == "wait":
                await self.goes_on.wait()
            elif step == "cut":
                assert request.transport is not None
                request.transport.abort()
            else:
                await response.write(json.dumps(step).encode() + b"\n")
        return response


@asynccontextmanager
async def _reflected(server: Server) -> AsyncIterator[tuple[Reflector[Kept], list[int]]]:
    app = web.Application()
    app.router.add_get("/things", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    changes: list[int] = []
    async with Api.session(configuration) as api:
        reflector = Reflector(api, "/things", project=_kept, on_change=lambda: changes.append(1))
        task = asyncio.create_task(reflector.run())
        try:
            yield reflector, changes
        finally:
            task.cancel()
            await asyncio.wait([task])
            await runner.cleanup()


async def _until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(_SECONDS):
        while not what():  # noqa: ASYNC110 -- the server is another task, not an event
            await asyncio.sleep(0.01)


def _names(reflector: Reflector[Kept]) -> set[str]:
    return {kept.name for kept in reflector.items.values()}


async def test_pages_are_put_together() -> None:
    server = Server(things=[_thing("a", 1), _thing("b", 1), _thing("c", 1)])
    async with _reflected(server) as (reflector, changes):
        await _until(reflector.synced.is_set)
        assert _names(reflector) == {"a", "b", "c"}
        assert not changes, "nobody has judged by less yet"


async def test_events_are_applied_and_an_unchanged_object_wakes_nobody() -> None:
    server = Server(
        things=[_thing("a", 1)],
        scripts=[
            [
                _event("ADDED", "b", 2),
                _event("MODIFIED", "a", 3),
                _event("DELETED", "a", 4),
                "hold",
            ]
        ],
    )
    async with _reflected(server) as (reflector, changes):
        await _until(lambda: _names(reflector) == {"b"})
        assert len(changes) == 2, "the addition and the deletion"


async def test_a_new_version_of_what_compares_equal_is_kept_and_wakes_nobody() -> None:
    server = Server(
        things=[_thing("a", 1)],
        scripts=[[_event("MODIFIED", "a", 2), _event("MODIFIED", "a", 3), "hold"]],
    )
    async with _reflected(server) as (reflector, changes):
        await _until(lambda: [v.version for v in reflector.items.values()] == ["3"])
        assert not changes


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(["refuse with 410"], id="410 instead of a stream"),
        pytest.param([_event("ADDED", "b", 2), _GONE], id="410 within the stream"),
    ],
)
async def test_after_410_what_is_gone_is_dropped(script: list[dict[str, Any] | str]) -> None:
    server = Server(
        things=[_thing("ghost", 1), _thing("a", 1)], later=[_thing("a", 9)], scripts=[script]
    )
    async with _reflected(server) as (reflector, _):
        await _until(lambda: len(server.watched_from) == 2)
        assert _names(reflector) == {"a"}
        assert server.watched_from == ["1", "9"]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param([_thing("a", 9)], 0, id="as before"),
        pytest.param([_thing("a", 9), _thing("b", 9)], 1, id="another one came"),
        pytest.param([], 1, id="it is gone"),
    ],
)
async def test_another_list_wakes_where_it_tells_something_new(
    later: list[dict[str, Any]], expected: int
) -> None:
    server = Server(things=[_thing("a", 1)], later=later, scripts=[["refuse with 410"]])
    async with _reflected(server) as (_, changes):
        await _until(lambda: len(server.watched_from) == 2)
        assert len(changes) == expected


async def test_a_broken_watch_goes_on_where_it_broke() -> None:
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}}
    server = Server(
        things=[_thing("a", 1)],
        scripts=[[_event("ADDED", "b", 5), bookmark, "cut"], [_event("DELETED", "b", 8), "hold"]],
    )
    async with _reflected(server) as (reflector, _):
        await _until(lambda: len(server.watched_from) == 2 and _names(reflector) == {"a"})
        assert server.watched_from == ["1", "7"]
        assert server.lists == 1


async def test_a_server_in_trouble_is_asked_again() -> None:
    server = Server(things=[_thing("a", 1)], scripts=[["refuse with 500"], ["refuse with 500"]])
    async with _reflected(server) as (reflector, _):
        await _until(lambda: len(server.watched_from) == 3)
        assert server.watched_from == ["1", "1", "1"]
        assert _names(reflector) == {"a"}


async def test_an_event_that_can_not_be_read_has_everything_listed_again() -> None:
    nonsense = {"type": "ADDED", "object": {"metadata": {"uid": "b", "resourceVersion": "2"}}}
    server = Server(things=[_thing("a", 1)], later=[_thing("c", 9)], scripts=[[nonsense]])
    async with _reflected(server) as (reflector, _):
        await _until(lambda: len(server.watched_from) == 2)
        assert server.watched_from == ["1", "9"]
        assert _names(reflector) == {"c"}


async def test_what_a_watch_is_late_to_tell_is_listed_and_its_old_news_is_none() -> None:
    late = [_event("ADDED", "b", 5), _event("DELETED", "a", 8), _event("ADDED", "d", 12)]
    server = Server(things=[_thing("a", 1)], later=[_thing("c", 9)], scripts=[["wait", *late]])
    async with _reflected(server) as (reflector, _):
        await _until(lambda: server.watched_from == ["1"])
        assert await reflector.catch_up()
        assert _names(reflector) == {"c"}
        server.goes_on.set()
        await _until(lambda: "d" in _names(reflector))
        assert _names(reflector) == {"c", "d"}


async def test_an_event_that_comes_after_a_later_one_of_another_object_counts() -> None:
    late = [_event("MODIFIED", "b", 7), _event("MODIFIED", "a", 6)]
    server = Server(things=[_thing("a", 1), _thing("b", 2)], scripts=[[*late, "hold"]])
    async with _reflected(server) as (reflector, _):
        await _until(lambda: sorted(v.version for v in reflector.items.values()) == ["6", "7"])


async def test_what_is_listed_again_is_no_news_if_the_watch_has_told_more() -> None:
    server = Server(
        things=[_thing("a", 1)], later=[], scripts=[[_event("MODIFIED", "a", 99), "hold"]]
    )
    async with _reflected(server) as (reflector, _):
        await _until(lambda: [v.version for v in reflector.items.values()] == ["99"])
        assert not await reflector.catch_up()
        assert _names(reflector) == {"a"}


async def test_what_the_watch_never_told_is_listed_until_that_is_as_new_as_the_watch() -> None:
    server = Server(
        things=[_thing("a", 1), _thing("b", 1)],
        later=[_thing("b", 10)],
        scripts=[[_event("MODIFIED", "b", 10), "hold"]],
    )
    async with _reflected(server) as (reflector, _):
        await _until(lambda: "10" in {v.version for v in reflector.items.values()})
        assert await reflector.catch_up()
        assert _names(reflector) == {"b"}
    assert server.lists == 3


async def test_a_list_that_tells_the_same_is_no_news() -> None:
    server = Server(things=[_thing("a", 1)], later=[_thing("a", 9)])
    async with _reflected(server) as (reflector, _):
        await _until(lambda: server.watched_from == ["1"])
        assert not await reflector.catch_up()
        assert [v.version for v in reflector.items.values()] == ["9"]


_AWAY: list[list[dict[str, Any] | str]] = [["refuse with 500"]] * 5  # asked again after seconds


async def test_after_an_outage_all_is_listed_at_once_for_who_judges_by_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(things=[_thing("a", 1)], later=[_thing("b", 7)], scripts=[*_AWAY])
    async with _reflected(server) as (reflector, changes):
        await _until(lambda: caplog.text.count("etcd is away") == 5)
        await asyncio.gather(*(reflector.resume() for _ in range(3)))
        assert _names(reflector) == {"b"}
        assert (server.lists, len(changes)) == (2, 1), "once, whoever else asks for it"
        await _until(lambda: len(server.watched_from) == 6)
        await reflector.resume()
        assert server.lists == 2, "what is watched again is not listed"


@pytest.mark.parametrize(
    ("status", "is_told"),
    [
        pytest.param(500, True, id="one that lasts is told to who judges by it"),
        pytest.param(403, False, id="a right that was taken away leaves what is known"),
    ],
)
async def test_an_outage_that(
    caplog: pytest.LogCaptureFixture, status: int, *, is_told: bool
) -> None:
    server = Server(things=[_thing("a", 1)], scripts=[*_AWAY])
    async with _reflected(server) as (reflector, _):
        await _until(lambda: caplog.text.count("etcd is away") == 5)
        server.lists_answer = status
        with pytest.raises(ApiError) if is_told else nullcontext():
            await reflector.resume()
        assert _names(reflector) == {"a"}


async def test_where_watches_alone_are_refused_lists_do_not_take_their_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(things=[_thing("a", 1)], scripts=[*_AWAY, ["refuse with 500"]])
    async with _reflected(server) as (reflector, _):
        for refused in (5, 6):
            await _until(lambda n=refused: caplog.text.count("etcd is away") == n)  # type: ignore[misc]
            await reflector.resume()
        assert server.lists == 2
