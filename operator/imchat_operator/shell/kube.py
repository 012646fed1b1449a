"""The Kubernetes API: one authenticated client, requests in plain JSON, errors as values to match.

The only place that talks to the API server (kopf's own watches aside). Bodies are dicts: the
operator reads few fields of many objects, and the official client's typed models cost more than
they tell.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from kubernetes.aio import client

from imchat_operator.http_session import TooLargeError, content
from imchat_operator.shell.login import unredirected
from imchat_operator.shell.telemetry import Call, api_call

Json = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_REQUESTS_AT_ONCE = 100  # the others wait; watches are not among them
_PAGE = "100"
# A page of objects that are far larger than usual; more would cost more memory than a pod has.
_LARGEST_ANSWER = 32 << 20
_LARGEST_REFUSAL = 1 << 20
_LONGEST_MESSAGE = 200
_SECONDS = re.compile(r"[1-9][0-9]{0,5}")


class FencedError(Exception):
    """This replica may not write: another one leads, or may."""


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: HTTP's number for it.
        reason: Kubernetes' word for it; empty where it has none.
        retry_after: when to ask again, where the API server says so.
        causes: what led to it, in sentences.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after: timedelta | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.causes = causes


UNANSWERED = (aiohttp.ClientError, TimeoutError, OSError)
"""What a request raises to which the API server did not answer."""
FAILED = (ApiError, *UNANSWERED)
"""What a request raises that was not done, or not for all that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Where objects of one kind live in the API."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of a collection, an object or its subresource.

        Raises:
            ValueError: a name would lead elsewhere.
        """
        return _path(
            *(("apis", self.group, self.version) if self.group else ("api", self.version)),
            *(("namespaces", namespace) if namespace else ()),
            self.plural,
            *((name,) if name else ()),
            *((subresource,) if subresource else ()),
        )


def _path(*parts: str) -> str:
    """Return the URL path with these parts, each of them one segment whatever it says.

    Names come from custom resources: `x/../../another/deployments/victim` must be no way to have
    the operator change what its author may not.
    """
    if not {"", ".", ".."}.isdisjoint(parts):
        raise ValueError(f"{'/'.join(parts)!r} is no path: names are not empty, `.` or `..`")
    return "/" + "/".join(quote(part, safe="") for part in parts)


PODS = Resource(group="", version="v1", plural="pods")
NODES = Resource(group="", version="v1", plural="nodes")
AUTOSCALERS = Resource(group="autoscaling", version="v2", plural="horizontalpodautoscalers")
BUDGETS = Resource(group="policy", version="v1", plural="poddisruptionbudgets")
LEASES = Resource(group="coordination.k8s.io", version="v1", plural="leases")
POD_METRICS = Resource(group="metrics.k8s.io", version="v1beta1", plural="pods")
EVENTS = Resource(group="", version="v1", plural="events")


def _always() -> bool:
    return True


class Api:
    """A session with the API server; `may_write` is asked before each write."""

    def __init__(
        self, configuration: client.Configuration, may_write: Callable[[], bool] = _always
    ) -> None:
        configuration.client_session_kwargs = {"middlewares": (unredirected,), "trust_env": False}
        # A watch holds its connection: watches would leave none of a limited pool to requests.
        configuration.connection_pool_maxsize = 0
        self._watching = client.ApiClient(configuration)
        configuration.connection_pool_maxsize = _REQUESTS_AT_ONCE
        self._client = client.ApiClient(configuration)
        self._may_write = may_write
        self._kinds: dict[tuple[str, str], Resource] = {}
        self._discovering: dict[str, asyncio.Task[None]] = {}

    @classmethod
    @asynccontextmanager
    async def session(
        cls, configuration: client.Configuration, may_write: Callable[[], bool] = _always
    ) -> AsyncIterator[Self]:
        """Yield a session, and close it."""
        api = cls(configuration, may_write)
        try:
            yield api
        finally:
            await api._client.close()  # type: ignore[no-untyped-call]
            await api._watching.close()  # type: ignore[no-untyped-call]

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """Send a request and return the answer.

        Raises:
            ApiError: the API server refused.
            FencedError: it is a write, and this replica may not.
            aiohttp.ClientError, TimeoutError: it did not answer.
        """
        if method != "GET":
            self.require_write()
        with api_call(method, path, is_watch=False) as call:
            parts = (method, path, query or {}, body, content_type, _TIMEOUT)
            async with self._answer(*parts, call) as answer:
                return await _json(answer)

    def require_write(self) -> None:
        """See that this replica may change anything now.

        Raises:
            FencedError: it may not.
        """
        if not self._may_write():
            raise FencedError("this replica does not lead any more; nothing is written")

    async def items(self, path: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """List a collection; return its objects and the list's resourceVersion."""
        found, version = list[Json](), ""
        async for page in self.pages(path, query):
            found.extend(page["items"])
            version = page["metadata"]["resourceVersion"]
        return found, version

    async def pages(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Json]:
        """Yield a collection page by page, for who does not want to hold all of it at a time."""
        token: str | None = ""
        while token is not None:
            page = {**query, "limit": _PAGE, **({"continue": token} if token else {})}
            answer = await self.request("GET", path, query=page)
            token = answer["metadata"].get("continue") or None
            yield answer

    async def watch(
        self, path: str, query: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[Json]:
        """Yield watch events as the API server sends them, until it or the limits end it."""
        with api_call("GET", path, is_watch=True) as call:
            parts = ("GET", path, query, None, "", limits)
            async with self._answer(*parts, call, self._watching) as answer:
                async for line in answer.content:
                    yield json.loads(line)

    async def resource(self, api_version: str, kind: str) -> Resource | None:
        """Return where a kind lives, from discovery; None where the API server has no such kind.

        Those who want to know of the same version at the same time, as all clusters do when the
        operator starts, have one answer.
        """
        if (api_version, kind) not in self._kinds:
            asked = self._discovering.get(api_version)
            if asked is None:
                asked = asyncio.create_task(self._discovered(api_version))
                self._discovering[api_version] = asked
                asked.add_done_callback(lambda _: self._discovering.pop(api_version))
            await asyncio.shield(asked)
        return self._kinds.get((api_version, kind))

    async def _discovered(self, api_version: str) -> None:
        """Ask which kinds there are; a version that there is not has none."""
        group, _, version = api_version.rpartition("/")
        path = _path("apis", group, version) if group else _path("api", version)
        try:
            listed = await self.request("GET", path)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
            raise
        for entry in listed["resources"]:
            if "/" not in entry["name"]:
                found = Resource(group=group, version=version, plural=entry["name"])
                self._kinds[api_version, entry["kind"]] = found

    @asynccontextmanager
    async def _answer(  # noqa: PLR0913, PLR0917 -- the parts of an HTTP request
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        content_type: str,
        limits: aiohttp.ClientTimeout,
        call: Call,
        session: client.ApiClient | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        parts = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        method, url, all_headers, _, _ = parts
        try:
            raw = await (session or self._client).call_api(
                method, url, all_headers, body, _request_timeout=limits, _preload_content=False
            )
        except aiohttp.ClientResponseError as error:
            # Without the cause: its repr has the headers that were sent, the token among them.
            why = f"answered with what is no HTTP: {error.message}"[:_LONGEST_MESSAGE]
            raise ApiError(error.status, "", why) from None
        answer: aiohttp.ClientResponse = raw.response
        call.code = str(answer.status)
        async with answer:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise _error(answer.status, await _status(answer), answer.headers)
            yield answer


async def _json(answer: aiohttp.ClientResponse) -> Json:
    try:
        found: Json = json.loads(await content(answer, _LARGEST_ANSWER))
    except TooLargeError as error:
        raise ApiError(answer.status, "", f"answered with {error}") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(answer.status, "", "answered with no JSON") from error
    return found


async def _status(answer: aiohttp.ClientResponse) -> Json:
    """Return the Status that a refusal is; text that is none is its message."""
    try:
        text = (await content(answer, _LARGEST_REFUSAL)).decode(errors="replace")
        found = json.loads(text)
    except TooLargeError as error:
        text, found = str(error), None
    except (ValueError, RecursionError):
        found = None
    return {"message": text[:_LONGEST_MESSAGE], **(found if isinstance(found, dict) else {})}


def _error(code: int, status: Json, headers: Mapping[str, str]) -> ApiError:
    details: Json = status.get("details") or {}
    seconds = str(details.get("retryAfterSeconds") or headers.get("Retry-After", ""))
    return ApiError(
        code,
        status.get("reason", ""),
        status.get("message", ""),
        retry_after=timedelta(seconds=int(seconds)) if _SECONDS.fullmatch(seconds) else None,
        causes=tuple(cause.get("message", "") for cause in details.get("causes") or ()),
    )
