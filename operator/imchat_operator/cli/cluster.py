"""The API server, as the command line asks it; the only module of `cli` that knows the client.

Requests are plain JSON, as in the operator. Everything that goes wrong is a Failure: one sentence
with what to do.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from imchat_operator.cli.failures import Code, Failure, Unreachable
from imchat_operator.models import GROUP, VERSION

Json = dict[str, Any]

_PAGE = "500"
_SECONDS = 10.0
_PROXY_SECONDS = 3.0
_LARGEST_METRICS = 1 << 20
_UNKNOWN_USER, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which cluster and namespace, as kubectl's options of the same names say it."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None


class Refused(Failure):
    """The API server says no; `status` is HTTP's number for it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, Code.UNASKED)
        self.status = status


class Cluster:
    """A session with the API server, in one namespace; a context manager."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._server: str = client.configuration.host
        self._closing = ExitStack()
        self._closing.enter_context(client)
        self.namespace = namespace

    @classmethod
    def at(cls, place: Place) -> Self:
        """Return a session with the cluster of a kubeconfig; it is not asked anything yet.

        Raises:
            Failure: there is no such kubeconfig or context.
        """
        from kubernetes import client, config  # noqa: PLC0415 -- slow to import

        file = str(place.kubeconfig) if place.kubeconfig else None
        configuration = client.Configuration()
        configuration.retries = False
        try:
            contexts, active = config.list_kube_config_contexts(file)  # type: ignore[no-untyped-call]
            if place.context:
                active = next((c for c in contexts if c["name"] == place.context), None)
            if active is None:
                raise Failure(
                    f"there is no context {place.context!r}: "
                    "`kubectl config get-contexts` lists those that there are"
                )
            config.load_kube_config(  # type: ignore[no-untyped-call]
                file, context=place.context, client_configuration=configuration
            )
        except (config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise Failure(
                f"no cluster is known ({why}): name a kubeconfig with --kubeconfig or KUBECONFIG"
            ) from None
        namespace = place.namespace or active["context"].get("namespace") or "default"
        return cls(client.ApiClient(configuration), namespace)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._closing.close()

    def custom(self, plural: str, name: str = "", *, everywhere: bool = False) -> str:
        """Return the URL path of the operator's own objects, or of one of them."""
        scope = [] if everywhere else ["namespaces", self.namespace]
        return "/".join(["/apis", GROUP, VERSION, *scope, plural, *([name] if name else [])])

    def core(self, plural: str, name: str = "", *, namespace: str = "") -> str:
        """Return the URL path of objects of core/v1 in a namespace, or of one of them."""
        scope = ["namespaces", namespace or self.namespace]
        return "/".join(["/api/v1", *scope, plural, *([name] if name else [])])

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Return what is at a path.

        Raises:
            Refused: it is not there, or not for this user.
            Unreachable: the API server does not answer.
        """
        return self._json("GET", path, query=query or {})

    def found(self, path: str) -> Json | None:
        """Return what is at a path; None if there is nothing."""
        try:
            return self.get(path)
        except Refused as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def items(self, path: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Return all objects of a collection."""
        found: list[Json] = []
        token = ""
        while True:
            page = {**(query or {}), "limit": _PAGE, **({"continue": token} if token else {})}
            answer = self.get(path, page)
            found.extend(answer["items"])
            token = answer["metadata"].get("continue", "") if "metadata" in answer else ""
            if not token:
                return found

    def change(self, path: str, changes: Json) -> Json:
        """Merge changes into the object at a path, and return it."""
        return self._json("PATCH", path, body=changes)

    def page_of_pod(self, namespace: str, pod: str, port: int, path: str) -> str:
        """Return what a pod answers at a path of its own, asked through the API server."""
        where = f"{self.core('pods', f'{pod}:{port}', namespace=namespace)}/proxy{path}"
        return self._sent("GET", where, seconds=_PROXY_SECONDS)

    def scale_of(self, namespace: str, api_version: str, kind: str, name: str) -> Json:
        """Return a workload's scale, which says what pods are its own."""
        group, _, version = api_version.rpartition("/")
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        listed = self.get(root)["resources"]
        plural = next(
            (r["name"] for r in listed if r["kind"] == kind and "/" not in r["name"]), kind.lower()
        )
        return self.get(f"{root}/namespaces/{namespace}/{plural}/{name}/scale")

    def _json(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Json:
        found: Json = json.loads(self._sent(method, path, query=query, body=body))
        return found

    def _sent(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        seconds: float = _SECONDS,
    ) -> str:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 -- comes with the client

        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        request = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=seconds)
            text = answer.response.read(_LARGEST_METRICS if "/proxy/" in path else None)
        except (HTTPError, OSError) as error:
            raise Unreachable(
                f"the API server {self._server} can't be reached ({_plain(error)}): "
                "check the network, or choose another cluster with --context"
            ) from None
        told: str = text.decode(errors="replace")
        if answer.status >= 400:  # noqa: PLR2004 -- HTTP's own number
            raise Refused(_sentence(answer.status, told, path), answer.status)
        return told


def _plain(error: Exception) -> str:
    """Return why a connection failed, without the addresses of objects."""
    return str(getattr(error, "reason", None) or error).rsplit(": ", 1)[-1]


def _sentence(status: int, text: str, path: str) -> str:
    try:
        told = json.loads(text).get("message", "")
    except (ValueError, AttributeError):
        told = text.strip()[:200]
    match status:
        case 401:
            return "the API server does not know you (HTTP 401): log in again"
        case 403:
            return f"{told or 'forbidden'}: ask for the rights that docs/cli.md lists"
        case 404 if told == "404 page not found" or not told or path.endswith(told):
            return f"the API server knows no {path}: install the operator's CRDs"
        case _:
            return f"the API server refuses (HTTP {status}): {told}"
