"""Every action's one call, and what its refusals come to, against an API server that answers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.shell.apiserver import ApiServer, Asked, Reply, refused, session_with
from tests.shell.serving import served

from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    Delete,
    Evict,
    Outcome,
    Release,
    Scale,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.shell.act import Actor
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.kube import Api

POD = "/api/v1/namespaces/chat/pods/gateway-a"
SCALE = "/apis/apps/v1/namespaces/chat/deployments/gateway/scale"
MERGE = "application/merge-patch+json"
AS_SEEN = {"uid": "uid-a", "resourceVersion": "5"}
CHANGED = "it changed meanwhile, looked at again"
IMMUTABLE = 'metadata.uid: Invalid value: "uid-a": field is immutable'

_POD: dict[str, Any] = {"pod": "gateway-a", "uid": "uid-a"}
_SEEN: dict[str, Any] = {**_POD, "resource_version": "5"}
EVICT = Evict(**_SEEN)
DELETE = Delete(**_SEEN)
RELEASE = Release(**_POD, revision="7f9")
ADOPT = Adopt(**_POD, revision="7f9")
ACCEPT = SetAccepting(**_POD, accepting=True)
RANK = SetDeletionCost(**_POD, cost=-1000)
DRAIN = StartDrain(**_POD, connections_per_second=5, deadline=timedelta(seconds=9))
SHRINK = Scale(from_=3, to=2, resource_version="9")
GROW = Scale(from_=3, to=5, resource_version="9")


async def performed(server: ApiServer, action: Action) -> Outcome:
    async with session_with(server) as api, Gateways() as gateways:
        return await Actor(api, gateways, "chat").perform(action, SCALE, {})


def metadata(**changes: Any) -> dict[str, Any]:
    return {"metadata": {"uid": "uid-a", **changes}}


def labelled(label: str | None, annotation: str | None) -> dict[str, Any]:
    return metadata(
        labels={"pod-template-hash": label}, annotations={"imchat.dev/released": annotation}
    )


def deletion(**options: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": AS_SEEN, **options}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(
            DELETE,
            Asked(what=f"DELETE {POD}", body=deletion()),
            id="a deletion names the pod and the version that were seen",
        ),
        pytest.param(
            Delete(**_SEEN, force=True),
            Asked(what=f"DELETE {POD}", body=deletion(gracePeriodSeconds=0)),
            id="one by force waits for no kubelet",
        ),
        pytest.param(
            RELEASE,
            Asked(what=f"PATCH {POD}", body=labelled(None, "7f9"), content=MERGE),
            id="a release takes the label away and remembers it, in one patch",
        ),
        pytest.param(
            ADOPT,
            Asked(what=f"PATCH {POD}", body=labelled("7f9", None), content=MERGE),
            id="an adoption is the reverse",
        ),
        pytest.param(
            RANK,
            Asked(
                what=f"PATCH {POD}",
                body=metadata(annotations={"controller.kubernetes.io/pod-deletion-cost": "-1000"}),
                content=MERGE,
            ),
            id="a rank",
        ),
        pytest.param(
            SHRINK,
            Asked(
                what=f"PATCH {SCALE}",
                body={"metadata": {"resourceVersion": "9"}, "spec": {"replicas": 2}},
                content=MERGE,
            ),
            id="a change of size",
        ),
    ],
)
async def test_an_action_is_one_call(action: Action, expected: Asked) -> None:
    server = ApiServer({expected.what: Reply()})
    assert await performed(server, action) == Outcome(action=action)
    assert server.asked == [expected]


async def test_the_readiness_gate_is_a_condition_of_the_pods_status() -> None:
    server = ApiServer({f"PATCH {POD}/status": Reply()})
    assert await performed(server, ACCEPT) == Outcome(action=ACCEPT)
    (asked,) = server.asked
    assert asked.content == "application/strategic-merge-patch+json"
    assert asked.body["metadata"] == {"uid": "uid-a"}
    (condition,) = asked.body["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("imchat.dev/accepting-connections", "True")


@pytest.mark.parametrize("action", [DELETE, RELEASE, ADOPT, RANK, ACCEPT, EVICT])
async def test_a_pod_that_is_gone_is_no_refusal(action: Action) -> None:
    assert await performed(ApiServer(), action) == Outcome(action=action)


async def test_a_workload_that_is_gone_is_one() -> None:
    assert await performed(ApiServer(), SHRINK) == Outcome(action=SHRINK, refused="not found")


@pytest.mark.parametrize(
    ("action", "reply", "expected"),
    [
        pytest.param(
            DELETE,
            refused(409, "Precondition failed: UID in precondition: uid-a"),
            Outcome(action=DELETE, refused=CHANGED, is_stale=True),
            id="another pod of that name, or another version of it, is looked at again",
        ),
        pytest.param(
            RELEASE,
            refused(409),
            Outcome(action=RELEASE, refused=CHANGED, is_stale=True),
            id="also where it should be released",
        ),
        pytest.param(
            ADOPT,
            refused(422, f'Pod "gateway-a" is invalid: {IMMUTABLE}'),
            Outcome(action=ADOPT, refused=CHANGED, is_stale=True),
            id="a patch to another pod is invalid, as its uid can't be changed",
        ),
        pytest.param(
            ADOPT,
            refused(422, "metadata.labels: Invalid value"),
            Outcome(action=ADOPT, refused="metadata.labels: Invalid value"),
            id="what is invalid in itself is said",
        ),
        pytest.param(
            DELETE,
            refused(403, "pods is forbidden"),
            Outcome(action=DELETE, refused="pods is forbidden"),
            id="what is forbidden is said",
        ),
        pytest.param(
            DELETE,
            Reply(status=429, body={"message": "slowly"}, headers={"Retry-After": "3"}),
            Outcome(
                action=DELETE,
                refused="slowly",
                retry_after=timedelta(seconds=3),
                is_unanswered=True,
            ),
            id="one that is too busy has refused nothing, and tells when to ask again",
        ),
        pytest.param(
            DELETE,
            refused(503, "no server is available"),
            Outcome(action=DELETE, refused="no server is available", is_unanswered=True),
            id="one that is away has refused nothing",
        ),
        pytest.param(
            DELETE,
            refused(500, "x" * 2000),
            Outcome(action=DELETE, refused="x" * 500),
            id="a long reason is cut",
        ),
    ],
)
async def test_a_refusal_is_an_outcome(action: Action, reply: Reply, expected: Outcome) -> None:
    method = "DELETE" if isinstance(action, Delete) else "PATCH"
    assert await performed(ApiServer({f"{method} {POD}": reply}), action) == expected


class Moving(ApiServer):
    """An API server at whose target the size is as told, and the version another one than seen."""

    def __init__(self, replicas: int) -> None:
        super().__init__({f"PATCH {SCALE}": refused(409, "the object has been modified")})
        self._scale = {"metadata": {"resourceVersion": "12"}, "spec": {"replicas": replicas}}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer; once it was asked for the scale, it takes that version."""
        if request.method == "GET":
            self.replies = {f"GET {SCALE}": Reply(body=self._scale), f"PATCH {SCALE}": Reply()}
        return await super().answer(request)


def sent(server: ApiServer) -> list[tuple[str, str]]:
    """Return the versions that patches were for, and the requests for others."""
    return [
        (asked.what.split(" ")[0], asked.body["metadata"]["resourceVersion"] if asked.body else "")
        for asked in server.asked
    ]


async def test_where_only_the_status_of_a_growing_target_moved_on_it_is_tried_again() -> None:
    server = Moving(replicas=3)
    assert await performed(server, GROW) == Outcome(action=GROW)
    assert sent(server) == [("PATCH", "9"), ("GET", ""), ("PATCH", "12")]


@pytest.mark.parametrize(
    ("action", "replicas", "expected"),
    [
        pytest.param(GROW, 4, [("PATCH", "9"), ("GET", "")], id="somebody set another size"),
        pytest.param(SHRINK, 3, [("PATCH", "9")], id="it shrinks, and others may go now"),
    ],
)
async def test_another_change_of_size_is_left_to_the_next_pass(
    action: Scale, replicas: int, expected: list[tuple[str, str]]
) -> None:
    server = Moving(replicas)
    outcome = await performed(server, action)
    assert outcome == Outcome(action=action, refused="the object has been modified")
    assert sent(server) == expected


async def test_a_change_of_size_that_came_too_late_is_refused_in_the_api_servers_words() -> None:
    server = ApiServer({f"PATCH {SCALE}": refused(409, "the object has been modified")})
    outcome = await performed(server, SHRINK)
    assert outcome == Outcome(action=SHRINK, refused="the object has been modified")


@pytest.mark.parametrize("action", [EVICT, DELETE, RELEASE, SHRINK])
async def test_an_api_server_that_does_not_answer_is_a_refusal(action: Action) -> None:
    nobody = client.Configuration(host="http://127.0.0.1:9")
    async with Api.session(nobody) as api, Gateways() as gateways:
        outcome = await Actor(api, gateways, "chat").perform(action, SCALE, {})
    assert outcome.refused.startswith("no answer from the API server")
    assert not outcome.is_final


@pytest.mark.parametrize("action", [DRAIN, CancelDrain(**_POD)])
async def test_a_gateway_without_an_address_is_asked_nothing(action: Action) -> None:
    server = ApiServer()
    assert await performed(server, action) == Outcome(action=action, refused="it has no address")
    assert server.asked == []


async def drained(gateway: ApiServer, server: ApiServer) -> Outcome:
    async with (
        served(gateway.answer) as port,
        session_with(server) as api,
        Gateways() as gateways,
    ):
        where = {"uid-a": Address(host="127.0.0.1", port=port)}
        return await Actor(api, gateways, "chat").perform(DRAIN, SCALE, where)


async def test_a_drain_is_asked_of_the_gateway_itself() -> None:
    gateway, server = ApiServer({"POST /drain": Reply()}), ApiServer()
    outcome = await drained(gateway, server)
    assert outcome == Outcome(action=DRAIN)
    assert gateway.requests == ["POST /drain"]
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "is_final"),
    [
        pytest.param(404, True, id="it has no such path"),
        pytest.param(405, True, id="nor such a method"),
        pytest.param(501, True, id="nor does it know how"),
        pytest.param(503, False, id="it can't now"),
        pytest.param(401, False, id="a token may be renewed"),
    ],
)
async def test_a_gateway_without_a_drain_is_told_from_one_that_can_not_now(
    status: int,
    is_final: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    gateway = ApiServer({"POST /drain": Reply(status=status)})
    outcome = await drained(gateway, ApiServer())
    assert outcome == Outcome(action=DRAIN, refused=f"answered HTTP {status}", is_final=is_final)


async def test_a_gateway_that_may_not_be_asked_will_never_drain() -> None:
    why = "not asked: 127.0.0.1 is a loopback address"
    where = {"uid-a": Address(host="127.0.0.1", port=9, refused=why)}
    async with session_with(ApiServer()) as api, Gateways() as gateways:
        outcome = await Actor(api, gateways, "chat").perform(DRAIN, SCALE, where)
    assert outcome == Outcome(action=DRAIN, refused=why, is_final=True)


async def test_a_removal_that_was_refused_is_not_asked_for_again_at_once() -> None:
    server = ApiServer({f"DELETE {POD}": refused(403, "forbidden")})
    async with session_with(server) as api, Gateways() as gateways:
        actor = Actor(api, gateways, "chat")
        first = await actor.perform(DELETE, SCALE, {})
        later = replace(DELETE, resource_version="another")
        assert await actor.perform(later, SCALE, {}) == replace(first, action=later)
    assert first.refused == "forbidden"
    assert [asked.what for asked in server.asked] == [f"DELETE {POD}"]
