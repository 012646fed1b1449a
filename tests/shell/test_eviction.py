"""Evictions and the budgets that refuse them, against an API server that answers as 1.37 does."""

from datetime import timedelta
from typing import Any

import pytest
from tests.shell.apiserver import ApiServer, Asked, Reply, listed, refused, session_with
from tests.shell.budgets import BUDGETS, budget, synced

from imchat_operator.core.decision import Evict, Outcome
from imchat_operator.shell.act import Actor
from imchat_operator.shell.gateway import Gateways

POD = "/api/v1/namespaces/chat/pods/gateway-a"
EVICT = Evict(pod="gateway-a", uid="uid-a", resource_version="5")
NOW = refused(
    429,
    "Cannot evict pod as it would violate the pod's disruption budget.",
    causes=[{"reason": "DisruptionBudget", "message": "The disruption budget gateway needs 3."}],
)
LATER = refused(
    429,
    "It would violate the budget.",
    retryAfterSeconds=10,
    causes=[{"reason": "DisruptionBudget", "message": "gateway is still being processed."}],
)
SEVERAL = refused(
    500,
    "This pod has more than one PodDisruptionBudget, "
    "which the eviction subresource does not support.",
)
TEN = timedelta(seconds=10)


def found(uid: str = "uid-a", version: str = "5") -> Reply:
    labels = {"app": "gateway", "tier": "gold"}
    return Reply(body={"metadata": {"uid": uid, "resourceVersion": version, "labels": labels}})


async def evicted(answer: Reply, budgets: Reply, pod: Reply | None = None) -> Outcome:
    replies = {
        f"GET {POD}": pod or found(),
        f"POST {POD}/eviction": answer,
        f"GET {BUDGETS}": budgets,
    }
    return await performed(ApiServer(replies))


async def performed(server: ApiServer) -> Outcome:
    async with session_with(server) as api, Gateways() as gateways:
        return await Actor(api, gateways, "chat").perform(EVICT, "", {})


async def test_a_pod_is_evicted_as_it_was_seen() -> None:
    server = ApiServer({f"GET {POD}": found(), f"POST {POD}/eviction": Reply()})
    assert await performed(server) == Outcome(action=EVICT)
    assert server.asked == [
        Asked(what=f"GET {POD}", body=None, content=""),
        Asked(
            what=f"POST {POD}/eviction",
            body={
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": "gateway-a", "namespace": "chat"},
                "deleteOptions": {"preconditions": {"uid": "uid-a", "resourceVersion": "5"}},
            },
        ),
    ]


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(found(version="6"), id="another version"),
        pytest.param(found(uid="uid-z"), id="another pod of that name"),
    ],
)
async def test_what_is_known_to_have_changed_charges_no_budget(pod: Reply) -> None:
    server = ApiServer({f"GET {POD}": pod, f"POST {POD}/eviction": Reply()})
    outcome = await performed(server)
    changed = "it changed meanwhile, looked at again"
    assert outcome == Outcome(action=EVICT, refused=changed, is_stale=True)
    assert server.requests == [f"GET {POD}"]


async def test_what_changes_in_between_is_looked_at_again() -> None:
    outcome = await evicted(refused(409, "does not match the ResourceVersion"), listed())
    changed = "it changed meanwhile, looked at again"
    assert outcome == Outcome(action=EVICT, refused=changed, is_stale=True)


async def test_a_pod_that_goes_in_between_is_no_refusal() -> None:
    assert await evicted(refused(404), listed()) == Outcome(action=EVICT)


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        pytest.param(
            [budget()],
            "PodDisruptionBudget gateway allows no disruption now (2 of 4 healthy, 3 needed)",
            id="it allows none now",
        ),
        pytest.param(
            [budget(disruptedPods={"gateway-b": "2026-11-23T12:00:00Z"})],
            "PodDisruptionBudget gateway allows no disruption now "
            "(2 of 4 healthy, 3 needed, 1 on the way out)",
            id="another pod is on its way",
        ),
        pytest.param(
            [budget(currentHealthy=4, desiredHealthy=4)],
            "PodDisruptionBudget gateway can never allow it: it needs 4 healthy of 4 expected",
            id="it needs all that there should be",
        ),
        pytest.param(
            [budget(desiredHealthy=5)],
            "PodDisruptionBudget gateway can never allow it: it needs 5 healthy of 4 expected",
            id="it needs more than there should be",
        ),
        pytest.param(
            [budget(expectedPods=0, currentHealthy=0, desiredHealthy=0)],
            "PodDisruptionBudget gateway allows no disruption now (0 of 0 healthy, 0 needed)",
            id="it expects none yet",
        ),
        pytest.param(
            [budget(conditions=synced("False", "SyncFailed", "found no controllers for pod x"))],
            "PodDisruptionBudget gateway allows no disruption: found no controllers for pod x",
            id="its controller can't tell, and the figures are old",
        ),
        pytest.param(
            [budget(conditions=synced("False", "InsufficientPods", ""))],
            "PodDisruptionBudget gateway allows no disruption now (2 of 4 healthy, 3 needed)",
            id="its controller can tell",
        ),
        pytest.param(
            [budget("other", {"matchLabels": {"app": "web"}}), budget("all", {})],
            "PodDisruptionBudget all allows no disruption now (2 of 4 healthy, 3 needed)",
            id="the one that selects the pod, here by selecting all",
        ),
    ],
)
async def test_a_budget_that_refuses_is_named_with_its_figures(
    budgets: list[dict[str, Any]], expected: str
) -> None:
    assert await evicted(NOW, listed(*budgets)) == Outcome(action=EVICT, refused=expected)


@pytest.mark.parametrize(
    "budgets",
    [
        pytest.param(refused(403, "poddisruptionbudgets is forbidden"), id="they can't be listed"),
        pytest.param(listed(), id="there is none any more"),
        pytest.param(listed(budget(selector=None)), id="none selects the pod"),
        pytest.param(listed(budget(disruptionsAllowed=1)), id="it would allow it by now"),
    ],
)
async def test_without_a_budget_to_name_the_api_servers_words_have_to_do(budgets: Reply) -> None:
    words = (
        "Cannot evict pod as it would violate the pod's disruption budget. "
        "The disruption budget gateway needs 3."
    )
    assert await evicted(NOW, budgets) == Outcome(action=EVICT, refused=words)


async def test_a_budget_that_was_just_changed_says_when_to_ask_again() -> None:
    outcome = await evicted(LATER, listed(budget(generation=2)))
    why = "PodDisruptionBudget gateway was changed, its new figures are awaited"
    assert outcome == Outcome(action=EVICT, refused=why, retry_after=TEN)


BUSY = "Too many requests, please try again later."
DENIED = 'admission webhook "drains.example" denied the request: moving its users first'


@pytest.mark.parametrize(
    ("message", "is_unanswered"),
    [
        pytest.param(BUSY, True, id="the API server has too much to do"),
        pytest.param(DENIED, False, id="a webhook does not let it go"),
    ],
)
async def test_a_429_of_no_budget_looks_for_none(message: str, *, is_unanswered: bool) -> None:
    busy = Reply(body={"message": message}, status=429, headers={"Retry-After": "1"})
    server = ApiServer({f"GET {POD}": found(), f"POST {POD}/eviction": busy})
    assert await performed(server) == Outcome(
        action=EVICT,
        refused=message,
        retry_after=timedelta(seconds=1),
        is_unanswered=is_unanswered,
    )
    assert f"GET {BUDGETS}" not in server.requests


@pytest.mark.parametrize(
    ("budgets", "refusal", "is_final"),
    [
        pytest.param(
            listed(budget("b"), budget("a", {})),
            "2 PodDisruptionBudgets select it (a, b), which the eviction API does not support",
            True,
            id="named where they can be listed",
        ),
        pytest.param(
            refused(403),
            "This pod has more than one PodDisruptionBudget, "
            "which the eviction subresource does not support.",
            True,
            id="final also where they can't",
        ),
        pytest.param(
            listed(budget()),
            "PodDisruptionBudget gateway allows no disruption now (2 of 4 healthy, 3 needed)",
            False,
            id="not final once one of them is gone",
        ),
    ],
)
async def test_two_budgets_never_allow_it(
    budgets: Reply,
    refusal: str,
    is_final: bool,  # noqa: FBT001 -- a table's
) -> None:
    outcome = await evicted(SEVERAL, budgets)
    assert outcome == Outcome(action=EVICT, refused=refusal, is_final=is_final)


async def test_another_failure_is_no_budgets() -> None:
    server = ApiServer({f"GET {POD}": found(), f"POST {POD}/eviction": refused(500, "etcd")})
    assert await performed(server) == Outcome(action=EVICT, refused="etcd")
    assert f"GET {BUDGETS}" not in server.requests
