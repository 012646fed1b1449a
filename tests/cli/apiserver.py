"""An API server on loopback for the command line: answers from a table, remembers requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

JSON = dict[str, Any]


@dataclass(slots=True)
class Served:
    """What it answers by path (a dict, a text, or the number of a refusal), and what it was asked.

    What is not in the table does not exist.

    Attributes:
        after_a_change: answers that replace others once something was changed.
    """

    answers: dict[str, JSON | str | int]
    kubeconfig: Path
    asked: list[str] = field(default_factory=list)
    changes: list[tuple[str, JSON]] = field(default_factory=list)
    after_a_change: dict[str, JSON | str | int] = field(default_factory=dict)

    def reply(self, path: str) -> tuple[int, bytes]:
        """Return the answer to a GET."""
        self.asked.append(path)
        found = self.answers.get(path.partition("?")[0], 404)
        match found:
            case int():
                return found, json.dumps({"kind": "Status", "message": f"refused {path}"}).encode()
            case str():
                return 200, found.encode()
            case _:
                return 200, json.dumps(found).encode()


@contextmanager
def serving(folder: Path, **answers: Any) -> Iterator[Served]:
    """Serve for as long as the block lasts."""
    served = Served(answers=dict(answers), kubeconfig=folder / "kubeconfig")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*served.reply(self.path))

        def do_PATCH(self) -> None:
            length = int(self.headers["Content-Length"])
            served.changes.append((self.path, json.loads(self.rfile.read(length))))
            served.answers.update(served.after_a_change)
            self._answer(200, b"{}")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        served.kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(server.server_port)))
        yield served
        server.shutdown()
        thread.join()


def kubeconfig_of(port: int) -> JSON:
    """Return a kubeconfig whose one context has the namespace `chat`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "chat"}}
        ],
    }
