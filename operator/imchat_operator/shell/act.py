"""One idempotent call per action, carrying the uid or version of what it was decided for."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import assert_never

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
from imchat_operator.core.ownership import OURSELVES
from imchat_operator.models import READINESS_GATE, RELEASED
from imchat_operator.shell import eviction
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.gateway import Gateways, ImpossibleError, RefusedError
from imchat_operator.shell.kube import (
    MERGE_PATCH,
    PODS,
    STRATEGIC_MERGE_PATCH,
    UNANSWERED,
    Api,
    ApiError,
    Json,
)
from imchat_operator.shell.objects import DELETION_COST, TEMPLATE_HASH

_LONGEST_REASON = 500
# The API server has too much to do, or what is between here and it answers in its place.
_AWAY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_DENIED = "admission webhook "
# Between two requests for a removal that was refused, where the API server gives no time.
_RETRY = timedelta(seconds=5)


class _Refusals:
    """Removals that were refused of late: not asked for again before it makes sense."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, Outcome]] = {}

    def of(self, action: Evict | Delete) -> Outcome | None:
        """Return the refusal that still stands for the removal of a pod."""
        until, outcome = self._until.get(action.uid, (0.0, None))
        if outcome is None or type(outcome.action) is not type(action) or _now() >= until:
            return None
        return replace(outcome, action=action)

    def heard(self, outcome: Outcome) -> None:
        """Take note of what became of an action."""
        action = outcome.action
        if not isinstance(action, Evict | Delete):
            return
        self._until = {uid: kept for uid, kept in self._until.items() if kept[0] > _now()}
        if outcome.refused and not outcome.is_stale:
            wait = outcome.retry_after or _RETRY
            self._until[action.uid] = (_now() + wait.total_seconds(), outcome)


_now = time.monotonic


class Actor:
    """Carries out the actions of one cluster's decisions."""

    def __init__(self, api: Api, gateways: Gateways, namespace: str) -> None:
        self._api = api
        self._gateways = gateways
        self._namespace = namespace
        self._refusals = _Refusals()

    async def perform(
        self, action: Action, scale_path: str, addresses: Mapping[str, Address]
    ) -> Outcome:
        """Carry out an action.

        Args:
            action: what to do.
            scale_path: URL path of the target's scale subresource.
            addresses: where gateways answer, by pod uid.

        Returns:
            The outcome; a refusal is one of its values. A pod that is gone already is none.

        Raises:
            FencedError: this replica may not act any more.
        """
        self._api.require_write()  # of gateways too, which know no leader
        if isinstance(action, Evict | Delete) and (known := self._refusals.of(action)) is not None:
            return known
        try:
            outcome = await self._called(action, scale_path, addresses)
        except ApiError as error:
            outcome = _refusal(action, error)
        except RefusedError as error:
            is_final = isinstance(error, ImpossibleError)
            outcome = Outcome(action=action, refused=str(error), is_final=is_final)
        except UNANSWERED as error:
            why = f"no answer from the API server ({error!r})"
            outcome = Outcome(action=action, refused=why, is_unanswered=True)
        outcome = replace(outcome, refused=outcome.refused[:_LONGEST_REASON])
        self._refusals.heard(outcome)
        return outcome

    async def _called(
        self, action: Action, scale_path: str, addresses: Mapping[str, Address]
    ) -> Outcome:
        match action:
            case SetAccepting():
                await self._set_accepting(action)
            case SetDeletionCost():
                await self._set_deletion_cost(action)
            case Evict():
                return await eviction.evict(self._api, self._namespace, action)
            case Delete():
                await self._delete(action)
            case Release():
                await self._label(action, template_hash=None, released=action.revision)
            case Adopt():
                await self._label(action, template_hash=action.revision, released=None)
            case Scale():
                await self._scale(action, scale_path)
            case StartDrain():
                await self._gateways.start_drain(_known(addresses, action.uid), action)
            case CancelDrain():
                await self._gateways.cancel_drain(_known(addresses, action.uid))
            case _:
                assert_never(action)
        return Outcome(action=action)

    async def _set_accepting(self, action: SetAccepting) -> None:
        condition = {
            "type": READINESS_GATE,
            "status": "True" if action.accepting else "False",
            "reason": "InRotation" if action.accepting else "Drained",
            "message": "set by imchat-operator",
        }
        await self._api.request(
            "PATCH",
            PODS.path(self._namespace, action.pod, "status"),
            # The uid in the patch makes the API server refuse another pod of the same name.
            body={"metadata": {"uid": action.uid}, "status": {"conditions": [condition]}},
            content_type=STRATEGIC_MERGE_PATCH,
        )

    async def _set_deletion_cost(self, action: SetDeletionCost) -> None:
        cost = None if action.cost is None else str(action.cost)
        body: Json = {"metadata": {"uid": action.uid, "annotations": {DELETION_COST: cost}}}
        path = PODS.path(self._namespace, action.pod)
        await self._api.request("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def _delete(self, action: Delete) -> None:
        body: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": eviction.preconditions(action),
        }
        if action.force:
            body["gracePeriodSeconds"] = 0
        await self._api.request("DELETE", PODS.path(self._namespace, action.pod), body=body)

    async def _label(
        self, action: Release | Adopt, *, template_hash: str | None, released: str | None
    ) -> None:
        """Set or remove, at one go, what a ReplicaSet knows its pods by and what remembers it."""
        body: Json = {
            "metadata": {
                "uid": action.uid,
                "labels": {TEMPLATE_HASH: template_hash},
                "annotations": {RELEASED: released},
            }
        }
        path = PODS.path(self._namespace, action.pod)
        await self._api.request("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def _scale(self, action: Scale, path: str) -> None:
        try:
            await self._scaled(action, path, action.resource_version)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT or action.to < action.from_:
                raise
            # The status of a fleet that grows changes all the time, and with it the version. Where
            # the size is as it was, growing is as right as before. Shrinking may be not: who is
            # removed depends on who is ready.
            scale = await self._api.request("GET", path)
            if scale["spec"].get("replicas", 0) != action.from_:
                raise
            await self._scaled(action, path, scale["metadata"]["resourceVersion"])

    async def _scaled(self, action: Scale, path: str, version: str) -> None:
        body: Json = {
            "metadata": {"resourceVersion": version},
            "spec": {"replicas": action.to},
        }
        # By this name managedFields tell our changes from everybody else's.
        query = {"fieldManager": OURSELVES}
        await self._api.request("PATCH", path, query=query, body=body, content_type=MERGE_PATCH)


def _refusal(action: Action, error: ApiError) -> Outcome:
    if error.status == HTTPStatus.NOT_FOUND and not isinstance(action, Scale):
        return Outcome(action=action)
    refused = str(error)
    # Of a patch, another pod's uid is not a conflict but an invalid change.
    is_another = error.status == HTTPStatus.UNPROCESSABLE_ENTITY and "metadata.uid" in refused
    is_of_a_pod = isinstance(action, Evict | Delete | Release | Adopt)
    if is_of_a_pod and (error.status == HTTPStatus.CONFLICT or is_another):
        refused = eviction.CHANGED
    return Outcome(
        action=action,
        refused=refused,
        retry_after=error.retry_after,
        is_stale=refused == eviction.CHANGED,
        is_unanswered=error.status in _AWAY and not refused.startswith(_DENIED),
    )


def _known(addresses: Mapping[str, Address], uid: str) -> Address:
    if uid not in addresses:
        raise RefusedError("it has no address")
    return addresses[uid]
