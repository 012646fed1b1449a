"""The Kubernetes API: one authenticated client, requests in plain JSON, errors as values to match.

The only place that talks to the API server (kopf's own watches aside). Bodies are dicts: the
operator reads few fields of many objects, and the official client's typed models cost more than
they tell.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import aiohttp
from kubernetes.aio import client, config

from imchat_operator.shell.telemetry import Call, api_call

Json = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_PAGE = "500"
_SECONDS = re.compile(r"[1-9][0-9]{0,5}")


def has_kubeconfig() -> bool:
    """Whether KUBECONFIG says where the API server is; else the operator runs in a pod."""
    return "KUBECONFIG" in os.environ


async def configured() -> client.Configuration:
    """Return how to reach the API server, from KUBECONFIG or as a pod does.

    Raises:
        kubernetes.aio.config.ConfigException: neither tells.
    """
    configuration = client.Configuration()
    if has_kubeconfig():
        await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Where objects of one kind live in the API."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of a collection, an object or its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [
            *(("namespaces", namespace) if namespace else ()),
            self.plural,
            *((name,) if name else ()),
            *((subresource,) if subresource else ()),
        ]
        return "/".join([root, *parts])


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
        self._client = client.ApiClient(configuration)
        self._may_write = may_write
        self._kinds: dict[tuple[str, str], Resource] = {}

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
                found: Json = await answer.json()
                return found

    def require_write(self) -> None:
        """See that this replica may change anything now.

        Raises:
            FencedError: it may not.
        """
        if not self._may_write():
            raise FencedError("this replica does not lead any more; nothing is written")

    async def items(self, path: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """List a collection page by page; return its objects and the list's resourceVersion."""
        found: list[Json] = []
        token = ""
        while True:
            page = {**query, "limit": _PAGE, **({"continue": token} if token else {})}
            answer = await self.request("GET", path, query=page)
            found.extend(answer["items"])
            token = answer["metadata"].get("continue", "")
            if not token:
                return found, answer["metadata"]["resourceVersion"]

    async def watch(
        self, path: str, query: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[Json]:
        """Yield watch events as the API server sends them, until it or the limits end it."""
        with api_call("GET", path, is_watch=True) as call:
            async with self._answer("GET", path, query, None, "", limits, call) as answer:
                async for line in answer.content:
                    yield json.loads(line)

    async def resource(self, api_version: str, kind: str) -> Resource | None:
        """Return where a kind lives, from discovery; None where the API server has no such kind."""
        if (api_version, kind) not in self._kinds:
            group, _, version = api_version.rpartition("/")
            path = f"/apis/{api_version}" if group else f"/api/{version}"
            try:
                listed = await self.request("GET", path)
            except ApiError as error:
                if error.status == 404:  # noqa: PLR2004 -- HTTP's own number
                    return None
                raise
            for entry in listed["resources"]:
                if "/" not in entry["name"]:
                    found = Resource(group=group, version=version, plural=entry["name"])
                    self._kinds[api_version, entry["kind"]] = found
        return self._kinds.get((api_version, kind))

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
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        parts = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        method, url, all_headers, sent, _ = parts
        raw = await self._client.call_api(
            method, url, all_headers, sent, _request_timeout=limits, _preload_content=False
        )
        answer: aiohttp.ClientResponse = raw.response
        call.code = str(answer.status)
        async with answer:
            if answer.status >= 400:  # noqa: PLR2004 -- HTTP's own number
                text = await answer.text()
                raise _error(answer.status, _status(text), answer.headers)
            yield answer


def _status(text: str) -> Json:
    """Return the Status that a refusal is; text that is none is its message."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return {"message": text[:200], **(found if isinstance(found, dict) else {})}


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
