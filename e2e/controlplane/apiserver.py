"""Whether an API server is ready for use: asked over HTTPS with the standard library only."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT: Final = 5.0
# What clients take for granted: the namespaces, and the account that pods get by default.
_BASICS: Final = (
    "/api/v1/namespaces/kube-system",
    "/api/v1/namespaces/default/serviceaccounts/default",
)


class ApiServer:
    """An API server on this machine, reached with a bearer token."""

    def __init__(self, server: str, authority: Path, token: str) -> None:
        self._server = server
        context = ssl.create_default_context(cafile=str(authority))
        # No proxy: what listens on 127.0.0.1 is never behind one.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def answers(self, path: str) -> bool:
        """Whether a GET of the path is answered with success."""
        try:
            self._get(path)
        except OSError:  # urllib's errors and timeouts are OSErrors
            return False
        return True

    def is_ready(self) -> bool:
        """Whether it says that it is ready."""
        return self.answers("/readyz")

    def has_basics(self) -> bool:
        """Whether the namespaces and the default service account exist."""
        return all(self.answers(path) for path in _BASICS)

    def version(self) -> str:
        """Its version, such as "v1.37.2".

        Raises:
            OSError: it can't be reached or refuses to answer.
        """
        return str(json.loads(self._get("/version"))["gitVersion"])

    def _get(self, path: str) -> bytes:
        request = urllib.request.Request(self._server + path, headers=self._headers)  # noqa: S310 - always https
        with self._opener.open(request, timeout=_TIMEOUT) as response:
            return bytes(response.read())
