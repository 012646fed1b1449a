"""Evictions, and which PodDisruptionBudget is in the way of one, by its figures.

The eviction API answers 429 where a budget allows no disruption now, the same with a time to wait
where the budget's status lags behind its spec, and fails for good where two budgets select the pod.
A budget's 429 has causes; one without any is of an API server that has too much to do, or of an
admission webhook. What is said of the budgets is as of a moment later.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from imchat_operator.core.decision import Delete, Evict, Outcome
from imchat_operator.shell.kube import BUDGETS, FAILED, PODS, Api, ApiError, Json

_SEVERAL = "more than one PodDisruptionBudget"
_TIMEOUT = 5.0
CHANGED = "it changed meanwhile, looked at again"


async def evict(api: Api, namespace: str, action: Evict) -> Outcome:
    """Evict a pod, if it is as it was seen.

    The API server charges the budget before it looks at the version: an eviction that fails for
    its version blocks all others for two minutes. So the version is compared here first.

    Raises:
        ApiError: the pod is gone, or it was refused for another reason than a budget.
        aiohttp.ClientError, TimeoutError: the API server did not answer.
    """
    path = PODS.path(namespace, action.pod)
    meta = (await api.request("GET", path))["metadata"]
    if (meta["uid"], meta["resourceVersion"]) != (action.uid, action.resource_version):
        return Outcome(action=action, refused=CHANGED, is_stale=True)
    body: Json = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": action.pod, "namespace": namespace},
        "deleteOptions": {"preconditions": preconditions(action)},
    }
    try:
        await api.request("POST", f"{path}/eviction", body=body)
    except ApiError as error:
        is_several = error.status == HTTPStatus.INTERNAL_SERVER_ERROR and _SEVERAL in str(error)
        is_by_budget = error.status == HTTPStatus.TOO_MANY_REQUESTS and error.causes
        if not (is_by_budget or is_several):
            raise
        found = await _budgets(api, namespace, meta.get("labels", {}))
        return _refusal(action, error, found)
    return Outcome(action=action)


def preconditions(action: Evict | Delete) -> Json:
    """Return what has the API server refuse if the pod is another one, or not as it was seen."""
    return {"uid": action.uid, "resourceVersion": action.resource_version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a PodDisruptionBudget says of the pods that it selects.

    Attributes:
        is_current: whether the status is of the present spec.
        trouble: why its controller could not compute it; empty if it could.
        allowed: pods that may be evicted now.
        healthy: of the pods.
        needed: healthy pods that have to stay.
        expected: pods that there should be.
        evicted: pods that were let go of and are not seen to be deleted yet.
    """

    name: str
    is_current: bool
    trouble: str
    allowed: int
    healthy: int
    needed: int
    expected: int
    evicted: int

    @property
    def objection(self) -> str:
        """Why it lets no pod go; empty if it does."""
        name = f"PodDisruptionBudget {self.name}"
        if not self.is_current:
            return f"{name} was changed, its new figures are awaited"
        if self.trouble:
            return f"{name} allows no disruption: {self.trouble}"
        if 0 < self.expected <= self.needed:
            figures = f"{self.needed} healthy of {self.expected} expected"
            return f"{name} can never allow it: it needs {figures}"
        if self.allowed > 0:
            return ""
        figures = f"{self.healthy} of {self.expected} healthy, {self.needed} needed"
        aside = f", {self.evicted} on the way out" if self.evicted else ""
        return f"{name} allows no disruption now ({figures}{aside})"


def _refusal(action: Evict, error: ApiError, budgets: Sequence[Budget] | None) -> Outcome:
    """Return a budget's refusal; where none is known, the API server's own words have to do."""
    words = " ".join((str(error), *error.causes))
    return Outcome(
        action=action,
        refused=_objection(budgets or ()) or words,
        retry_after=error.retry_after,
        is_final=_SEVERAL in str(error) if budgets is None else len(budgets) > 1,
    )


async def _budgets(
    api: Api, namespace: str, labels: Mapping[str, str]
) -> tuple[Budget, ...] | None:
    """Return the budgets that select a pod; None where that is not told."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            listed, _ = await api.items(BUDGETS.path(namespace), {})
    except FAILED:
        return None
    ours = (b for b in listed if selects(b["spec"].get("selector"), labels))
    return tuple(sorted(map(budget, ours), key=lambda b: b.name))


def _objection(budgets: Sequence[Budget]) -> str:
    if len(budgets) > 1:
        names = ", ".join(b.name for b in budgets)
        count = f"{len(budgets)} PodDisruptionBudgets"
        return f"{count} select it ({names}), which the eviction API does not support"
    return "".join(b.objection for b in budgets)


def budget(found: Json) -> Budget:
    """Return what is kept of a PodDisruptionBudget."""
    meta, status = found["metadata"], found.get("status", {})
    failed = (c for c in status.get("conditions", ()) if c.get("reason") == "SyncFailed")
    return Budget(
        name=meta["name"],
        is_current=status.get("observedGeneration", 0) >= meta.get("generation", 0),
        trouble=next((c.get("message", "") for c in failed if c["status"] == "False"), ""),
        allowed=status.get("disruptionsAllowed", 0),
        healthy=status.get("currentHealthy", 0),
        needed=status.get("desiredHealthy", 0),
        expected=status.get("expectedPods", 0),
        evicted=len(status.get("disruptedPods", {})),
    )


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Return whether a policy/v1 label selector matches labels: none nothing, an empty one all."""
    if selector is None:
        return False
    pairs = selector.get("matchLabels", {}).items()
    requirements = selector.get("matchExpressions", ())
    return all(labels.get(key) == value for key, value in pairs) and all(
        _meets(labels, r["key"], r["operator"], r.get("values", ())) for r in requirements
    )


def _meets(labels: Mapping[str, str], key: str, operator: str, values: Sequence[str]) -> bool:
    match operator:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:  # the API server takes no others
            return False
