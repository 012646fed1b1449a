"""What a workload has in hand: one namespace, its fleet, and what the API server says of both."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faults.fleet import Fleet
from faults.gateways import Ailment
from faults.history import CHANGES, CLUSTER, DEPLOYMENT, EVENT, POD, TARGETS, WINDOW, Json
from faults.records import Ledger, path
from harness.namespace import is_true
from loopback_node.api import Api

NAME = "chat"
_KIND = "ImChatCluster"


class StuckError(Exception):
    """What was waited for did not come."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """One trial's namespace; `stepped` is when the workload did something last."""

    api: Api
    fleet: Fleet
    ledger: Ledger
    namespace: str
    patience: float
    stepped: float = 0.0

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds, looked at after each revision and now and then.

        Raises:
            StuckError: it never did.
        """
        deadline = time.monotonic() + self.patience
        while not holds():
            if time.monotonic() > deadline:
                raise StuckError(f"not so within {self.patience:g}s: {what}")
            self.ledger.changed.clear()
            try:
                async with asyncio.timeout(0.2):
                    await self.ledger.changed.wait()
            except TimeoutError:
                continue

    @property
    def cluster(self) -> Json:
        """The ImChatCluster; empty if there is none."""
        return self.ledger.one(CLUSTER, NAME)

    @property
    def status(self) -> Json:
        """Its status."""
        found: Json = self.cluster.get("status", {})
        return found

    @property
    def replicas(self) -> int:
        """The gateways that the Deployment, or the StatefulSet, asks for."""
        found = (self.ledger.one(kind, "gateway") for kind in TARGETS)
        return next((int(one["spec"]["replicas"]) for one in found if one), 0)

    @property
    def pods(self) -> list[Json]:
        """The pods that are not being deleted, by name."""
        found = [p for p in self.ledger.all(POD) if "deletionTimestamp" not in p["metadata"]]
        return sorted(found, key=lambda p: str(p["metadata"]["name"]))

    @property
    def names(self) -> set[str]:
        """The names of all pods, those that are being deleted included."""
        return {pod["metadata"]["name"] for pod in self.ledger.all(POD)}

    @property
    def ready(self) -> list[Json]:
        """Those of them that take connections."""
        return [p for p in self.pods if is_true(p, "Ready")]

    def is_calm(self, replicas: int) -> bool:
        """Whether so many gateways are there and ready, and nothing is under way."""
        is_whole = len(self.pods) == len(self.ready) == self.replicas == replicas
        return is_whole and not self.status.get("drains") and not self.status.get("resize")

    def least_held(self) -> int:
        """Return how many connections the emptiest gateway holds."""
        return min(self.fleet.gateway(pod["metadata"]["uid"]).held for pod in self.pods)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way that the operator has yet to go on with."""
        status = self.status
        return not any(status.get(key) for key in ("drains", "resize", "pendingEvents"))

    def phases(self) -> set[str]:
        """Return the phases of the drains under way."""
        return {drain["phase"] for drain in self.status.get("drains", ())}

    def has_told(self, reason: str) -> bool:
        """Whether there is an Event with a reason."""
        return self.times_told(reason) > 0

    def times_told(self, reason: str) -> int:
        """Return how many Events with a reason there are on the ImChatCluster."""
        mine = (e for e in self.ledger.all(EVENT) if e["involvedObject"]["kind"] == _KIND)
        return sum(e["reason"] == reason for e in mine)

    def condition(self, kind: str) -> Json:
        """Return a condition of the ImChatCluster; empty if it has none."""
        found = self.status.get("conditions", ())
        return next((c for c in found if c["type"] == kind), {})

    def want(self, users: int) -> None:
        """Have so many users from now on."""
        self.fleet.users[self.namespace] = users
        self.stepped = time.monotonic()

    def strike(self, ailment: Ailment, *which: Json) -> None:
        """Have gateways fall ill; without pods, all of them."""
        for pod in which or self.pods:
            self.fleet.strike(pod["metadata"]["uid"], ailment)
        self.stepped = time.monotonic()

    async def create(self, kind: str, body: Json) -> None:
        """Create an object in the namespace."""
        await self.api.create(path(kind, self.namespace), body)
        self.stepped = time.monotonic()

    async def change(self, kind: str, name: str, **spec: Any) -> None:
        """Merge fields into an object's spec."""
        await self.api.patch(path(kind, self.namespace, name), {"spec": spec})
        self.stepped = time.monotonic()

    async def annotate(self, pod: Json, key: str, value: str | None) -> None:
        """Give a gateway's pod an annotation, or take it away."""
        body = {"metadata": {"annotations": {key: value}}}
        await self.api.patch(path(POD, self.namespace, pod["metadata"]["name"]), body)
        self.stepped = time.monotonic()

    async def scale(self, replicas: int) -> None:
        """Do what `kubectl scale` does."""
        target = path(DEPLOYMENT, self.namespace, "gateway")
        body = {"spec": {"replicas": replicas}}
        await self.api.patch(f"{target}/scale?fieldManager=kubectl", body)
        self.stepped = time.monotonic()

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        await self.api.delete(path(kind, self.namespace, name))
        self.stepped = time.monotonic()

    async def lose_node(self, pod: Json) -> None:
        """Have the node of a gateway vanish."""
        await self.fleet.lose(pod["spec"]["nodeName"])
        self.stepped = time.monotonic()

    async def remove_node(self, pod: Json) -> None:
        """Take the Node object of a gateway's node away, as a cloud does of one that is no more."""
        await self.api.delete(f"/api/v1/nodes/{pod['spec']['nodeName']}")
        self.stepped = time.monotonic()

    def end_state(self) -> Json:
        """Return how everything is, without what differs from run to run: names, times, figures."""
        status = self.status
        return {
            "replicas": self.replicas,
            "gateways": sorted(_kept(pod) for pod in self.pods),
            "cluster": sorted(self.cluster.get("metadata", {}).get("finalizers", ())),
            "conditions": sorted(
                [c["type"], c["status"], c["reason"]] for c in status.get("conditions", ())
            ),
            "under way": [
                key for key in ("drains", "resize", "pendingEvents", "window") if status.get(key)
            ],
            "told": sorted(self._told()),
            "windows": sorted(w.get("status", {}).get("state", "") for w in self.windows),
        }

    def _told(self) -> list[str]:
        """Return the changes that were told of the ImChatCluster: each once, as without faults."""
        mine = (e for e in self.ledger.all(EVENT) if e["involvedObject"]["kind"] == _KIND)
        return [e["reason"] for e in mine if e["reason"] in CHANGES]

    @property
    def windows(self) -> list[Json]:
        """The MaintenanceWindows."""
        return self.ledger.all(WINDOW)


def _kept(pod: Json) -> list[str]:
    meta = pod["metadata"]
    ours = [k for k in meta.get("annotations", {}) if "imchat.dev" in k or "deletion-cost" in k]
    hashes = ["pod-template-hash"] if "pod-template-hash" in meta["labels"] else ["released"]
    return [str(is_true(pod, "Ready")), *hashes, *sorted(ours)]
