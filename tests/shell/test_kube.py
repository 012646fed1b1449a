"""Refusals of the API server, as errors to match."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest
from kubernetes.aio import client
from tests.shell.apiserver import ApiServer, Reply, listed, refused, session_with
from tests.shell.serving import served, text

from imchat_operator.shell.kube import Api, ApiError, FencedError, Resource


async def refusal(reply: Reply) -> ApiError:
    async with session_with(ApiServer({"GET /it": reply})) as api:
        with pytest.raises(ApiError) as caught:
            await api.request("GET", "/it")
    return caught.value


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(
            refused(429, retryAfterSeconds=10), timedelta(seconds=10), id="in its details"
        ),
        pytest.param(
            Reply(status=429, headers={"Retry-After": "1"}), timedelta(seconds=1), id="in a header"
        ),
        pytest.param(
            Reply(
                status=429,
                body={"details": {"retryAfterSeconds": 7}},
                headers={"Retry-After": "1"},
            ),
            timedelta(seconds=7),
            id="in both: the details are the API server's own",
        ),
        pytest.param(
            Reply(status=503, headers={"Retry-After": "Mon, 23 Nov 2026 12:00:00 GMT"}),
            None,
            id="not as a date, which a proxy may send",
        ),
        pytest.param(Reply(status=429, headers={"Retry-After": "0"}), None, id="not at once"),
        pytest.param(refused(429), None, id="not at all"),
        pytest.param(Reply(status=429, body={"details": None}), None, id="nor without details"),
    ],
)
async def test_a_refusal_says_when_to_ask_again(reply: Reply, expected: timedelta | None) -> None:
    assert (await refusal(reply)).retry_after == expected


async def test_a_refusal_has_its_causes() -> None:
    causes = [{"reason": "DisruptionBudget", "message": "needs 3"}, {"reason": "Silent"}]
    error = await refusal(refused(429, "no", causes=causes))
    assert (error.status, str(error), error.causes) == (429, "no", ("needs 3", ""))


@pytest.mark.parametrize("content", ["404 page not found", '["a"]'])
async def test_what_is_no_status_is_the_message(content: str) -> None:
    async with served(text(content, 404)) as port:
        configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
        async with Api.session(configuration) as api:
            with pytest.raises(ApiError) as caught:
                await api.request("GET", "/it")
    assert (caught.value.status, str(caught.value)) == (404, content)
    assert (caught.value.reason, caught.value.retry_after, caught.value.causes) == ("", None, ())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_replica_that_leads_no_more_reads_and_writes_nothing(method: str) -> None:
    server = ApiServer({f"{verb} /it": Reply() for verb in ("GET", method)})
    leads = [True]
    async with (
        served(server.answer) as port,
        Api.session(client.Configuration(host=f"http://127.0.0.1:{port}"), lambda: leads[0]) as api,
    ):
        await api.request(method, "/it")
        leads[0] = False
        with pytest.raises(FencedError):
            await api.request(method, "/it")
        await api.request("GET", "/it")
    assert server.requests == [f"{method} /it", "GET /it"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x/../../../another/deployments/victim", id="a way up"),
        pytest.param("x?dryRun=All", id="a query"),
        pytest.param("x#y", id="a fragment"),
        pytest.param("x%2f..%2f..", id="a way up, encoded"),
        pytest.param("x\\..\\..", id="a way up with the other slash"),
        pytest.param("x y\t", id="blanks"),
    ],
)
async def test_a_name_is_one_segment_of_the_path_whatever_it_says(name: str) -> None:
    server = ApiServer()
    path = Resource(group="apps", version="v1", plural="deployments").path("mine", name, "scale")
    async with session_with(server) as api:
        with pytest.raises(ApiError, match="not found"):
            await api.request("GET", path)
    # The server decodes: it is asked for just that name.
    assert server.requests == [f"GET /apis/apps/v1/namespaces/mine/deployments/{name}/scale"]


@pytest.mark.parametrize("name", ["..", "."])
def test_a_name_that_leads_elsewhere_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match="is no path: names are not empty"):
        Resource(group="apps", version="v1", plural="deployments").path("mine", name, "scale")


async def test_a_kind_is_looked_for_in_its_own_group_only() -> None:
    server = ApiServer()
    async with session_with(server) as api:
        assert await api.resource("apps/v1/../../../api/v1", "Secret") is None
    assert server.requests == ["GET /apis/apps/v1/../../../api/v1"]


async def test_those_who_ask_for_kinds_at_the_same_time_have_one_answer() -> None:
    deployments = {"name": "deployments", "kind": "Deployment"}
    server = ApiServer({"GET /apis/apps/v1": Reply(body={"resources": [deployments]})})
    expected = Resource(group="apps", version="v1", plural="deployments")
    async with session_with(server) as api:
        found = await asyncio.gather(*(api.resource("apps/v1", "Deployment") for _ in range(9)))
        assert found == [expected] * 9
        assert await api.resource("apps/v1", "DaemonSet") is None
    assert server.requests == ["GET /apis/apps/v1"] * 2


async def test_a_refusal_to_tell_kinds_is_for_all_who_ask_and_for_nobody_after() -> None:
    server = ApiServer({"GET /apis/apps/v1": refused(503)})
    async with session_with(server) as api:
        asked = (api.resource("apps/v1", "Deployment") for _ in range(3))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in found] == [ApiError] * 3
        server.replies["GET /apis/apps/v1"] = Reply(body={"resources": []})
        assert await api.resource("apps/v1", "Deployment") is None


async def test_who_gives_up_takes_the_answer_from_nobody() -> None:
    deployments = {"name": "deployments", "kind": "Deployment"}
    server = ApiServer({"GET /apis/apps/v1": Reply(body={"resources": [deployments]})})
    async with session_with(server) as api:
        first = asyncio.create_task(api.resource("apps/v1", "Deployment"))
        second = asyncio.create_task(api.resource("apps/v1", "Deployment"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second is not None


async def test_watches_leave_requests_their_connections() -> None:
    server = ApiServer({"GET /api/v1/nodes": listed()})
    many = 150  # more than the official client opens by default
    opened = asyncio.Semaphore(0)
    async with session_with(server) as api:

        async def watch() -> None:
            limits = aiohttp.ClientTimeout(total=None)
            async for _ in api.watch("/api/v1/pods", {"watch": "true"}, limits):
                opened.release()

        events = server.events["/api/v1/pods"] = asyncio.Queue()
        tasks = [asyncio.create_task(watch()) for _ in range(many)]
        async with asyncio.timeout(20):
            for _ in range(many):
                events.put_nowait({"type": "BOOKMARK"})
            for _ in range(many):
                await opened.acquire()
            found, _ = await api.items("/api/v1/nodes", {})
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert found == []
