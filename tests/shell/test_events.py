"""What the recorder asks the API server for, and what it makes of its answers."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from kubernetes.aio import client
from prometheus_client import REGISTRY
from tests.core.fleet import NOON
from tests.shell.apiserver import ApiServer, Asked, Reply, refused, session_with
from tests.shell.serving import served

from imchat_operator.models import PendingEvent
from imchat_operator.shell.events import Recorder
from imchat_operator.shell.kube import Api

PATH = "/api/v1/namespaces/chat/events"
POST = f"POST {PATH}"


def event(name: str = "chat.1", **fields: Any) -> PendingEvent:
    known: dict[str, Any] = {
        "kind": "ImChatCluster",
        "object": "chat",
        "uid": "uid-chat",
        "type": "Warning",
        "reason": "StormGate",
        "action": "Observe",
        "message": "2 of 5 gateways are healthy",
        "at": NOON,
        "decision": "d1",
    }
    return PendingEvent(name=name, **{**known, **fields})


FIRST = event()
THIRD = event(count=3, at=NOON + timedelta(seconds=90, milliseconds=250), since=NOON)
GET, PATCH = f"GET {PATH}/chat.1", f"PATCH {PATH}/chat.1"
DECISION = {"imchat.dev/decision": "d1"}
LATEST = {
    "count": 3,
    "lastTimestamp": "2026-11-23T12:01:30Z",
    "message": "2 of 5 gateways are healthy",
    "series": {"count": 3, "lastObservedTime": "2026-11-23T12:01:30.250000Z"},
}
CHANGE = {"metadata": {"resourceVersion": "42", "annotations": DECISION}, **LATEST}
WHOLE = {
    "metadata": {"name": "chat.1", "namespace": "chat", "annotations": DECISION},
    "eventTime": "2026-11-23T12:00:00.000000Z",
    "firstTimestamp": "2026-11-23T12:00:00Z",
    "source": {"component": "imchat-operator"},
    "reportingComponent": "imchat-operator",
    "action": "Observe",
    "reason": "StormGate",
    "type": "Warning",
    "involvedObject": {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": "ImChatCluster",
        "namespace": "chat",
        "name": "chat",
        "uid": "uid-chat",
    },
}


def there(count: int) -> Reply:
    """Return the Event as it is there, so often so far."""
    return Reply(body={"metadata": {"name": "chat.1", "resourceVersion": "42"}, "count": count})


def said(asked: Asked) -> tuple[str, dict[str, Any] | None]:
    """Return a request without the name of this machine."""
    body = asked.body and {k: v for k, v in asked.body.items() if k != "reportingInstance"}
    return asked.what, body


@dataclass(slots=True)
class World:
    """An API server that takes Events, and a clock that stands still until it is set."""

    server: ApiServer = field(default_factory=lambda: ApiServer(replies={POST: Reply()}))
    seconds: float = 1000.0

    def recorder(self, api: Api) -> Recorder:
        """Return a recorder that was just started."""
        return Recorder(api, "chat", clock=lambda: self.seconds)


@pytest.mark.parametrize(
    ("promised", "replies", "asked", "is_posted"),
    [
        pytest.param(
            FIRST,
            {},
            [
                (
                    POST,
                    {
                        **WHOLE,
                        "lastTimestamp": "2026-11-23T12:00:00Z",
                        "count": 1,
                        "message": "2 of 5 gateways are healthy",
                    },
                )
            ],
            True,
            id="the first one is created",
        ),
        pytest.param(
            THIRD,
            {GET: there(1), PATCH: Reply()},
            [(GET, None), (PATCH, CHANGE)],
            True,
            id="a later one changes the Event that is there, as it was read",
        ),
        pytest.param(THIRD, {GET: there(3)}, [(GET, None)], True, id="once"),
        pytest.param(THIRD, {GET: there(4)}, [(GET, None)], True, id="and never backwards"),
        pytest.param(
            THIRD,
            {},
            [(GET, None), (POST, {**WHOLE, **LATEST})],
            True,
            id="if it is gone, or never came to be, it is created as it is by now",
        ),
        pytest.param(
            THIRD,
            {GET: there(1), PATCH: refused(409)},
            [(GET, None), (PATCH, CHANGE)],
            False,
            id="somebody else changed it meanwhile: it is read again",
        ),
        pytest.param(
            THIRD,
            {POST: refused(409)},
            [(GET, None), (POST, {**WHOLE, **LATEST})],
            False,
            id="somebody else created it meanwhile: it is read again",
        ),
    ],
)
async def test_an_event_is_brought_to_the_count_that_was_promised(
    promised: PendingEvent,
    replies: dict[str, Reply],
    asked: list[tuple[str, dict[str, Any] | None]],
    *,
    is_posted: bool,
) -> None:
    world = World()
    world.server.replies.update(replies)
    async with session_with(world.server) as api:
        recorder = world.recorder(api)
        await recorder.post((promised,))
    assert [said(a) for a in world.server.asked] == asked
    assert recorder.posted == ({promised.receipt} if is_posted else set())


A, B, C = (event(f"chat.{letter}") for letter in "abc")


@pytest.mark.parametrize(
    ("reply", "tried", "posted"),
    [
        pytest.param(Reply(), "abc", "abc", id="all are taken"),
        pytest.param(refused(409), "abc", "abc", id="they are there already"),
        pytest.param(refused(403, "exceeded quota"), "abc", "", id="a quota: each is kept"),
        pytest.param(refused(404, "no namespace"), "abc", "abc", id="no namespace: in vain"),
        pytest.param(refused(422, "invalid"), "abc", "abc", id="never taken: in vain"),
        pytest.param(refused(429), "a", "", id="too many: the rest is not even tried"),
        pytest.param(refused(503), "a", "", id="it can't: neither"),
    ],
)
async def test_what_is_refused_holds_up_nothing(reply: Reply, tried: str, posted: str) -> None:
    world = World()
    world.server.replies[POST] = reply
    async with session_with(world.server) as api:
        recorder = world.recorder(api)
        await recorder.post((A, B, C))
    assert [a.body["metadata"]["name"] for a in world.server.asked] == [f"chat.{t}" for t in tried]
    assert recorder.posted == {f"chat.{letter}" for letter in posted}


async def test_what_failed_is_posted_later_in_its_order() -> None:
    world = World()
    world.server.replies[POST] = refused(503)
    async with session_with(world.server) as api:
        recorder = world.recorder(api)
        await recorder.post((A,))
        await recorder.post((A, B))
        assert len(world.server.asked) == 1, "not at once"
        world.server.replies[POST] = Reply()
        world.seconds += 1.0
        await recorder.post((A, B, C))
        await recorder.post((A, B, C))
        assert [a.body["metadata"]["name"] for a in world.server.asked[1:]] == [
            "chat.a",
            "chat.b",
            "chat.c",
        ]
        await recorder.post((C,))
        assert recorder.posted == {"chat.c"}, "what is promised no more is forgotten"


async def test_pauses_grow_to_a_minute_while_nothing_is_taken() -> None:
    world = World()
    world.server.replies[POST] = refused(403)
    tried: list[float] = []
    async with session_with(world.server) as api:
        recorder = world.recorder(api)
        for second in range(200):
            world.seconds = float(second)
            before = len(world.server.asked)
            await recorder.post((A,))
            tried += [second] * (len(world.server.asked) - before)
    assert tried == [0, 1, 4, 11, 26, 57, 117, 177]


@pytest.mark.parametrize(
    ("reply", "held_until"),
    [
        pytest.param(Reply(), 0, id="posted"),
        pytest.param(refused(422), 0, id="never taken"),
        pytest.param(refused(429), 26, id="tried for half a minute"),
    ],
)
async def test_what_promises_events_waits_for_them_but_not_for_ever(
    reply: Reply, held_until: int
) -> None:
    world = World()
    world.server.replies[POST] = reply
    async with session_with(world.server) as api:
        recorder = world.recorder(api)
        assert not recorder.may_end((A,)), "it was not tried yet"
        for second in range(60):
            world.seconds = float(second)
            await recorder.post((A,))
            if recorder.may_end((A,)):
                break
    assert second == held_until


async def test_an_api_server_that_is_away_stops_nothing() -> None:
    world = World()
    async with served(world.server.answer) as port:
        away = client.Configuration(host=f"http://127.0.0.1:{port}")
    async with Api.session(away) as api:
        recorder = world.recorder(api)
        await recorder.post((A,))
    assert recorder.posted == set()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"imchat_operator_{name}_total", labels) or 0.0


async def test_what_is_posted_or_given_up_is_counted_once() -> None:
    world = World()
    told, silly = event(reason="Told"), event("chat.2", reason="Silly")
    async with session_with(world.server) as api:
        recorder = world.recorder(api)
        await recorder.post((told,))
        await recorder.post((told,))
        world.server.replies[POST] = refused(409)
        await world.recorder(api).post((told,))
        world.server.replies[POST] = refused(422)
        await recorder.post((told, silly))
        await recorder.post((told, silly))
    assert counted("events", reason="Told") == 1
    assert counted("events", reason="Silly") == 0
    assert counted("events_dropped", reason="Silly", cause="Refused") == 1
