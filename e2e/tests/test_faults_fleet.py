"""The kubelets of the fault trials, where a pod changes while they report of it."""

import asyncio
import copy
from typing import TYPE_CHECKING, Any, cast

from faults.fleet import Fleet
from faults.gateway_wire import GatewayWire
from faults.history import POD, Json, Seen
from faults.plans import Course
from harness.namespace import is_true

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_node.api import Api

_GATE = "imchat.dev/accepting-connections"


class _Api:
    """One pod of an API server; `meanwhile` happens after its next status is written."""

    def __init__(self, pod: Json) -> None:
        self.pod = pod
        self.meanwhile: Callable[[], None] | None = None

    async def create(self, path: str, body: Json) -> Json:
        if path.endswith("/binding"):
            self.pod["spec"]["nodeName"] = body["target"]["name"]
            return {}
        return {**body, "metadata": {**body["metadata"], "uid": "uid-of-a-node"}}

    async def delete(self, *_: Any) -> Json:
        return {}

    async def patch(self, path: str, patch: Json, *_: Any) -> Json:
        if not path.endswith("/pods/a/status"):
            return {}
        self.write(patch["status"])
        written = copy.deepcopy(self.pod)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
            await asyncio.sleep(0)  # what was heard is looked at before the answer is
        return written

    def write(self, status: Json) -> None:
        """Merge into the status, its conditions by their type."""
        before = self.pod["status"]
        conditions = {c["type"]: c for c in (*before["conditions"], *status["conditions"])}
        addresses = {k: status[k][1:] for k in ("podIPs", "hostIPs") if k in status}
        revision = int(self.pod["metadata"]["resourceVersion"]) + 1
        self.pod = {
            **self.pod,
            "metadata": {**self.pod["metadata"], "resourceVersion": str(revision)},
            "status": {
                **before,
                **status,
                **addresses,
                "conditions": list(conditions.values()),
            },
        }


def _pod() -> Json:
    variables = [{"name": "GATEWAY_MAX_CONNECTIONS", "value": "9"}]
    return {
        "metadata": {"namespace": "t", "name": "a", "uid": "uid-a", "resourceVersion": "1"},
        "spec": {
            "containers": [{"name": "gateway", "image": "gateway", "env": variables}],
            "readinessGates": [{"conditionType": _GATE}],
        },
        "status": {"conditions": []},
    }


def _seen(api: _Api) -> Seen:
    revision = int(api.pod["metadata"]["resourceVersion"])
    return Seen(at=0.0, revision=revision, change="MODIFIED", kind=POD, body=api.pod)


async def test_an_answer_that_comes_after_a_later_revision_was_heard_of_is_not_believed() -> None:
    api = _Api(_pod())
    fleet = Fleet(cast("Api", api))
    fleet.add_nodes("t", 1, GatewayWire(Course(())), are_own=True)

    def admitted() -> None:
        api.write({"conditions": [{"type": _GATE, "status": "True"}]})
        fleet.heard(_seen(api))

    api.meanwhile = admitted
    running = asyncio.create_task(fleet.run())
    try:
        fleet.heard(_seen(api))
        async with asyncio.timeout(5):
            while not is_true(api.pod, "Ready"):  # noqa: ASYNC110 -- a fake tells nobody
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await fleet.close()
