"""Nodes, kubelets and users of all trials, in one event loop.

What a kubelet reports is derived by the loopback node's own rules (loopback_node.status); what it
runs are the models of `faults.gateways`.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime

from faults.gateway_wire import GatewayWire
from faults.gateways import PORT, Ailment, Gateway
from faults.history import POD, Ending, Json, Seen
from faults.records import path
from harness.namespace import is_true
from loopback_node.addresses import AddressBlock
from loopback_node.api import STRATEGIC_PATCH, TRANSIENT, Api, ApiError
from loopback_node.registration import Registration
from loopback_node.status import (
    ContainerView,
    PodView,
    Running,
    Terminated,
    reported_status,
    status_patch,
)

_LOG = logging.getLogger(__name__)
_TICK = 0.05
_LEASE_SECONDS = 1.0
_SHARED = "shared"
_RETRIES = 5
_MISSING, _CONFLICT = 404, 409
# Of these nobody can know, or empty, what they hold.
_EXCUSED = {Ailment.HANG, Ailment.LIES_IN_DRAIN}


def _text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class _Pod:
    """A pod that a node has taken."""

    body: Json
    gateway: Gateway
    started_at: str
    reported: tuple[bool, int] = (False, 0)
    died_at: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Fleet:
    """All pods that are bound to our nodes, and the users that want to be connected to them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._addresses = AddressBlock()
        self._pods: dict[str, _Pod] = {}
        self._bound: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._lost: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._nodes: dict[str, list[str]] = {}
        self._wires: dict[str, GatewayWire] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self.users: dict[str, int] = {}
        self.endings: defaultdict[str, list[Ending]] = defaultdict(list)

    def add_nodes(self, namespace: str, count: int, wire: GatewayWire, *, are_own: bool) -> None:
        """Give the pods of a namespace nodes: of their own, or those that all others share.

        To make nodes, and to renew their Leases, was a third of all writes. Their gateways are
        asked over the wire.
        """
        self._wires[namespace] = wire
        owner = namespace if are_own else _SHARED
        names = [f"{owner}-{n}" for n in range(count)]
        for name in names:
            if name not in self._keeping:
                self._keeping[name] = asyncio.create_task(self._node(name, owner).keep_alive())
        self._nodes[namespace] = names

    def _node(self, name: str, owner: str) -> Registration:
        return Registration(
            api=self._api,
            name=name,
            prefix=owner,
            address=self._addresses.node_address(len(self._keeping) % 200),
            interval=_LEASE_SECONDS,
        )

    async def remove_nodes(self, namespace: str) -> None:
        """Forget a namespace's pods and users, and the nodes that were its own."""
        self.users.pop(namespace, None)
        self._bound.pop(namespace, None)
        self._wires.pop(namespace, None)
        for uid in [u for u, p in self._pods.items() if _namespace(p) == namespace]:
            await self._gone(uid)
        for name in self._nodes.pop(namespace, ()):
            if name.startswith(_SHARED):
                continue
            self._keeping.pop(name).cancel()
            self._lost.discard(name)
            try:
                await self._api.delete(f"/api/v1/nodes/{name}")
            except TRANSIENT as error:
                _LOG.info("node %s: %r", name, error)

    async def close(self) -> None:
        """End everything."""
        for task in (*self._keeping.values(), *self._tasks):
            task.cancel()
        for uid in list(self._pods):
            await self._gone(uid)
        self._addresses.close()

    async def lose(self, node: str) -> None:
        """Have a node vanish: its gateways die, and nothing is reported of it any more."""
        self._lost.add(node)
        self._keeping[node].cancel()
        for pod in tuple(self._pods.values()):
            if pod.body["spec"]["nodeName"] == node:
                await pod.gateway.end()

    def gateway(self, uid: str) -> Gateway:
        """Return the gateway of a pod."""
        return self._pods[uid].gateway

    def strike(self, uid: str, ailment: Ailment) -> None:
        """Have a gateway fall ill."""
        self._pods[uid].gateway.strike(ailment)
        self._go(self._report(uid))

    async def run(self) -> None:
        """Let time pass for gateways and users, for ever."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            for pod in self._pods.values():
                pod.gateway.pass_time(now - before)
                state = pod.gateway.is_ready, pod.gateway.restarts
                if state != pod.reported:
                    if state[1] != pod.reported[1]:
                        pod.died_at = _text()
                    pod.reported = state
                    self._go(self._report(pod.body["metadata"]["uid"]))
            before = now
            for namespace, wanted in self.users.items():
                self._connect(namespace, wanted)

    def heard(self, seen: Seen) -> None:
        """Do what a pod's node does about a revision of it."""
        if seen.kind != POD or seen.body["metadata"]["namespace"] not in self._nodes:
            return
        uid, namespace = seen.uid, seen.body["metadata"]["namespace"]
        if seen.change == "DELETED":
            self._bound[namespace].pop(uid, None)
            if uid in self._pods:
                self._go(self._gone(uid))
            return
        if uid in self._pods:
            if seen.revision > _revision(self._pods[uid].body):
                self._pods[uid].body = seen.body
            self._go(self._report(uid))
        elif "deletionTimestamp" in seen.body["metadata"]:
            self._go(self._deleted(seen.body))
        elif uid not in self._bound[namespace]:
            self._bound[namespace][uid] = node = self._node_for(namespace)
            self._go(self._begin(seen.body, node))

    def _go(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _connect(self, namespace: str, wanted: int) -> None:
        mine = [p for p in self._pods.values() if _namespace(p) == namespace]
        held = sum(p.gateway.held for p in mine)
        if held > wanted:
            for pod in mine:
                pod.gateway.connections *= wanted / held
            return
        missing = wanted - held
        open_to = [p.gateway for p in mine if is_true(p.body, "Ready")]
        for gateway in sorted(open_to, key=lambda g: g.held):
            if missing <= 0:
                return
            share = max(1, -(-missing // len(open_to)))
            missing -= gateway.take(min(share, missing))

    async def _begin(self, body: Json, node: str) -> None:
        meta = body["metadata"]
        namespace, name, uid = meta["namespace"], meta["name"], meta["uid"]
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"metadata": {"name": name, "uid": uid}, "target": target}
        try:
            await self._api.create(f"{path(POD, namespace, name)}/binding", binding)
        except TRANSIENT as error:
            _LOG.info("%s/%s was not bound: %r", namespace, name, error)
            self._bound[namespace].pop(uid, None)
            return
        if namespace not in self._nodes:
            return  # the trial is over
        address = self._addresses.take([PORT])
        gateway = Gateway(address, _capacity(body), self._wires[namespace])
        await gateway.start()
        bound = {**body, "spec": {**body["spec"], "nodeName": node}}
        self._pods[uid] = _Pod(body=bound, gateway=gateway, started_at=_text())
        await self._report(uid)

    def _node_for(self, namespace: str) -> str:
        load = dict.fromkeys((n for n in self._nodes[namespace] if n not in self._lost), 0)
        for node in self._bound[namespace].values():
            if node in load:
                load[node] += 1
        return min(load, key=lambda name: (load[name], name))

    async def _report(self, uid: str) -> None:
        """Write the pod's status if it is not so already; end it if that was asked for."""
        pod = self._pods.get(uid)
        if pod is None or pod.body["spec"]["nodeName"] in self._lost:
            return
        async with pod.turn:
            if "deletionTimestamp" in pod.body["metadata"]:
                await self._ended(pod)
                return
            patch = status_patch(pod.body, reported_status(pod.body, _view(pod), _text()))
            if patch is None:
                return
            meta = pod.body["metadata"]
            target = f"{path(POD, meta['namespace'], meta['name'])}/status"
            try:
                written = await self._api.patch(target, patch, STRATEGIC_PATCH)
            except TRANSIENT as error:
                _LOG.info("%s: %r", target, error)
                pod.reported = (not pod.gateway.is_ready, 0)  # again at the next tick
                return
            # A later one may have been heard of before this answer.
            if _revision(written) > _revision(pod.body):
                pod.body = written

    async def _ended(self, pod: _Pod) -> None:
        meta, gateway = pod.body["metadata"], pod.gateway
        if not gateway.lives:
            return
        was_late, was_ill = gateway.is_late, bool(gateway.ailments & _EXCUSED)
        cut = await gateway.end()
        ending = Ending(
            at=time.monotonic(),
            pod=meta["name"],
            uid=meta["uid"],
            connections=cut,
            pace=gateway.fastest,
            was_late=was_late,
            was_ill=was_ill,
        )
        self.endings[meta["namespace"]].append(ending)
        await self._deleted(pod.body)

    async def _deleted(self, body: Json) -> None:
        meta = body["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        for _ in range(_RETRIES):
            try:
                await self._api.delete(path(POD, meta["namespace"], meta["name"]), options)
            except ApiError as error:
                if error.code in {_MISSING, _CONFLICT}:
                    return
            except TRANSIENT as error:
                _LOG.info("%s: %r", meta["name"], error)
            else:
                return

    async def _gone(self, uid: str) -> None:
        pod = self._pods.pop(uid, None)
        if pod is not None:
            await pod.gateway.end()
            self._addresses.give_back(pod.gateway.address)


def _namespace(pod: _Pod) -> str:
    return str(pod.body["metadata"]["namespace"])


def _revision(body: Json) -> int:
    return int(body["metadata"]["resourceVersion"])


def _capacity(body: Json) -> int:
    variables = body["spec"]["containers"][0]["env"]
    return int(next(v["value"] for v in variables if v["name"] == "GATEWAY_MAX_CONNECTIONS"))


def _view(pod: _Pod) -> PodView:
    container = pod.body["spec"]["containers"][0]
    gateway, uid = pod.gateway, pod.body["metadata"]["uid"]
    ended = Terminated(exit_code=137, reason="Error", finished_at=pod.died_at)
    view = ContainerView(
        name=container["name"],
        image=container["image"],
        state=Running(started_at=pod.started_at, container_id=f"model://{uid}"),
        last=ended if gateway.restarts else None,
        restarts=gateway.restarts,
        ready=gateway.is_ready,
        started=True,
    )
    return PodView(
        containers=(view,),
        address=gateway.address,
        host_address=gateway.address,
        start_time=pod.started_at,
        restart_policy="Always",
        over=False,
    )
