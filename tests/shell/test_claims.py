from typing import Any

import pytest

from imchat_operator.shell.claims import Claims
from imchat_operator.shell.resources import claim_of


def body(name: str, target: Any = None, created: str = "2026-11-23T12:00:00Z") -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "chat",
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": created,
        },
        "spec": {"targetRef": {"name": "gateway"} if target is None else target},
    }


def told(claims: Claims, found: dict[str, Any]) -> frozenset[str]:
    return claims.changed(found["metadata"]["uid"], claim_of(found))


def older(claims: Claims, name: str) -> str:
    found = claims.elder(f"uid-{name}")
    return found.name if found else ""


def test_those_that_share_a_workload_hear_of_each_other() -> None:
    claims = Claims()
    assert told(claims, body("a")) == frozenset()
    assert told(claims, body("b")) == {"uid-a"}
    assert told(claims, body("b")) == frozenset(), "nothing changed"
    assert (older(claims, "a"), older(claims, "b")) == ("", "a")
    assert told(claims, body("a", {"name": "other"})) == {"uid-b"}, "it has to go on now"
    assert (older(claims, "a"), older(claims, "b")) == ("", "")
    assert told(claims, body("a")) == {"uid-b"}
    assert claims.gone("uid-a") == {"uid-b"}
    assert older(claims, "b") == ""
    assert claims.gone("uid-b") == frozenset()
    assert claims.gone("uid-b") == frozenset(), "it was gone already"


@pytest.mark.parametrize(
    ("other", "shares"),
    [
        pytest.param({"name": "gateway"}, True, id="the same, by defaults"),
        pytest.param(
            {"apiVersion": "apps/v1beta9", "kind": "Deployment", "name": "gateway"},
            True,
            id="another version of the same group",
        ),
        pytest.param({"kind": "StatefulSet", "name": "gateway"}, False, id="another kind"),
        pytest.param(
            {"apiVersion": "example.dev/v1", "name": "gateway"}, False, id="another group's kind"
        ),
        pytest.param({"name": "GATEWAY!"}, False, id="a name that there can't be"),
        pytest.param([], False, id="nonsense that an older definition let in"),
    ],
)
def test_what_counts_as_the_same_workload(other: Any, *, shares: bool) -> None:
    claims = Claims()
    told(claims, body("a"))
    told(claims, body("b", other))
    assert older(claims, "b") == ("a" if shares else "")


def test_what_can_not_be_understood_any_more_claims_nothing() -> None:
    claims = Claims()
    told(claims, body("a"))
    told(claims, body("b"))
    broken = body("a")
    broken["spec"] = "nonsense"
    assert told(claims, broken) == {"uid-b"}
    assert older(claims, "b") == ""
