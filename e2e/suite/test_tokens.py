"""The operator's own tokens: rotated while it runs, refused for a while, and shown to nobody."""

import itertools
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
import yaml

from harness import Namespace, OperatorProcess
from harness.cable import Cable
from harness.manifests import cluster, gateways
from harness.rights import SERVICE_ACCOUNT, operator_kubeconfig

_SECONDS = 40.0


def bound_token(namespace: Namespace, secret: str) -> str:
    """Return a token of the operator's account that dies with a Secret."""
    namespace.kubectl("create", "secret", "generic", secret)
    bound = ("--bound-object-kind=Secret", f"--bound-object-name={secret}")
    return namespace.kubectl("create", "token", SERVICE_ACCOUNT, *bound).strip()


@pytest.fixture
def cable(namespace: Namespace) -> Iterator[Cable]:
    """Lie between the operator and the API server."""
    known = yaml.safe_load(namespace.kubeconfig.read_text())
    port = urlsplit(known["clusters"][0]["cluster"]["server"]).port
    assert port is not None
    with Cable.laid(port) as laid:
        yield laid


@pytest.fixture
def by_file(namespace: Namespace, cable: Cable, tmp_path: Path) -> tuple[Path, Path]:
    """A kubeconfig whose token is in a file, as a pod's is; and the file."""
    known = yaml.safe_load(operator_kubeconfig(namespace))
    known["users"][0]["user"] = {"tokenFile": "token"}
    known["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{cable.port}"
    kubeconfig, token = tmp_path / "kubeconfig", tmp_path / "token"
    kubeconfig.write_text(yaml.safe_dump(known))
    return kubeconfig, token


def is_served(namespace: Namespace, name: str) -> bool:
    return bool(namespace.cluster(name).get("status", {}).get("conditions"))


def has_been_refused(operator: OperatorProcess, cable: Cable, *, times: int) -> bool:
    """Have the operator connect anew, which is when watches are refused; tell if it was."""
    cable.pull()
    return operator.log().count("Unauthorized") >= times


def named(name: str) -> dict[str, object]:
    made = cluster()
    made["metadata"]["name"] = name
    return made


def test_a_token_that_is_rotated_too_late_holds_the_operator_up_no_longer_than_that(
    namespace: Namespace, cable: Cable, by_file: tuple[Path, Path], tmp_path: Path
) -> None:
    kubeconfig, file = by_file
    first, second = bound_token(namespace, "first"), bound_token(namespace, "second")
    file.write_text(first)
    log = tmp_path / "operator.log"
    operator = OperatorProcess(
        kubeconfig, namespace.name, log, own_kubeconfig=kubeconfig, forked=True
    )
    with operator.started():
        namespace.apply(named("before"))
        namespace.wait_until(lambda: is_served(namespace, "before"), seconds=_SECONDS)

        namespace.kubectl("delete", "secret", "first")
        # The API server remembers for 10 s whom it has believed.
        refused_thrice = partial(has_been_refused, operator, cable, times=3)
        namespace.wait_until(refused_thrice, seconds=_SECONDS, tick=2.0)
        file.write_text(second)
        namespace.apply(named("after"))
        namespace.wait_until(lambda: is_served(namespace, "after"), seconds=_SECONDS)
    # It was stopped as one process that had never ended: the harness looks.
    told = operator.log() + namespace.kubectl("get", "imc,events", "-o", "yaml")
    assert first not in told
    assert second not in told


class Unwilling(BaseHTTPRequestHandler):
    """Answers each request in another way, none of them with figures."""

    shown: ClassVar[list[str]] = []
    answers = itertools.cycle(
        (
            b"HTTP/1.1 401 Unauthorized\r\n\r\n",
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope",
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"",  # not before it gives up
        )
    )

    def do_POST(self) -> None:
        """Answer a query."""
        self.shown.append(self.headers["Authorization"])
        answer = next(self.answers)
        self.wfile.write(answer)
        if not answer:
            self.connection.recv(1)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def unwilling() -> Iterator[int]:
    """A Prometheus that always refuses; its port."""
    Unwilling.shown.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Unwilling) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


# Put on the path of the operator's process: nothing there is kept from its log.
_EVERYTHING = """\
import logging
logging.Logger.setLevel = lambda logger, level: setattr(logger, "level", logging.DEBUG)
logging.getLogger().setLevel(logging.DEBUG)
"""


def test_no_token_shows_anywhere_whatever_goes_wrong(
    namespace: Namespace,
    cable: Cable,
    by_file: tuple[Path, Path],
    unwilling: int,
    tmp_path: Path,
) -> None:
    kubeconfig, file = by_file
    file.write_text(own := bound_token(namespace, "own"))
    (tmp_path / "prometheus").write_text(theirs := "canary-of-prometheus")
    (tmp_path / "sitecustomize.py").write_text(_EVERYTHING)
    server = {"name": "main", "url": f"http://127.0.0.1:{unwilling}"}
    tls = {"name": "tls", "url": f"https://127.0.0.1:{unwilling}"}
    secret = {"tokenFile": str(tmp_path / "prometheus")}
    sources = tmp_path / "sources.yaml"
    sources.write_text(yaml.safe_dump({"prometheus": [server | secret, tls | secret]}))
    environment = {
        "IMCHAT_METRIC_SOURCES": str(sources),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        "PYTHONASYNCIODEBUG": "1",
    }
    probes = [{"name": name, "metric": {"source": name, "query": "up"}} for name in ("main", "tls")]
    log = tmp_path / "operator.log"
    operator = OperatorProcess(kubeconfig, namespace.name, log, environment, kubeconfig)
    namespace.apply(gateways(replicas=0), cluster(dependencies=probes))
    with operator.started():
        # Once each; some take until the time-out.
        namespace.wait_until(lambda: len(Unwilling.shown) > 8, seconds=2 * _SECONDS)
        namespace.kubectl("delete", "secret", "own")
        refused = partial(has_been_refused, operator, cable, times=1)
        namespace.wait_until(refused, seconds=_SECONDS, tick=2.0)
        shown = repr(operator.metrics())
    told = operator.log()
    shown += namespace.kubectl("get", "imc,events,deployments,pods", "-o", "yaml")
    assert set(Unwilling.shown) == {f"Bearer {theirs}"}
    assert " debug " in told, "not all was logged"
    assert "CERTIFICATE" in told + shown or "SSL" in told + shown
    for token in (own, theirs):
        assert token not in told
        assert token not in shown
