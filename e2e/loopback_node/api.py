"""The Kubernetes API as JSON in, JSON out, through the official client's `kubernetes.aio`.

Objects are plain dicts as the API server sends them: a loopback node reads a dozen fields of
each, so building the client's models would only cost time. Every answer outside 2xx is an
`ApiError`; a connection that fails is aiohttp's `ClientError` or `TimeoutError`. `TRANSIENT` names
what is worth another try.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from kubernetes.aio import client, config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

# A watched stream is silent for a minute at most: the API server sends bookmarks.
_STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=120)
_CALL_SECONDS = 10.0

Json = dict[str, Any]


class ApiError(Exception):
    """The API server's answer outside 2xx: its HTTP code and its sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


TRANSIENT = (ApiError, aiohttp.ClientError, TimeoutError)
"""What a caller waits out and tries again."""


class Api:
    """One connection pool to one API server, which has so many seconds for each call."""

    def __init__(self, api_client: client.ApiClient, seconds: float = _CALL_SECONDS) -> None:
        self._client = api_client
        self._limit = aiohttp.ClientTimeout(total=seconds, sock_connect=seconds / 2)

    async def get(self, path: str, **query: str | int) -> Json:
        """The object or list at `path`."""
        return await self._call("GET", path, query=query)

    async def create(self, path: str, body: Json) -> Json:
        """POST `body` to the collection or subresource at `path`."""
        return await self._call("POST", path, body=body)

    async def patch(self, path: str, body: Json, content_type: str = MERGE_PATCH) -> Json:
        """PATCH the object at `path`; `content_type` says how `body` is merged."""
        return await self._call("PATCH", path, body=body, content_type=content_type)

    async def delete(self, path: str, body: Json | None = None) -> Json:
        """DELETE the object at `path`; `body` is a DeleteOptions."""
        return await self._call("DELETE", path, body=body)

    async def stream(self, path: str, **query: str | int) -> AsyncIterator[Json]:
        """The watch events of `path` as they come, until the API server ends the stream."""
        response = await self._send("GET", path, query=query, timeout=_STREAM_TIMEOUT)
        async with response:
            if response.status != HTTPStatus.OK:
                raise _error(response.status, await response.read())
            async for line in response.content:
                yield json.loads(line)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        content_type: str = JSON,
    ) -> Json:
        response = await self._send(
            method, path, query=query, body=body, content_type=content_type, timeout=self._limit
        )
        async with response:
            data = await response.read()
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise _error(response.status, data)
        answer: Json = json.loads(data)
        return answer

    async def _send(  # noqa: PLR0913 - one HTTP request has this many parts
        self,
        method: str,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own value, not a wait of ours
        query: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        content_type: str = JSON,
    ) -> aiohttp.ClientResponse:
        verb, url, headers, payload, _ = await self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": JSON, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        reply = await self._client.call_api(
            verb, url, header_params=headers, body=payload, _request_timeout=timeout
        )
        response: aiohttp.ClientResponse = reply.response
        return response


@asynccontextmanager
async def connected(
    kubeconfig: Path, scratch: Path | None = None, *, seconds: float = _CALL_SECONDS
) -> AsyncIterator[Api]:
    """An `Api` for the kubeconfig's current context, with so many seconds for each call.

    The client writes keys that the kubeconfig carries inline to files in `scratch` (default: the
    system's temporary folder).
    """
    settings = client.Configuration()
    # Loopback traffic must not wander through a proxy of the environment.
    settings.client_session_kwargs = {"trust_env": False}
    await config.load_kube_config(  # type: ignore[no-untyped-call]  # the client leaves it so
        config_file=str(kubeconfig),
        client_configuration=settings,
        temp_file_path=str(scratch) if scratch else None,
    )
    async with client.ApiClient(settings) as api_client:
        api_client.user_agent = "loopback-node"
        yield Api(api_client, seconds)


def _error(code: int, data: bytes) -> ApiError:
    try:
        message = str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        message = data[:200].decode(errors="replace")
    return ApiError(code, message)
