"""What PodDisruptionBudgets have against the eviction of a pod that is well."""

from typing import Any

import pytest
from tests.shell.apiserver import ApiServer, listed, refused, session_with
from tests.shell.budgets import BUDGETS, OURS, budget, synced
from tests.shell.pods import pod

from imchat_operator.core.snapshot import Keeper
from imchat_operator.shell.budgets import Keepers, selects
from imchat_operator.shell.objects import Pod

STRICT = "PodDisruptionBudget gateway can never allow it: it needs 4 healthy of 4 expected"


LABELS = (("app", "gateway"),)
A, B = pod("a", labels=LABELS), pod("b", labels=LABELS)


@pytest.mark.parametrize(
    ("budgets", "keeper"),
    [
        pytest.param([], None, id="there is none"),
        pytest.param([budget(disruptionsAllowed=1)], None, id="it allows one"),
        pytest.param(
            [budget(selector={"matchLabels": {"app": "web"}})], None, id="it selects others"
        ),
        pytest.param(
            [budget(desiredHealthy=4)],
            Keeper(why=STRICT, yields=True),
            id="it needs all that there should be: a replacement frees the other one",
        ),
        pytest.param(
            [budget(desiredHealthy=5)],
            Keeper(why=STRICT.replace("needs 4", "needs 5"), yields=False),
            id="it needs more than there should be",
        ),
        pytest.param(
            [budget(conditions=synced("False", "SyncFailed", "no controllers"))],
            Keeper(
                why="PodDisruptionBudget gateway allows no disruption: no controllers",
                yields=False,
            ),
            id="its controller can't tell",
        ),
        pytest.param(
            [budget(generation=2)],
            Keeper(
                why="PodDisruptionBudget gateway was changed, its new figures are awaited",
                yields=False,
            ),
            id="its figures are of before",
        ),
        pytest.param(
            [budget("other"), budget(disruptionsAllowed=1)],
            Keeper(
                why="2 PodDisruptionBudgets select it (gateway, other), "
                "which the eviction API does not support",
                yields=False,
            ),
            id="two select it, whatever they allow",
        ),
    ],
)
async def test_what_would_refuse_an_eviction_is_told_before(
    budgets: list[dict[str, Any]], keeper: Keeper | None
) -> None:
    async with session_with(ApiServer({f"GET {BUDGETS}": listed(*budgets)})) as api:
        told = await Keepers(api, "chat").of([A])
    assert told.get("uid-a") == keeper


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        pytest.param([()], 0, id="nobody is to leave"),
        pytest.param([(A,), (A,)], 1, id="a list is good for some seconds"),
        pytest.param([(A,), (A, B), (B,)], 2, id="but not for whoever comes later"),
    ],
)
async def test_budgets_are_listed_as_often_as_there_is_somebody_new(
    asked: list[tuple[Pod, ...]], times: int
) -> None:
    server = ApiServer({f"GET {BUDGETS}": listed(budget(desiredHealthy=4))})
    async with session_with(server) as api:
        keepers = Keepers(api, "chat")
        for pods in asked:
            assert set(await keepers.of(pods)) == {p.uid for p in pods}
    assert server.requests == [f"GET {BUDGETS}"] * times


async def test_without_the_right_to_list_budgets_nothing_is_said_and_they_are_asked_for_again() -> (
    None
):
    server = ApiServer({f"GET {BUDGETS}": refused(403, "poddisruptionbudgets is forbidden")})
    async with session_with(server) as api:
        keepers = Keepers(api, "chat")
        assert await keepers.of([A]) == {}
        server.replies[f"GET {BUDGETS}"] = listed(budget(desiredHealthy=4))
        assert set(await keepers.of([A])) == {"uid-a"}


def expression(operator: str, *values: str, key: str = "tier") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param(None, False, id="none selects nothing"),
        pytest.param({}, True, id="an empty one selects all"),
        pytest.param({"matchLabels": {"app": "gateway"}}, True, id="a label"),
        pytest.param({"matchLabels": {"app": "web"}}, False, id="another value"),
        pytest.param({"matchLabels": {"app": "gateway", "x": ""}}, False, id="one of two labels"),
        pytest.param(expression("In", "gold", "tin"), True, id="In"),
        pytest.param(expression("In", "tin"), False, id="not In"),
        pytest.param(expression("In", "gold", key="x"), False, id="In, without the label"),
        pytest.param(expression("NotIn", "tin"), True, id="NotIn"),
        pytest.param(expression("NotIn", "gold"), False, id="not NotIn"),
        pytest.param(expression("NotIn", "gold", key="x"), True, id="NotIn, without the label"),
        pytest.param(expression("Exists"), True, id="Exists"),
        pytest.param(expression("Exists", key="x"), False, id="not Exists"),
        pytest.param(expression("DoesNotExist", key="x"), True, id="DoesNotExist"),
        pytest.param(expression("DoesNotExist"), False, id="not DoesNotExist"),
        pytest.param({**OURS, **expression("Exists", key="x")}, False, id="both have to match"),
        pytest.param(expression("Like", "g*"), False, id="an operator of the future"),
    ],
)
def test_a_selector_is_read_as_kubernetes_reads_it(
    selector: dict[str, Any] | None,
    expected: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert selects(selector, {"app": "gateway", "tier": "gold"}) is expected
