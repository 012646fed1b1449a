"""One idempotent call per action, carrying the uid or version of what it was decided for."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

import aiohttp

from imchat_operator.core.decision import (
    Action,
    CancelDrain,
    Evict,
    Outcome,
    Scale,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.ownership import OURSELVES
from imchat_operator.models import READINESS_GATE
from imchat_operator.shell.gateway import Address, Gateways, RefusedError
from imchat_operator.shell.kube import (
    MERGE_PATCH,
    PODS,
    STRATEGIC_MERGE_PATCH,
    Api,
    ApiError,
    Json,
)
from imchat_operator.shell.objects import DELETION_COST

_LOG = logging.getLogger(__name__)
_NOT_FOUND = 404


class Actor:
    """Carries out the actions of one cluster's decisions."""

    def __init__(self, api: Api, gateways: Gateways, namespace: str) -> None:
        self._api = api
        self._gateways = gateways
        self._namespace = namespace

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
        """
        try:
            await self._call(action, scale_path, addresses)()
        except ApiError as error:
            if error.status == _NOT_FOUND and not isinstance(action, Scale):
                return Outcome(action=action)
            return Outcome(action=action, refused=str(error))
        except RefusedError as error:
            return Outcome(action=action, refused=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Outcome(action=action, refused=f"no answer from the API server ({error!r})")
        _LOG.info("done: %s", action)
        return Outcome(action=action)

    def _call(
        self, action: Action, scale_path: str, addresses: Mapping[str, Address]
    ) -> Callable[[], Awaitable[object]]:
        match action:
            case SetAccepting():
                return lambda: self._set_accepting(action)
            case SetDeletionCost():
                return lambda: self._set_deletion_cost(action)
            case Evict():
                return lambda: self._evict(action)
            case Scale():
                return lambda: self._scale(action, scale_path)
            case StartDrain():
                return lambda: self._gateways.start_drain(_known(addresses, action.uid), action)
            case CancelDrain():
                return lambda: self._gateways.cancel_drain(_known(addresses, action.uid))
            case _:
                assert_never(action)

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

    async def _evict(self, action: Evict) -> None:
        body: Json = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": action.pod, "namespace": self._namespace},
            "deleteOptions": {"preconditions": {"uid": action.uid}},
        }
        path = PODS.path(self._namespace, action.pod, "eviction")
        await self._api.request("POST", path, body=body)

    async def _scale(self, action: Scale, path: str) -> None:
        body: Json = {
            "metadata": {"resourceVersion": action.resource_version},
            "spec": {"replicas": action.to},
        }
        # By this name managedFields tell our changes from everybody else's.
        query = {"fieldManager": OURSELVES}
        await self._api.request("PATCH", path, query=query, body=body, content_type=MERGE_PATCH)


def _known(addresses: Mapping[str, Address], uid: str) -> Address:
    if uid not in addresses:
        raise RefusedError("it has no address")
    return addresses[uid]
