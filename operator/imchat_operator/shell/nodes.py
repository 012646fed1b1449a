"""The nodes that gateways run on: what their objects say, whether they are there, and alive.

A cache may lag behind, and a gateway whose node is gone may be deleted by force. So the API server
is asked once more for a node that the cache lacks; while it does not tell, the node exists.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from imchat_operator.core.snapshot import Node, Silent
from imchat_operator.shell.kube import FAILED, NODES, Api, Json
from imchat_operator.shell.leases import Leases
from imchat_operator.shell.load import Sample
from imchat_operator.shell.objects import Pod
from imchat_operator.shell.reflector import Reflector

_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
# Each is set on a node once it is certain, or as good as, that the node goes away. Not among them:
# kubernetes.azure.com/scalesetpriority, which every spot node has all its life, and
# DeletionCandidateOfClusterAutoscaler, which is a thought that often passes.
TERMINATION_TAINTS = frozenset(
    {
        "ToBeDeletedByClusterAutoscaler",
        "aws-node-termination-handler/asg-lifecycle-termination",
        "aws-node-termination-handler/rebalance-recommendation",
        "aws-node-termination-handler/scheduled-maintenance",
        "aws-node-termination-handler/spot-itn",
        "cloud.google.com/impending-node-termination",
        "karpenter.sh/disrupted",
        "karpenter.sh/disruption",  # before karpenter.sh/v1
        "node.cloudprovider.kubernetes.io/shutdown",
        "remediator.aks.microsoft.com/unschedulable",  # the next one's older name
        "remediator.kubernetes.azure.com/unschedulable",
    }
)
_TIMEOUT = 2.0


def node(found: Json) -> Node:
    """Return what is kept of a node."""
    meta, spec = found["metadata"], found.get("spec", {})
    conditions = found.get("status", {}).get("conditions", ())
    true = {c["type"] for c in conditions if c["status"] == "True"}
    taints = [t["key"] for t in spec.get("taints", ())]
    is_ready = "Ready" in true
    return Node(
        name=meta["name"],
        ready=is_ready,
        cordoned=spec.get("unschedulable", False),
        leaving=_leaving(meta, taints),
        # As for Kubernetes' own pod garbage collector: a node that is ready is not off, whoever
        # forgot to take the taint away.
        fenced=_OUT_OF_SERVICE in taints and not is_ready,
        pressures=tuple(p for p in _PRESSURES if p in true),
    )


def _leaving(meta: Json, taints: Iterable[str]) -> str:
    if "deletionTimestamp" in meta:
        return "it is being deleted"
    return next((f"taint {key}" for key in taints if key in TERMINATION_TAINTS), "")


class Nodes:
    """The nodes of one cluster's gateways."""

    def __init__(self, api: Api, cache: Reflector[Node], leases: Leases) -> None:
        self._api = api
        self._cache = cache
        self._leases = leases

    async def of(self, pods: Sequence[Pod], sample: Sample) -> dict[str, Node]:
        """Return the nodes that these gateways are on by name.

        Args:
            pods: the gateways.
            sample: what they said; where it is nothing, the node's lease is looked at.
        """
        known = {n.name: n for n in self._cache.items.values()}
        names = sorted({p.node for p in pods if p.node})
        missing = [name for name in names if name not in known]
        asked = await asyncio.gather(*(self._asked(name) for name in missing))
        found = {name: known[name] for name in names if name in known}
        found.update(zip(missing, asked, strict=True))
        doubted = {n for n in silent_nodes(pods, sample) if found[n].exists and found[n].ready}
        lapsed = await self._leases.lapsed(doubted)
        return {name: replace(n, lapsed=name in lapsed) for name, n in found.items()}

    async def _asked(self, name: str) -> Node:
        query = {"fieldSelector": f"metadata.name={name}"}
        try:
            async with asyncio.timeout(_TIMEOUT):
                items, _ = await self._api.items(NODES.path(), query)
        except FAILED:
            return Node(name=name, ready=False)
        return node(items[0]) if items else Node(name=name, exists=False, ready=False)


def silent_nodes(pods: Collection[Pod], sample: Sample) -> frozenset[str]:
    """Return the nodes whose running gateways are all silent; one being deleted proves no silence.

    It may have ended already, while the kubelet still calls it running.
    """
    running = [p for p in pods if p.running and p.answers and p.node]
    silent = {p.uid for p in running if isinstance(sample.reading(p.uid), Silent)}
    heard = {p.node for p in running if p.uid not in silent}
    return frozenset(p.node for p in running if not p.terminating) - heard
