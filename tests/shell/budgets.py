"""Builders of PodDisruptionBudgets as the API server lists them."""

from typing import Any

BUDGETS = "/apis/policy/v1/namespaces/chat/poddisruptionbudgets"
OURS = {"matchLabels": {"app": "gateway"}}


def budget(
    name: str = "gateway",
    selector: dict[str, Any] | None = OURS,
    generation: int = 1,
    conditions: tuple[dict[str, str], ...] = (),
    **status: Any,
) -> dict[str, Any]:
    """Return a budget that needs 3 of 4 healthy pods and has 2."""
    known = {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 3, "expectedPods": 4}
    return {
        "metadata": {"name": name, "generation": generation},
        "spec": {} if selector is None else {"selector": selector},
        "status": {"observedGeneration": 1, "conditions": list(conditions), **known, **status},
    }


def synced(status: str, reason: str, message: str) -> tuple[dict[str, str], ...]:
    """Return the conditions by which its controller says whether it could compute it."""
    kind = "DisruptionAllowed"
    return ({"type": kind, "status": status, "reason": reason, "message": message},)
