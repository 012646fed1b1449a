"""An API server on loopback that answers from a table and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio import client
from tests.shell.serving import served

from imchat_operator.shell.kube import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, but for its headers; `content` is the type of its body."""

    what: str
    body: Any
    content: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(code: int, message: str = "refused", **details: Any) -> Reply:
    """Return the Status that the API server refuses with."""
    status = {"kind": "Status", "status": "Failure", "message": message, "code": code}
    return Reply(body={**status, "details": details}, status=code)


def listed(*items: dict[str, Any], version: str = "1") -> Reply:
    """Return a list of objects, all on one page."""
    return Reply(body={"metadata": {"resourceVersion": version}, "items": list(items)})


@dataclass(slots=True)
class ApiServer:
    """Answers from a table; to what is not in it, that there is no such object.

    Attributes:
        replies: the answers, by method and path: `GET /api/v1/nodes`, with or without its query.
        events: what watches deliver, by path.
        asked: the requests, but for watches.
    """

    replies: dict[str, Reply] = field(default_factory=dict)
    events: dict[str, asyncio.Queue[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        if "watch" in request.query:
            return await self._watch(request)
        what = f"{request.method} {request.path}"
        text = await request.text()
        content = request.content_type if text else ""
        self.asked.append(
            Asked(what=what, body=json.loads(text) if text else None, content=content)
        )
        exact = f"{request.method} {request.path_qs}"
        reply = self.replies.get(exact) or self.replies.get(what) or refused(404, "not found")
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        events = self.events.get(request.path, asyncio.Queue())
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(json.dumps(await events.get()).encode() + b"\n")

    @property
    def requests(self) -> list[str]:
        """The methods and paths that it was asked for."""
        return [asked.what for asked in self.asked]


@asynccontextmanager
async def session_with(server: ApiServer) -> AsyncIterator[Api]:
    """Serve, and yield a session."""
    async with served(server.answer) as port:
        configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
        async with Api.session(configuration) as api:
            yield api
