"""Evictions, and which PodDisruptionBudget is in the way of one.

The eviction API answers 429 where a budget allows no disruption now, the same with a time to wait
where the budget's status lags behind its spec, and fails for good where two budgets select the pod.
A budget's 429 has causes; one without any is of an API server that has too much to do, or of an
admission webhook. What is said of the budgets is as of a moment later.
"""

from collections.abc import Sequence
from http import HTTPStatus

from imchat_operator.core.decision import Delete, Evict, Outcome
from imchat_operator.shell.budgets import Budget, budgets, objection, selecting
from imchat_operator.shell.kube import PODS, Api, ApiError, Json

_SEVERAL = "more than one PodDisruptionBudget"
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
        known = await budgets(api, namespace)
        found = None if known is None else selecting(known, meta.get("labels", {}))
        return _refusal(action, error, found)
    return Outcome(action=action)


def preconditions(action: Evict | Delete) -> Json:
    """Return what has the API server refuse if the pod is another one, or not as it was seen."""
    return {"uid": action.uid, "resourceVersion": action.resource_version}


def _refusal(action: Evict, error: ApiError, found: Sequence[Budget] | None) -> Outcome:
    """Return a budget's refusal; where none is known, the API server's own words have to do."""
    words = " ".join((str(error), *error.causes))
    return Outcome(
        action=action,
        refused=objection(found or ()) or words,
        retry_after=error.retry_after,
        is_final=_SEVERAL in str(error) if found is None else len(found) > 1,
    )
