"""From caches, gateways and the clock to a Snapshot of one cluster."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from imchat_operator.core.claims import Claim
from imchat_operator.core.decision import Outcome
from imchat_operator.core.snapshot import (
    DependencyState,
    Gateway,
    Node,
    NotAsked,
    Snapshot,
    TargetClaimed,
    TargetMissing,
    Window,
)
from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus
from imchat_operator.shell.addresses import Address, Network, address_of
from imchat_operator.shell.audit import AuditFile
from imchat_operator.shell.budgets import Keepers
from imchat_operator.shell.caches import Caches
from imchat_operator.shell.dependencies import Dependencies
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.kube import PODS, Api, Json
from imchat_operator.shell.leases import Leases
from imchat_operator.shell.load import LoadSource, Sample
from imchat_operator.shell.nodes import Nodes
from imchat_operator.shell.objects import (
    Pod,
    gateway,
    pod,
)
from imchat_operator.shell.phase import since_moment
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.reflector import Reflector
from imchat_operator.shell.resources import cluster_of, history_of
from imchat_operator.shell.signals import Asked
from imchat_operator.shell.targets import Targets

# Drains and ill gateways are looked at this often, however long the metrics interval is: nearly so,
# as a pass that is due may come a little early.
_CLOSE_WATCH = timedelta(seconds=0.9)
# A sample that was taken just before a cluster's moment is of that moment.
LEEWAY = timedelta(seconds=0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Whom the operator talks to (gateways in `networks` only), and where it writes its actions."""

    api: Api
    gateways: Gateways
    prometheus: Prometheus
    networks: tuple[Network, ...] = ()
    audit: AuditFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A Snapshot, and where its actions go to."""

    snapshot: Snapshot
    addresses: dict[str, Address]
    scale_path: str


class Observer:
    """Watches one cluster's pods, and asks its gateways; owns that cache."""

    def __init__(
        self,
        clients: Clients,
        caches: Caches,
        namespace: str,
        on_change: Callable[[], None],
    ) -> None:
        self._api = api = clients.api
        self._networks = clients.networks
        self._caches = caches
        self._targets = Targets(api, caches, namespace)
        self._nodes = Nodes(api, caches.nodes, Leases(api))
        self._on_change = on_change
        self._keepers = Keepers(api, namespace)
        self._source = LoadSource(api, clients.gateways, clients.prometheus)
        self._dependencies = Dependencies(api, clients.prometheus, namespace)
        self._namespace = namespace
        self._pods: Reflector[Pod] | None = None
        self._selector = ""
        self._pods_task: asyncio.Task[None] | None = None

    async def observe(
        self,
        body: Json,
        windows: tuple[Window, ...],
        outcomes: tuple[Outcome, ...],
        posted: frozenset[str],
        elder: Claim | None = None,
    ) -> Observation:
        """Return what is; of a target that `elder` acts on nothing, and nobody is asked.

        Raises:
            pydantic.ValidationError: the spec was stored under other rules than today's.
            ApiError, aiohttp.ClientError, TimeoutError: the API server can't tell.
        """
        spec = ImChatClusterSpec.model_validate(body.get("spec"))
        history = history_of(body)
        found: Json | TargetMissing | TargetClaimed
        if elder is None:
            is_quiet = not outcomes and not is_under_way(history)
            found, scale_path = await self._targets.scale(spec.target_ref, is_quiet=is_quiet)
        else:
            found, scale_path = TargetClaimed(by=elder.name), ""
        parts: dict[str, Any] = {
            "cluster": cluster_of(body),
            "spec": spec,
            "history": history,
            "windows": windows,
            "outcomes": outcomes,
            "posted": posted,
        }
        if isinstance(found, TargetMissing | TargetClaimed):
            now = datetime.now(UTC)
            snapshot = Snapshot(now=now, sampled_at=now, target=found, **parts)
            return Observation(snapshot=snapshot, addresses={}, scale_path=scale_path)
        selector = found["status"]["selector"]
        pods = await self._cached(selector)
        addresses = {
            p.uid: address_of(p, spec.gateway_port, self._networks) for p in pods if p.answers
        }
        asked = Asked(spec=spec, namespace=self._namespace, selector=selector, pods=pods)
        longest = _oldest(body["metadata"]["uid"], spec.metrics.interval, history)
        sample, dependencies = await self._sampled(asked, addresses, longest)
        measured = await self._source.measured(asked, body["metadata"]["generation"], sample)
        target = await self._targets.judged(found, spec.target_ref, history, outcomes)
        gateways = await self._gateways(pods, sample, frozenset(d.uid for d in history.drains))
        snapshot = Snapshot(
            now=datetime.now(UTC),
            sampled_at=measured.at,
            target=target,
            autoscalers=self._caches.rivals(self._namespace, spec.target_ref),
            gateways=gateways,
            measurements=measured.found,
            dependencies=dependencies,
            **parts,
        )
        return Observation(snapshot=snapshot, addresses=addresses, scale_path=scale_path)

    async def catch_up(self) -> bool:
        """List the pods, as their watch may be late; return whether that was news.

        Raises:
            ApiError, aiohttp.ClientError, TimeoutError: the API server can't tell.
        """
        return self._pods is not None and await self._pods.catch_up()

    async def close(self) -> None:
        """Stop watching."""
        await _ended(self._pods_task)

    async def _cached(self, selector: str) -> tuple[Pod, ...]:
        if self._pods is None or self._selector != selector:
            await _ended(self._pods_task)
            self._pods = Reflector(
                self._api,
                PODS.path(self._namespace),
                query={"labelSelector": selector},
                project=pod,
                on_change=self._on_change,
            )
            self._selector = selector
            self._pods_task = asyncio.create_task(self._pods.run())
        await self._pods.synced.wait()
        await self._pods.resume()
        await self._caches.synced()
        return tuple(sorted(self._pods.items.values(), key=lambda p: p.name))

    async def _gateways(
        self, pods: tuple[Pod, ...], sample: Sample, drained: frozenset[str]
    ) -> tuple[Gateway, ...]:
        nodes = await self._nodes.of(pods, sample)
        leaving = [p for p in pods if p.uid not in drained and _may_leave(p, nodes.get(p.node))]
        keepers = await self._keepers.of(leaving)
        return tuple(
            gateway(
                self._newest(p),
                node=nodes.get(p.node),
                reading=sample.reading(p.uid) if p.answers else NotAsked(),
                keeper=keepers.get(p.uid),
            )
            for p in pods
        )

    def _newest(self, seen: Pod) -> Pod:
        """Return a pod's newest version, if that is all that changed while gateways were asked."""
        now = self._pods.items.get(seen.uid) if self._pods else None
        return now if now == seen and now is not None else seen

    async def _sampled(
        self, asked: Asked, addresses: dict[str, Address], longest: timedelta
    ) -> tuple[Sample, tuple[DependencyState, ...]]:
        ready = frozenset(p.uid for p in asked.pods if p.ready and p.uid in addresses)
        since = datetime.now(UTC) - longest
        return await asyncio.gather(
            self._source.sample(asked, addresses, ready, since),
            self._dependencies.states(asked.spec.dependencies, longest),
        )


def _oldest(uid: str, interval: timedelta, history: ImChatClusterStatus) -> timedelta:
    """Return how old a sample may be that a cluster is judged by."""
    longest = since_moment(uid, interval, datetime.now(UTC))
    if is_watched_closely(history):
        longest = min(longest, _CLOSE_WATCH)
    return longest + LEEWAY


def _may_leave(found: Pod, node: Node | None) -> bool:
    """Return whether a pod may be about to be moved, well as it is.

    What is not ready takes nothing from a budget, which may say no for its sake alone.
    """
    return found.ready and (found.drain_requested or (node is not None and node.drives_out))


def is_under_way(history: ImChatClusterStatus) -> bool:
    """Return whether anything is begun, wrong or in dispute: figures have to be fresh then."""
    is_disputed = history.resize is not None or history.conflict is not None
    return is_disputed or is_watched_closely(history)


def is_watched_closely(history: ImChatClusterStatus) -> bool:
    """Return whether something is under way, or wrong, that is not over yet."""
    is_storm = history.storm is not None and history.storm.over_at is None
    return bool(history.drains or history.suspects) or is_storm


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
