from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

import loopback_node
from loopback_node.api import connected
from loopback_node.reflector import Changed, Listed, Reflector
from loopback_node.workbench import (
    ask,
    container_status,
    eventually,
    is_alive,
    process_id,
    workbench,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from controlplane import ControlPlane
    from loopback_node.api import Json


class Cable:
    """A TCP connection to the API server that can be pulled."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def plug(self) -> None:
        """Carry connections, always on the same port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def pull(self) -> None:
        """Cut every connection and take no new ones."""
        if self._server:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection(*self._target)
            await asyncio.gather(_copy(reader, far), _copy(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            for side in (writer, far):
                if side:
                    side.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def cable_to(control_plane: ControlPlane, kubeconfig: Path) -> AsyncIterator[Cable]:
    server = urlsplit(control_plane.server)
    assert server.hostname
    assert server.port
    cable = Cable(server.hostname, server.port)
    await cable.plug()
    text = control_plane.kubeconfig.read_text().replace(
        control_plane.server, f"https://127.0.0.1:{cable.port}"
    )
    await asyncio.to_thread(kubeconfig.write_text, text)
    try:
        yield cable
    finally:
        await cable.pull()


async def test_nodes_catch_up_after_the_api_server_was_out_of_reach(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    prefix = f"cable-{secrets.token_hex(3)}"
    kubeconfig = tmp_path / "kubeconfig"
    async with cable_to(control_plane, kubeconfig) as cable:
        with ExitStack() as stack:
            nodes = loopback_node.running(kubeconfig, nodes=1, prefix=prefix, lease_interval=1.0)
            await asyncio.to_thread(stack.enter_context, nodes)
            async with workbench(control_plane.kubeconfig, prefix) as bench:
                for name in ("forced", "leaving", "crashing"):
                    await bench.create_pod(name, bench.pod_spec())
                forced = await bench.ready_pod("forced")
                leaving = await bench.ready_pod("leaving")
                crashing = await bench.ready_pod("crashing")

                await cable.pull()
                await bench.api.delete(f"{bench.pods}/forced", {"gracePeriodSeconds": 0})
                await bench.api.delete(f"{bench.pods}/leaving")
                await bench.create_pod("new", bench.pod_spec())
                await ask(crashing, "/exit/1", method="POST")
                assert is_alive(process_id(forced))
                assert is_alive(process_id(leaving))
                await cable.plug()

                await bench.ready_pod("new")
                await eventually(
                    lambda: bench.pod("crashing"),
                    lambda pod: container_status(pod)["restartCount"] == 1,
                )
                await bench.ready_pod("crashing")
                found = await eventually(
                    lambda: bench.api.get(bench.pods),
                    lambda found: len(found["items"]) == 2,
                )
                names = {pod["metadata"]["name"] for pod in found["items"]}
                assert names == {"new", "crashing"}
                await eventually(
                    lambda: _alive(forced, leaving), lambda found: not found["alive"], within=10
                )
            await asyncio.to_thread(stack.close)


async def _alive(*pods: Json) -> Json:
    return {"alive": [pod for pod in pods if is_alive(process_id(pod))]}


def pod(name: str, version: int) -> Json:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def listing(version: int, *names: str) -> Json:
    return {
        "metadata": {"resourceVersion": str(version)},
        "items": [pod(name, version) for name in names],
    }


GONE = {"code": 410, "message": "too old resource version"}
# What the server answers to each list and each watch in turn; a number is a bare HTTP answer. A
# real API server forgets its history only after minutes, which is why one is played here.
LISTS = [listing(1, "a", "b"), listing(5, "b"), listing(9, "b", "c")]
WATCHES: list[list[Json] | int] = [
    [{"type": "ADDED", "object": pod("x", 2)}, {"type": "ERROR", "object": GONE}],
    410,
    [{"type": "BOOKMARK", "object": pod("", 12)}],
    503,
    [{"type": "DELETED", "object": pod("c", 13)}],
]


async def test_a_reflector_lists_anew_after_410_and_otherwise_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    lists, watches = iter(LISTS), iter(WATCHES)
    since: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response(next(lists))
        since.append(request.query["resourceVersion"])
        events = next(watches, 503)
        if isinstance(events, int):
            return web.json_response({"message": "no"}, status=events)
        return web.Response(text="".join(json.dumps(event) + "\n" for event in events))

    app = web.Application()
    app.router.add_get("/api/v1/pods", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    seen: list[tuple[str, ...]] = []
    try:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(runner.addresses[0][1])))
        async with asyncio.timeout(20), connected(kubeconfig) as api:
            async for change in Reflector(api, "/api/v1/pods").changes():
                match change:
                    case Listed(items=items):
                        seen.append(tuple(item["metadata"]["name"] for item in items))
                    case Changed(item=item, gone=gone):
                        seen.append(("gone" if gone else "changed", item["metadata"]["name"]))
                if len(seen) == 5:
                    break
    finally:
        await runner.cleanup()
    assert seen == [("a", "b"), ("changed", "x"), ("b",), ("b", "c"), ("gone", "c")]
    assert since == ["1", "5", "9", "12", "12"]


def _kubeconfig(port: int) -> Json:
    return {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
        "users": [{"name": "c", "user": {}}],
    }
