"""The client of Prometheus against a real HTTP server on loopback that answers as told."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.shell.serving import Answer, body, served, text, vector

from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.prometheus import NoFiguresError, Prometheus

_PATIENCE = timedelta(seconds=30)
_HASTE = timedelta(milliseconds=50)


@dataclass(slots=True)
class Server:
    """A Prometheus of one answer, which remembers what it was asked."""

    answer: Answer
    url: str = ""
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember a request and answer it."""
        self.asked.append((request.method, request.path, dict(await request.post())))
        return await self.answer(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    serving = Server(answer=body(vector()))
    async with served(serving.handle) as port:
        serving.url = f"http://127.0.0.1:{port}"
        yield serving


async def told(
    url: str, *, name: str = "main", within: timedelta = _PATIENCE, lookback: float = 60
) -> dict[str, float]:
    """Return what the server at this address, which is called `main`, tells of namespace chat."""
    async with Prometheus({"main": PrometheusServer(name="main", url=url)}) as client:
        return await client.by_pod(
            name, "up", "chat", within=within, lookback=timedelta(seconds=lookback)
        )


def series(value: Any, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1795435200.0, value]}


def result(found: Any, kind: str = "vector") -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": found}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(vector(("a", "1.5"), ("b", "0")), {"a": 1.5, "b": 0.0}, id="values by pod"),
        pytest.param(
            result([series("1", pod="a", namespace="chat"), series("2", pod="a", namespace="x")]),
            {"a": 1.0},
            id="a pod of the same name elsewhere is another one",
        ),
        pytest.param(
            result([series("7", namespace="x"), series("1", pod="a")]),
            {"a": 1.0},
            id="what is of another namespace needs no pod either",
        ),
        pytest.param(
            vector(("a", "NaN"), ("b", "+Inf"), ("c", "-Inf"), ("d", "-1"), ("e", "3")),
            {"e": 3.0},
            id="what is no amount of anything is left out",
        ),
        pytest.param(vector(), {}, id="nothing matches the query"),
    ],
)
async def test_a_query_gives_values_by_pod(
    server: Server, answer: dict[str, Any], expected: dict[str, float]
) -> None:
    server.answer = body(answer)
    assert await told(server.url) == expected


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(
            result([series("1", instance="a:80")]),
            "the query's values have no label `pod`: aggregate with by (pod)",
            id="values of no pod",
        ),
        pytest.param(
            result([series("1", pod="a", cpu="0"), series("1", pod="a", cpu="1")]),
            "the query gives two values for pod a: aggregate with by (pod)",
            id="two values of one pod",
        ),
        pytest.param(
            result([1795435200.0, "1"], "scalar"),
            "the query gives a scalar: have it give a vector, by (pod)",
            id="a scalar",
        ),
        pytest.param(
            result([{"metric": {"pod": "a"}, "values": [[1795435200.0, "1"]]}], "matrix"),
            "the query gives a matrix: have it give a vector, by (pod)",
            id="a matrix",
        ),
        pytest.param(
            result([{"metric": {"pod": "a"}, "histogram": [1795435200.0, {"count": "1"}]}]),
            "the query gives no number for pod a",
            id="a native histogram",
        ),
        pytest.param(
            result([series(10**400, pod="a")]),
            "the query gives no number for pod a",
            id="a number beyond all bounds",
        ),
        pytest.param(
            {"status": "success", "data": None},
            "Prometheus main answered with no query's result",
            id="no data",
        ),
        pytest.param(
            result([series("1", pod=["a"])]),  # type: ignore[arg-type]
            "Prometheus main answered with no query's result",
            id="a label that is a list",
        ),
        pytest.param(
            ["success"], "Prometheus main refused the query: no object", id="no object at all"
        ),
    ],
)
async def test_what_gives_no_values_by_pod_is_refused_with_a_sentence(
    server: Server, answer: Any, sentence: str
) -> None:
    server.answer = body(answer)
    with pytest.raises(NoFiguresError, match=f"^{re.escape(sentence)}$"):
        await told(server.url)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
_SERIES = st.fixed_dictionaries(
    {}, optional={"metric": st.fixed_dictionaries({}, optional={"pod": _JSON}), "value": _JSON}
)
_DATA = st.fixed_dictionaries(
    {}, optional={"resultType": st.just("vector") | _JSON, "result": st.lists(_SERIES) | _JSON}
)


@settings(max_examples=50)
@given(data=_DATA | _JSON)
def test_no_answer_is_odd_enough_for_another_error(data: Any) -> None:
    async def asked() -> dict[str, float]:
        async with served(body({"status": "success", "data": data})) as port:
            return await told(f"http://127.0.0.1:{port}")

    try:
        found = asyncio.run(asked())
    except NoFiguresError:
        return
    assert all(value >= 0 for value in found.values())


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(
            body({"status": "error", "errorType": "bad_data", "error": "1:5: parse error"}, 400),
            "Prometheus main refused the query: 1:5: parse error",
            id="a query that Prometheus can't read, in its words",
        ),
        pytest.param(
            body({"status": "error", "error": "x" * 5000}, 400),
            "Prometheus main refused the query: " + "x" * 165,
            id="a long refusal, which is cut",
        ),
        pytest.param(
            text("upstream is away", 500),
            "Prometheus main answered HTTP 500, no JSON",
            id="a server in trouble",
        ),
        pytest.param(
            text("<html>log in</html>"),
            "Prometheus main answered HTTP 200, no JSON",
            id="something else listens there",
        ),
        pytest.param(
            text("[" * 100_000),
            "Prometheus main answered HTTP 200, no JSON",
            id="JSON without a bottom",
        ),
        pytest.param(
            text(" " * (4 << 20) + "{}"),
            "Prometheus main answered with more than 4194304 bytes",
            id="more than is read",
        ),
    ],
)
async def test_an_answer_without_a_result_says_what_came(
    server: Server, answer: Answer, sentence: str
) -> None:
    server.answer = answer
    with pytest.raises(NoFiguresError, match=f"^{re.escape(sentence)}$"):
        await told(server.url)


async def test_a_redirect_is_not_followed(server: Server) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/elsewhere")

    server.answer = elsewhere
    with pytest.raises(NoFiguresError, match=r"^Prometheus main answered HTTP 302, no JSON$"):
        await told(server.url)
    assert [path for _, path, _ in server.asked] == ["/api/v1/query"]


@pytest.mark.parametrize("begun", [pytest.param(False, id="never"), pytest.param(True, id="half")])
async def test_no_whole_answer_costs_its_time_out(
    server: Server,
    begun: bool,  # noqa: FBT001 -- a table's
) -> None:
    released = asyncio.Event()

    async def hung(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if begun:
            await response.prepare(request)
            await response.write(b"{")
        await released.wait()
        return response

    server.answer = hung
    with pytest.raises(NoFiguresError, match=r"^Prometheus main did not answer within 0\.05s$"):
        await told(server.url, within=_HASTE)
    released.set()


async def test_nobody_there_is_said() -> None:
    with socket.socket() as taken:  # and not listening
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(
            NoFiguresError, match=r"^Prometheus main can't be asked: .*Connect call failed"
        ):
            await told(f"http://127.0.0.1:{taken.getsockname()[1]}")


async def test_a_server_that_is_no_http_server_is_said_in_one_short_line() -> None:
    async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail is here\r\n" * 100)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(chatter, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(NoFiguresError, match=r"^Prometheus main can't be asked: ") as caught:
            await told(f"http://127.0.0.1:{port}")
    assert len(str(caught.value)) <= 200
    assert len(str(caught.value).splitlines()) == 1


async def test_a_name_that_nobody_configured_is_told_apart(server: Server) -> None:
    sentence = (
        "the operator's configuration has no Prometheus 'other' for this namespace (it has main)"
    )
    with pytest.raises(NoFiguresError, match=f"^{re.escape(sentence)}$"):
        await told(server.url, name="other")
    assert not server.asked


@pytest.mark.parametrize(
    ("within", "lookback", "sent"),
    [
        pytest.param(30, 60, ("30.0", "60.0"), id="whole seconds"),
        pytest.param(2.5, 90.25, ("2.5", "90.25"), id="parts of a second"),
        pytest.param(1_234_567, 1_234_567, ("1234567.0", "1234567.0"), id="weeks"),
    ],
)
async def test_durations_are_sent_in_seconds_which_prometheus_reads_with_a_fraction(
    server: Server, within: float, lookback: float, sent: tuple[str, str]
) -> None:
    await told(server.url, within=timedelta(seconds=within), lookback=lookback)
    fields = {"query": "up", "timeout": sent[0], "lookback_delta": sent[1]}
    assert server.asked == [("POST", "/api/v1/query", fields)]


async def test_a_prometheus_may_live_below_a_path(server: Server) -> None:
    await told(f"{server.url}/prometheus/")
    assert [path for _, path, _ in server.asked] == ["/prometheus/api/v1/query"]
