"""The keeper of the windows against a server that answers while windows come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from kubernetes.aio import client

from imchat_operator.shell.health import Health
from imchat_operator.shell.kube import Api
from imchat_operator.shell.maintenance import Windows

_SECONDS = 10
_SCHEDULE = {"once": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}}

_LASTING = {"once": {"start": "2026-01-01T00:00:00Z", "end": "2999-01-02T00:00:00Z"}}


def _window(name: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "chat",
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"schedules": [_SCHEDULE]},
    }


@asynccontextmanager
async def _kept(
    on_write: Callable[[Windows, str], None],
    on_event: Callable[[dict[str, Any]], int] = lambda _: 201,
    on_status: Callable[[dict[str, Any]], None] = lambda _: None,
) -> AsyncIterator[tuple[Windows, list[str]]]:
    """Run a keeper.

    `on_write` is called with the name of each window whose status is written, `on_event` with each
    Event; it returns the HTTP status of the answer; `on_status` with each status.
    """
    written: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.json_response({}, status=on_event(await request.json()))
        written.append(request.match_info["name"])
        on_write(windows, written[-1])
        body = await request.json()
        on_status(body["status"])
        return web.json_response(body)

    app = web.Application()
    root = "/apis/imchat.dev/v1alpha1/namespaces/chat/maintenancewindows"
    app.router.add_put(f"{root}/{{name}}/status", answer)
    app.router.add_post("/api/v1/namespaces/chat/events", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with Api.session(configuration) as api:
        windows = Windows(api, lambda _: None, lambda _: (), Health())
        task = asyncio.create_task(windows.run())
        try:
            yield windows, written
            assert not task.done(), "the keeper goes on"
        finally:
            task.cancel()
            await asyncio.wait([task])
            await runner.cleanup()


async def _until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(_SECONDS):
        while not what():  # noqa: ASYNC110 -- the keeper is another task, not an event
            await asyncio.sleep(0.01)


async def test_a_window_that_comes_while_another_is_written_is_kept_too() -> None:
    def on_write(windows: Windows, name: str) -> None:
        if name == "first":
            windows.changed(_window("second"))

    async with _kept(on_write) as (windows, written):
        windows.changed(_window("first"))
        await _until(lambda: written[:2] == ["first", "second"])
        assert windows.known() == {"uid-first", "uid-second"}


async def test_a_window_that_goes_while_it_is_written_does_not_come_back() -> None:
    def on_write(windows: Windows, name: str) -> None:
        if name == "first":
            windows.gone("uid-first")

    async with _kept(on_write) as (windows, written):
        windows.changed(_window("first"))
        windows.changed(_window("second"))
        await _until(lambda: written[:2] == ["first", "second"])
        assert windows.known() == {"uid-second"}
        assert [w.name for w in windows.of("chat")] == ["second"]


async def test_a_version_of_a_window_is_read_once_and_a_newer_one_anew() -> None:
    async with _kept(lambda *_: None) as (windows, written):
        windows.changed(_window("first"))
        await _until(lambda: written[:1] == ["first"])
        (before,) = windows.of("chat")
        assert windows.of("chat")[0] is before
        newer = {**_window("first"), "spec": {"schedules": [_LASTING]}}
        newer["metadata"] = {**newer["metadata"], "resourceVersion": "2", "generation": 2}
        windows.changed(newer)
        (after,) = windows.of("chat")
        assert (before.generation, after.generation) == (1, 2)
        assert before.spec != after.spec


async def test_an_event_that_could_not_be_posted_comes_first_again_under_the_same_name() -> None:
    tries: list[tuple[str, str]] = []

    def on_event(event: dict[str, Any]) -> int:
        tries.append((event["reason"], event["metadata"]["name"]))
        return 503 if len(tries) == 1 else 201

    async with _kept(lambda *_: None, on_event) as (windows, written):
        windows.changed({**_window("first"), "spec": {"schedules": [_LASTING]}})
        await _until(lambda: len(tries) == 4)
        await _until(lambda: len(written) >= 2)
    assert [reason for reason, _ in tries] == [
        "MaintenanceScheduled",
        "MaintenanceScheduled",
        "WindowOpen",
        "ShortNotice",
    ]
    assert tries[0] == tries[1]


async def test_a_promised_event_is_posted_by_the_operator_that_follows() -> None:
    promised = {
        "name": "first.1",
        "kind": "MaintenanceWindow",
        "object": "first",
        "uid": "uid-first",
        "type": "Normal",
        "reason": "WindowOpen",
        "action": "Observe",
        "message": "Healing is held",
        "at": "2026-01-01T00:00:00Z",
    }
    names: list[str] = []

    def on_event(event: dict[str, Any]) -> int:
        names.append(event["metadata"]["name"])
        return 409  # the one before it had posted it

    async with _kept(lambda *_: None, on_event) as (windows, written):
        windows.changed({**_window("first"), "status": {"pendingEvents": [promised]}})
        await _until(lambda: len(written) == 2)
    assert names[0] == "first.1"
    assert names.count("first.1") == 1


async def test_an_older_version_of_a_window_is_not_taken_over() -> None:
    async with _kept(lambda *_: None) as (windows, _):
        new, old = _window("first"), _window("first")
        new["metadata"] |= {"resourceVersion": "12", "generation": 2}
        old["metadata"] |= {"resourceVersion": "9"}
        windows.changed(new)
        windows.changed(old)
        assert [w.generation for w in windows.of("chat")] == [2]


async def test_a_window_that_can_not_be_read_is_told_once() -> None:
    statuses: list[dict[str, Any]] = []
    told: list[str] = []

    def on_event(event: dict[str, Any]) -> int:
        told.append(event["message"])
        return 201

    async with _kept(lambda _, __: None, on_event, statuses.append) as (windows, written):
        broken = _window("broken")
        broken["spec"] = {"schedules": "always"}
        windows.changed(broken)
        await _until(lambda: bool(told))
        windows.look_again()
        windows.changed(_window("next"))
        await _until(lambda: "next" in written)
        assert windows.of("chat")[0].name == "next", "it holds nothing"
    assert written.count("broken") == 1
    (valid,) = statuses[0]["conditions"]
    assert (valid["status"], valid["reason"]) == ("False", "WindowInvalid")
    assert valid["message"] == "spec.schedules: Input should be a valid tuple"
    assert told[0] == f"Valid: {valid['message']}"
