"""How the API server is reached and convinced: KUBECONFIG, or a pod's service account.

Both clients, ours and kopf's, log in here. Tokens of service accounts last an hour or less: each
request carries the one that its file holds now, and one that can't be read at the moment does not
replace the one that there is. A redirect is never followed.
"""

import asyncio
import os
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import yaml
from kubernetes.aio import client, config
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config.incluster_config import SERVICE_TOKEN_FILENAME

from imchat_operator.shell.credentials import CredentialsError, token_of

_PAUSE = 1.0


async def configured() -> client.Configuration:
    """Return how to reach the API server, from KUBECONFIG or as a pod does.

    Raises:
        kubernetes.aio.config.ConfigException: neither tells.
    """
    configuration = client.Configuration()
    if "KUBECONFIG" in os.environ:
        await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        token_file = _token_file(Path(os.environ["KUBECONFIG"]))
    else:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        token_file = SERVICE_TOKEN_FILENAME
    # aiohttp would do this itself, and look for a .netrc in another thread before each request.
    configuration.proxy = configuration.proxy or _proxy(configuration.host)
    if token_file:

        def refresh(known: client.Configuration) -> None:
            with suppress(CredentialsError):
                known.api_key["BearerToken"] = f"Bearer {token_of(token_file)}"

        configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]
    return configuration


def _proxy(host: str) -> str | None:
    """Return the proxy that the environment names for a URL, with NO_PROXY minded."""
    parts = urlsplit(host)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _token_file(kubeconfig: Path) -> str:
    """Return the file that the current user's token is in; the official client reads it once."""
    try:
        found = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        contexts = {c["name"]: c["context"] for c in found["contexts"]}
        users = {u["name"]: u["user"] for u in found["users"]}
        name = users[contexts[found["current-context"]]["user"]].get("tokenFile", "")
    except (AttributeError, KeyError, OSError, TypeError):
        return ""  # several files, or one that the official client has its own words for
    return str(kubeconfig.parent / name) if name else ""


async def unredirected(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Refuse to be sent elsewhere, as an aggregated API server could try (CVE-2022-3172)."""
    answer = await handler(request)
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        answer.close()
        raise aiohttp.ClientConnectionError("answered with a redirect, which is not followed")
    return answer


async def _begun_anew(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Watch on from what is there now where the API server has forgotten what was before.

    It may say so by an event or by HTTP's own 410. kopf lists again after the one, and ends the
    operator at the other.
    """
    answer = await handler(request)
    if answer.status != HTTPStatus.GONE or "watch" not in request.url.query:
        return answer
    answer.close()
    request.url = request.url.without_query_params("resourceVersion")
    return await handler(request)


class _WebSessions(RESTClientObject):
    """The official client's way to open a session, with its trust and proxy."""

    def opened(self) -> aiohttp.ClientSession:
        return self._create_pool_manager()


async def web_session(configuration: client.Configuration) -> aiohttp.ClientSession:
    """Return a session whose requests carry the token of the moment; for kopf's own watches.

    kopf logs in anew after each 401, at once and for ever: a refusal takes a second here.
    """

    async def authorized(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if token := await configuration.get_api_key_with_prefix("BearerToken"):
            request.headers["Authorization"] = token
        answer = await handler(request)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            await asyncio.sleep(_PAUSE)
        return answer

    configuration.client_session_kwargs = {
        "middlewares": (authorized, _begun_anew, unredirected),
        "trust_env": False,
        "proxy": configuration.proxy,
    }
    return _WebSessions(configuration).opened()
