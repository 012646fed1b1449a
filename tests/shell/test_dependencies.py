"""The probes of dependencies against real servers on loopback, and an API server that has them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.shell.serving import Answer, body, served, text, vector

from imchat_operator.models import Dependency
from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.dependencies import Dependencies
from imchat_operator.shell.kube import Api
from imchat_operator.shell.prometheus import Prometheus

_PATIENCE = timedelta(seconds=30)
_HASTE = timedelta(milliseconds=250)  # in which the API server of a test has to answer
_KEPT = timedelta(hours=1)
_ANEW = timedelta()

Verdict = tuple[bool | None, str]
Probe = Callable[[int], Dependency]


async def hung(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def probing(
    api: Answer, source: Answer = hung, within: timedelta = _PATIENCE
) -> AsyncIterator[Dependencies]:
    """Yield the probes of namespace chat; the metric source is called `main`."""
    async with served(api) as api_port, served(source) as port:
        main = PrometheusServer(name="main", url=f"http://127.0.0.1:{port}")
        configuration = client.Configuration(host=f"http://127.0.0.1:{api_port}")
        async with Api.session(configuration) as session, Prometheus({"main": main}) as prometheus:
            yield Dependencies(session, prometheus, "chat", within=within)


async def verdict(
    dependency: Dependency, api: Answer, source: Answer = hung, within: timedelta = _PATIENCE
) -> Verdict:
    """Return whether a dependency is up, and why not."""
    async with probing(api, source, within) as dependencies:
        (found,) = await dependencies.states((dependency,), _ANEW)
    assert found.name == dependency.name
    return found.up, found.why


def tcp(port: int) -> Dependency:
    return Dependency.model_validate({"name": "db", "tcp": {"service": "x", "port": port}})


def http(port: int, name: str = "auth", path: str = "/") -> Dependency:
    probe = {"service": "x", "port": port, "path": path}
    return Dependency.model_validate({"name": name, "http": probe})


def metric(source: str = "main") -> Dependency:
    return Dependency.model_validate({"name": "db", "metric": {"source": source, "query": "pg_up"}})


def rows(table: Mapping[str, tuple[Any, ...]]) -> list[pytest.ParameterSet]:
    """Return a table's rows as parameters; its keys say what each one is."""
    return [pytest.param(*row, id=name) for name, row in table.items()]


BY_SERVICE = pytest.mark.parametrize("probe", [tcp, http])


def service(port: int, **spec: Any) -> Answer:
    """Answer as an API server that has a Service with this port and cluster IP 127.0.0.1."""
    return body({"spec": {"clusterIP": "127.0.0.1", "ports": [{"port": port}], **spec}})


def result(found: Any, kind: str = "vector") -> Answer:
    """Answer as Prometheus with this result of a query."""
    return body({"status": "success", "data": {"resultType": kind, "result": found}})


def recording(seen: list[str], answer: Answer) -> Answer:
    """Remember what was asked, and answer."""

    async def recorded(request: web.Request) -> web.StreamResponse:
        seen.append(f"{request.method} {request.raw_path}")
        return await answer(request)

    return recorded


@contextmanager
def taken(*, listening: bool) -> Iterator[int]:
    """Yield a port where connections are refused; or, of one who listens, not taken any more."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen(0)
            for caller in (first, second):
                caller.setblocking(False)  # noqa: FBT003 -- socket's own
                caller.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@asynccontextmanager
async def saying(words: bytes, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Answer whatever is sent with these bytes, and hang up; yield the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(words)
        writer.close()

    async with await asyncio.start_server(answer, host, 0) as server:
        yield server.sockets[0].getsockname()[1]


@BY_SERVICE
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_service_that_answers_is_up(probe: Probe, host: str) -> None:
    async with saying(b"HTTP/1.1 200 OK\r\n\r\n", host) as port:
        assert await verdict(probe(port), service(port, clusterIP=host)) == (True, "")


@BY_SERVICE
async def test_a_service_that_takes_no_connection_is_down(probe: Probe) -> None:
    with taken(listening=False) as port:
        found = await verdict(probe(port), service(port))
    assert found == (False, "can't be connected to: Connection refused")
    with taken(listening=True) as port:
        found = await verdict(probe(port), service(port), within=_HASTE)
    assert found == (False, "no answer within 0.25s")


@BY_SERVICE
async def test_a_connection_that_we_can_not_even_try_tells_nothing(probe: Probe) -> None:
    why = "the operator can't connect to it: Network is unreachable"
    assert await verdict(probe(80), service(80, clusterIP="255.255.255.255")) == (None, why)


async def test_an_http_service_that_does_not_answer_in_time_is_down() -> None:
    async with served(hung) as port:
        found = await verdict(http(port), service(port), within=_HASTE)
    assert found == (False, "no answer within 0.25s")


@pytest.mark.parametrize("status", [200, 299, 304, 399, 400, 401, 404, 500, 503])
async def test_an_http_service_is_judged_by_its_status_alone(status: int) -> None:
    async with served(text("very secret", status)) as port:
        found = await verdict(http(port), service(port))
    assert found == ((True, "") if status < 400 else (False, f"answered HTTP {status}"))


async def test_a_redirect_is_up_and_not_followed() -> None:
    followed: list[str] = []
    async with served(recording(followed, text(""))) as elsewhere:
        head = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n"
        async with saying(head.encode()) as port:
            assert await verdict(http(port), service(port)) == (True, "")
    assert not followed


async def test_a_path_is_asked_for_as_it_is_and_names_no_other_host() -> None:
    asked: list[str] = []
    paths = ["/healthz?deep=1", "//elsewhere.example/x", "/@elsewhere.example"]
    async with served(recording(asked, text(""))) as port:
        for path in paths:
            assert await verdict(http(port, path=path), service(port)) == (True, "")
    assert asked == [f"GET {path}" for path in paths]


_BROKEN_OFF = (False, "broke off: ServerDisconnectedError")
_NO_HTTP = (None, "its answer is no HTTP: is the port the right one?")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", (True, ""), id="no body"),
        pytest.param(b"HT", _BROKEN_OFF, id="half an answer"),
        pytest.param(b"220 very secret\r\n", _NO_HTTP, id="another protocol: a wrong port"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, _NO_HTTP, id="a huge header"),
    ],
)
async def test_only_the_head_of_an_answer_counts_and_it_is_not_shown(
    words: bytes, expected: Verdict
) -> None:
    async with saying(words) as port:
        assert await verdict(http(port), service(port)) == expected


_NAME_ANOTHER = "name a Service with a cluster IP"
_CORRECT = "correct the port: Service x has no TCP port 80, it has"
_PORTS = [{"port": 5432}, {"port": 80, "protocol": "UDP"}, {"port": 81, "protocol": "TCP"}]
_UNASKABLE = {
    "a name elsewhere": (
        service(80, type="ExternalName", externalName="localhost"),
        f"Service x is of type ExternalName, which is not followed: {_NAME_ANOTHER}",
    ),
    "headless": (service(80, clusterIP="None"), f"Service x has no cluster IP: {_NAME_ANOTHER}"),
    "no address yet": (body({"spec": {}}), f"Service x has no cluster IP: {_NAME_ANOTHER}"),
    "other ports": (service(80, ports=_PORTS), f"{_CORRECT} 5432, 81"),
    "no port": (service(80, ports=[]), f"{_CORRECT} none"),
    "not there": (body({}, 404), "there is no Service x: create it or correct the name"),
    "not ours to read": (
        body({}, 403),
        "the operator may not read Service x: grant it `get` on services",
    ),
}


@BY_SERVICE
@pytest.mark.parametrize(("api", "why"), rows(_UNASKABLE))
async def test_a_service_that_can_not_be_asked_is_unknown_with_what_to_do(
    probe: Probe, api: Answer, why: str
) -> None:
    assert await verdict(probe(80), api) == (None, f"spec.dependencies: {why}")


@pytest.mark.parametrize(
    ("api", "why"),
    [
        pytest.param(body({"message": "etcd"}, 500), "refused (etcd)", id="in trouble"),
        pytest.param(text("x" * 500, 502), f"refused ({'x' * 151}", id="a long excuse, cut"),
        pytest.param(text("odd"), "refused (answered with no JSON)", id="no JSON"),
        pytest.param(hung, "did not answer within 0.25s", id="silent"),
    ],
)
async def test_a_service_is_unknown_while_the_api_server_does_not_tell(
    api: Answer, why: str
) -> None:
    found = await verdict(tcp(80), api, within=_HASTE if api is hung else _PATIENCE)
    assert found == (None, f"Service x can't be read: the API server {why}")


_NO_VECTOR = "the query gives a matrix: have it give a vector or a scalar"
_NO_NUMBER = "the query gives a value that is no number"
_NO_RESULT = "Prometheus main answered with no query's result"
_VALUES = {
    "no value is 0": (body(vector(("a", "1"), ("b", "0.5"))), (True, "")),
    "odd, but not 0": (body(vector(("a", "-1"), ("b", "+Inf"))), (True, "")),
    "a scalar": (result([1.0, "1"], "scalar"), (True, "")),
    "a scalar of 0": (result([1.0, "0"], "scalar"), (False, "its value is 0")),
    "0 from below": (body(vector(("a", "-0"))), (False, "its value is 0")),
    "no number": (body(vector(("a", "NaN"))), (False, "its value is NaN")),
    "one 0": (body(vector(("a", "1"), ("b", "0"))), (False, "one of its 2 values is 0")),
    "no value": (body(vector()), (None, "the query has no value")),
    "a range": (result([], "matrix"), (None, _NO_VECTOR)),
    "a native histogram": (result([{"histogram": [1.0, {"count": "1"}]}]), (None, _NO_NUMBER)),
    "no result": (body({"status": "success"}), (None, _NO_RESULT)),
    "trouble": (text("away", 503), (None, "Prometheus main answered HTTP 503, no JSON")),
}


@pytest.mark.parametrize(("source", "expected"), rows(_VALUES))
async def test_a_metric_is_judged_by_its_values(source: Answer, expected: Verdict) -> None:
    assert await verdict(metric(), hung, source) == expected


async def test_a_source_that_can_not_be_asked_makes_a_metric_unknown() -> None:
    why = "the operator's configuration has no Prometheus 'other' for this namespace (it has main)"
    assert await verdict(metric("other"), hung) == (None, why)
    why = "Prometheus main did not answer within 0.25s"
    assert await verdict(metric(), hung, within=_HASTE) == (None, why)


async def test_probes_run_side_by_side_and_keep_their_order() -> None:
    together = asyncio.Barrier(2)

    async def answer(request: web.Request) -> web.StreamResponse:
        await together.wait()
        return web.Response(status=int(request.path[1:]))

    async with served(answer) as port, probing(service(port)) as dependencies:
        declared = (http(port, "b", "/500"), Dependency(name="c"), http(port, "a", "/200"))
        found = await dependencies.states(declared, _ANEW)
    assert [(d.name, d.up, d.why) for d in found] == [
        ("b", False, "answered HTTP 500"),
        ("c", None, "spec.dependencies: needs exactly one of tcp, http and metric"),
        ("a", True, ""),
    ]


async def test_answers_are_kept_until_they_are_too_old_or_of_another_declaration() -> None:
    asked: list[str] = []
    one, other = (tcp(80),), (tcp(81),)
    steps = [(one, _KEPT, 1), (one, _KEPT, 1), (one, _ANEW, 2), (other, _KEPT, 3), ((), _KEPT, 3)]
    async with probing(recording(asked, body({}, 404))) as dependencies:
        for declared, longest, times in steps:
            found = await dependencies.states(declared, longest)
            assert [d.name for d in found] == [d.name for d in declared]
            assert asked == ["GET /api/v1/namespaces/chat/services/x"] * times
