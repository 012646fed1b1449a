"""Tells Prometheus which gateways there are, by HTTP service discovery.

Prometheus asks, and each time the API server is asked. While that one is away the answer is an
error, and Prometheus keeps the targets that it has: the same as with its own discovery of pods,
which Debian's build lacks.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from harness import Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL_SECONDS: Final = 0.05
_OVER: Final = ("Succeeded", "Failed")


@contextmanager
def told(kubeconfig: Path, namespace: str, *, selector: str, port: int) -> Iterator[str]:
    """The URL that tells a namespace's gateways while the block runs.

    Each has the labels `namespace`, `pod` and `node`.
    """
    cluster = Namespace(kubeconfig=kubeconfig, name=namespace)
    query = urlencode({"labelSelector": selector})
    path = f"/api/v1/namespaces/{namespace}/pods?{query}"

    def targets() -> list[dict[str, Any]]:
        found = cluster.get(path) or {"items": []}
        return [_target(pod, port) for pod in found["items"] if _is_there(pod)]

    with HTTPServer(("127.0.0.1", 0), _handler(targets)) as server:
        thread = Thread(target=server.serve_forever, args=[_POLL_SECONDS], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _is_there(pod: dict[str, Any]) -> bool:
    return "podIP" in pod["status"] and pod["status"]["phase"] not in _OVER


def _target(pod: dict[str, Any], port: int) -> dict[str, Any]:
    labels = {
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "node": pod["spec"]["nodeName"],
    }
    return {"targets": [f"{pod['status']['podIP']}:{port}"], "labels": labels}


def _handler(targets: Callable[[], list[dict[str, Any]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, body = 200, json.dumps(targets()).encode()
            except (ApiException, HTTPError) as error:
                status, body = 503, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: one comes each second."""

    return Handler
