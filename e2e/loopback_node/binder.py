"""Binds pods to nodes, each owner's in turn: the little of kube-scheduler that the suites need.

A node fits a pod when it is Ready, neither cordoned nor cut off, carries all labels of the pod's
nodeSelector, and has no NoSchedule or NoExecute taint that the pod does not tolerate. Affinity,
declared spread and resources are not looked at: of the nodes that fit it goes to the one that its
owner's pods were bound to least often, whatever else is bound meanwhile. A pod that fits nowhere
gets PodScheduled=False and waits for a node to change.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from loopback_node.api import STRATEGIC_PATCH, TRANSIENT
from loopback_node.cutoff import cut_off
from loopback_node.moments import now_text
from loopback_node.reflector import Changed, Listed, Reflector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from loopback_node.api import Api, Json
    from loopback_node.events import Recorder

log = logging.getLogger(__name__)

_BLOCKING = ("NoSchedule", "NoExecute")
_RETRY_SECONDS = 1.0


class Binder:
    """Binds the pods of the default scheduler to the nodes in `nodes`, which others keep true."""

    def __init__(self, api: Api, nodes: Mapping[str, Json], events: Recorder) -> None:
        self._api = api
        self._nodes = nodes
        self._events = events
        self._pending: dict[str, Json] = {}
        self._said: dict[str, str] = {}
        self._bound: Counter[tuple[str, str]] = Counter()
        self._changed = asyncio.Event()

    def look_again(self) -> None:
        """A node has changed: try what is pending once more."""
        self._changed.set()

    async def run(self) -> None:
        """Bind, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._bind_for_ever())

    async def _follow(self) -> None:
        reflector = Reflector(self._api, "/api/v1/pods", fieldSelector="spec.nodeName=")
        async for change in reflector.changes():
            match change:
                case Listed(items=items):
                    self._pending = {pod["metadata"]["uid"]: pod for pod in items}
                    self._said.clear()
                case Changed(item=pod, gone=True):
                    self._pending.pop(pod["metadata"]["uid"], None)
                    self._said.pop(pod["metadata"]["uid"], None)
                case Changed(item=pod):
                    self._pending[pod["metadata"]["uid"]] = pod
            self._changed.set()

    async def _bind_for_ever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for uid, pod in tuple(self._pending.items()):
                if not _is_ours(pod):
                    continue
                try:
                    await self._place(pod)
                except TRANSIENT as error:
                    log.info("bind-failed pod=%s why=%r", pod["metadata"]["name"], error)
                    if self._pending.get(uid) is pod:
                        asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._changed.set)

    async def _place(self, pod: Json) -> None:
        obstacles = {name: obstacle(pod, node) for name, node in self._nodes.items()}
        fitting = sorted(name for name, why in obstacles.items() if why is None)
        if not fitting:
            await self._explain(pod, Counter(why for why in obstacles.values() if why))
            return
        owner = _owner(pod)
        node = least_used(fitting, owner, self._bound)
        metadata = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._api.create(f"{_path(pod)}/binding", binding)
        self._bound.update(((owner, node), ("", node)))
        self._pending.pop(metadata["uid"], None)
        log.info("bound pod=%s/%s node=%s", metadata["namespace"], metadata["name"], node)

    async def _explain(self, pod: Json, obstacles: Counter[str]) -> None:
        """Say on the pod why no node fits, unless that was said already.

        What counts is what we said, not what the pod says: another scheduler with other nodes would
        be contradicted for ever.
        """
        metadata = pod["metadata"]
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(obstacles.items()))
        message = f"0/{len(self._nodes)} nodes are available: {reasons or 'there is none'}."
        if self._said.get(metadata["uid"]) == message:
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": now_text(),
        }
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}}
        await self._api.patch(f"{_path(pod)}/status", patch, STRATEGIC_PATCH)
        self._said[metadata["uid"]] = message
        self._events.add(pod, "Warning", "FailedScheduling", message)


def least_used(nodes: Iterable[str], owner: str, bound: Mapping[tuple[str, str], int]) -> str:
    """Return the node that an owner's pods were bound to least often, then those of all owners.

    Args:
        nodes: those that fit.
        owner: the uid of what made the pod.
        bound: how often by owner and node; of all owners under the owner "".
    """
    return min(nodes, key=lambda n: (bound.get((owner, n), 0), bound.get(("", n), 0)))


def obstacle(pod: Json, node: Json) -> str | None:
    """Why the pod cannot go to the node, in a word or two; None when it can."""
    spec = node["spec"]
    labels = node["metadata"].get("labels", {})
    if cut_off(node):
        return "cut off"
    if spec.get("unschedulable"):
        return "unschedulable"
    if not is_ready(node):
        return "not Ready"
    if not pod["spec"].get("nodeSelector", {}).items() <= labels.items():
        return "didn't match the nodeSelector"
    for taint in spec.get("taints", ()):
        if taint["effect"] in _BLOCKING and not _is_tolerated(taint, pod):
            return f"had untolerated taint {{{taint['key']}}}"
    return None


def is_ready(node: Json) -> bool:
    """Whether the Node's Ready condition is True."""
    conditions = node.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _owner(pod: Json) -> str:
    owners = pod["metadata"].get("ownerReferences") or [pod["metadata"]]
    return str(owners[0]["uid"])


def _is_ours(pod: Json) -> bool:
    spec = pod["spec"]
    return (
        spec.get("schedulerName", "default-scheduler") == "default-scheduler"
        and not spec.get("schedulingGates")
        and "deletionTimestamp" not in pod["metadata"]
    )


def _is_tolerated(taint: Json, pod: Json) -> bool:
    return any(_tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations", ()))


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect", taint["effect"]) != taint["effect"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in {None, taint["key"]}
    return {**taint, "value": taint.get("value", "")}.items() >= {
        "key": toleration.get("key"),
        "value": toleration.get("value", ""),
    }.items()


def _path(pod: Json) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
