"""The loop of one cluster: observe, decide, record, act, tell; again when something is due."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from pydantic import ValidationError

from imchat_operator.core.audit import entry, proposals
from imchat_operator.core.claims import Claim
from imchat_operator.core.clock import rebased
from imchat_operator.core.decision import Decision, Outcome
from imchat_operator.core.ending import released
from imchat_operator.core.inaction import invalid
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Cluster, Snapshot
from imchat_operator.core.tally import tallies
from imchat_operator.models import ImChatClusterStatus
from imchat_operator.shell import events, telemetry
from imchat_operator.shell.act import Actor
from imchat_operator.shell.audit import Audit
from imchat_operator.shell.caches import Caches
from imchat_operator.shell.clock import WallClock
from imchat_operator.shell.gauges import GAUGES, cluster_samples, invalid_samples
from imchat_operator.shell.health import Health
from imchat_operator.shell.kube import FAILED, ApiError, FencedError, Json
from imchat_operator.shell.leadership import Mandate
from imchat_operator.shell.maintenance import Windows
from imchat_operator.shell.observe import Clients, Observation, Observer
from imchat_operator.shell.phase import in_phase
from imchat_operator.shell.places import Places
from imchat_operator.shell.resources import cluster_of, epoch_of, history_of, refusal
from imchat_operator.shell.stored import StoredCluster
from imchat_operator.shell.wake import Wake

_LOG = structlog.get_logger(__name__)

_SHORTEST_PAUSE = 0.2  # changes that come together are one pass
_LONGEST_PAUSE = 30.0
_LONGEST_STEP = 120.0  # of a pass; a request to the API server is given up after 30 s
_KNOWN = (FencedError, *FAILED)

# Passes at a time. When all clusters have something to do at once, each pass would wait for all
# others at each of its requests, and act on what it saw long before.
_AT_ONCE = 16
_LONGEST_PLACE = 1.0


def places_for_passes() -> Places:
    """Return the places of all loops' passes."""
    return Places(_AT_ONCE, longest=_LONGEST_PLACE)


class ClusterLoop:
    """Reconciles one ImChatCluster until it is gone."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what all loops share, and the object
        self,
        clients: Clients,
        caches: Caches,
        windows: Windows,
        mandate: Mandate,
        health: Health,
        places: Places,
        body: Json,
    ) -> None:
        self._object = StoredCluster(clients.api, body)
        self._mandate = mandate
        self._health = health
        self._places = places
        self._windows = windows
        self._claims = caches.claims
        self._namespace: str = body["metadata"]["namespace"]
        self._wake = Wake()
        self._observer = Observer(clients, caches, self._namespace, self._wake.set)
        self._actor = Actor(clients.api, clients.gateways, self._namespace)
        self._loop = f"the loop of {self._namespace}/{body['metadata']['name']}"
        self._audit = Audit(self.cluster, clients.audit)
        self._counts = telemetry.ClusterCounts(self._namespace, body["metadata"]["name"])
        self._counted: ImChatClusterStatus | None = None
        self._outcomes: tuple[Outcome, ...] = ()
        self._clock = WallClock()
        self._events = events.Recorder(clients.api, self._namespace)
        self._failures = 0

    def changed(self, body: Json) -> None:
        """Take over a newer version of the object; only a change of what was asked for wakes."""
        if self._object.seen(body):
            self._wake.set()

    @property
    def cluster(self) -> Cluster:
        """The object as last seen."""
        return self._object.cluster

    @property
    def claim(self) -> Claim | None:
        """Which workload the object names, as last seen."""
        return self._object.claim

    def wake(self) -> None:
        """Have the next pass begin now."""
        self._wake.set()

    async def run(self) -> None:
        """Make passes until cancelled, or until the object turns out to be gone."""
        who = self.cluster
        structlog.contextvars.bind_contextvars(namespace=who.namespace, cluster=who.name)
        try:
            await self._windows.listed.wait()
            while (pause := await self._guarded_pass()) is not None:
                self._health.beat(self._loop, pause + _LONGEST_STEP)
                await self._wake.wait(pause)
                await asyncio.sleep(min(_SHORTEST_PAUSE, pause))
            self.forget()
        finally:
            self._health.over(self._loop)
            await self._observer.close()

    def forget(self) -> None:
        """Show this cluster no more, since it is gone.

        One whose loop broke stays, as one without new passes. At the end of the process nothing is
        forgotten: to find the series of each among those of a thousand would take longer than
        there is.
        """
        self._wake.dropped()
        self._counts.forget()
        GAUGES.forget(self.cluster.uid)

    async def _guarded_pass(self) -> float | None:
        """Make a pass; return the seconds until the next at the latest, None after the last."""
        self._health.beat(self._loop, _LONGEST_STEP)
        structlog.contextvars.unbind_contextvars("decision")
        try:
            decision = await self._pass()
        except ApiError as error:
            if error.status in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                return await self._refreshed()
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 -- the loop's one boundary
            return self._failed(error)
        self._failures = 0
        self._counts.passed("ok")
        return decision.next_check.total_seconds()

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        self._counts.passed("error")
        pause = min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(self._failures, 10))
        known = isinstance(error, _KNOWN)
        _LOG.warning("pass failed", error=repr(error), againIn=pause, exc_info=not known)
        return pause

    async def _refreshed(self) -> float | None:
        """Somebody else wrote or deleted the object: read it again and judge anew."""
        try:
            return 0.0 if await self._object.read() else None
        except FAILED as error:
            return self._failed(error)

    async def _pass(self) -> Decision:
        """Judge and act when it is this cluster's turn, and tell of it when it is that again."""
        async with self._places.one():
            self._wake.answered()
            with telemetry.PASS_SECONDS.time():
                decision, body, is_held = await self._acted_upon()
        if self._events.owes(decision.status.pending_events):
            async with self._places.one():
                with telemetry.stage("tell"):
                    await self._events.post(decision.status.pending_events)
        is_held |= _is_leaving(body) and not self._events.may_end(decision.status.pending_events)
        if not is_held:
            await self._object.with_finalizer(body, present=False)
        return decision

    async def _acted_upon(self) -> tuple[Decision, Json, bool]:
        """Observe, decide, record and act: what was decided, the object then, and if it is held.

        It is held where gateways are being drained, so that a deletion has to wait.
        """
        body = self._object.body  # what is decided here is for this version
        if (found := epoch_of(body)) > self._mandate.epoch > 0:
            await self._mandate.outrank(found)
        is_leaving = _is_leaving(body)
        try:
            observation, snapshot, decision = await self._judged(body, is_leaving=is_leaving)
            # Before a gateway is told to leave, or to stay, or nobody looks at it any more: a watch
            # that is late shows what was.
            is_last = is_leaving and not _holds(decision)
            is_turn = is_last or decision.turns_after(snapshot.history)
            if is_turn and await self._observer.catch_up():
                _LOG.info("the watch of the pods was late: judged anew")
                observation, snapshot, decision = await self._judged(body, is_leaving=is_leaving)
        except ValidationError as error:
            decision, body = await self._refused(body, error)
            return decision, body, not is_leaving
        structlog.contextvars.bind_contextvars(decision=decision.id)
        is_held = _holds(decision) if is_leaving else decision.is_under_way
        if is_held and not is_leaving:
            body = await self._object.with_finalizer(body, present=True)
        with telemetry.stage("record"):
            stored = await self._recorded(body, decision, observation.snapshot.history)
        self._clock.reckoned()
        self._counts.decided(decision)
        is_written = stored is not body
        self._count(snapshot, history_of(stored) if is_written else observation.snapshot.history)
        with telemetry.stage("act"):
            self._outcomes = await self._acted(decision, snapshot, observation)
        GAUGES.show_cluster(snapshot.cluster, cluster_samples(snapshot, decision.status))
        return decision, stored, is_held

    async def _judged(
        self, body: Json, *, is_leaving: bool
    ) -> tuple[Observation, Snapshot, Decision]:
        windows = self._windows.of(self._namespace)
        elder = self._claims.elder(body["metadata"]["uid"])
        with telemetry.stage("observe"):
            observation = await self._observer.observe(
                body, windows, self._outcomes, self._events.posted, elder
            )
        with telemetry.stage("decide"):
            snapshot = self._reckoned(observation.snapshot)
            decision = released(snapshot) if is_leaving else decide(snapshot)
            interval = snapshot.spec.metrics.interval
            due = in_phase(decision.next_check, snapshot.cluster.uid, interval, snapshot.now)
        return observation, snapshot, replace(decision, next_check=due)

    def _reckoned(self, snapshot: Snapshot) -> Snapshot:
        """Take a step of the clock out of what is being waited for."""
        if not (step := self._clock.step()):
            return snapshot
        seconds = round(step.total_seconds())
        _LOG.warning("the clock was set: what is under way keeps its time", seconds=seconds)
        return replace(snapshot, history=rebased(snapshot.history, step))

    async def _refused(self, body: Json, error: ValidationError) -> tuple[Decision, Json]:
        """Do nothing about a spec that can't be understood, but say so."""
        cluster, history, now = cluster_of(body), history_of(body), _now()
        decision = invalid(cluster, history, refusal(error), now)
        body = await self._recorded(body, decision, history)
        GAUGES.show_cluster(cluster, invalid_samples(decision.status, now))
        return decision, body

    def _count(self, snapshot: Snapshot, written: ImChatClusterStatus) -> None:
        """Count what is over since the status that was counted last, as the API server has both.

        That is not always the one before: a write may have been done though its answer was lost.
        """
        before = self._counted or snapshot.history
        self._counted = written
        self._counts.repaired(before, written)
        self._counts.drained(tallies(before, written, snapshot.gateways))

    async def _acted(
        self, decision: Decision, snapshot: Snapshot, observation: Observation
    ) -> tuple[Outcome, ...]:
        outcomes = []
        for action in decision.actions:
            self._health.beat(self._loop, _LONGEST_STEP)
            outcome = await self._actor.perform(
                action, observation.scale_path, observation.addresses
            )
            self._counts.acted(outcome)
            await self._audit.tell(entry(snapshot, decision, outcome))
            outcomes.append(outcome)
        for proposal in proposals(snapshot, decision):
            await self._audit.tell(proposal)
        self._audit.over()
        return tuple(outcomes)

    async def _recorded(self, body: Json, decision: Decision, history: ImChatClusterStatus) -> Json:
        """Write the status, which fences what follows and promises Events."""
        epoch = self._mandate.epoch or history.epoch
        status = decision.status.model_copy(update={"epoch": epoch})
        if status != history:
            body = await self._object.with_status(body, status)
            _tell_changes(history, status)
            events.count_dropped(decision.dropped)
        return body


def _holds(decision: Decision) -> bool:
    """Whether there is something left to do for an ImChatCluster that is being deleted."""
    return decision.is_under_way or bool(decision.actions)


def _is_leaving(body: Json) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _tell_changes(before: ImChatClusterStatus, after: ImChatClusterStatus) -> None:
    known = {(c.type, c.status, c.reason) for c in before.conditions}
    for found in after.conditions:
        if (found.type, found.status, found.reason) not in known:
            named = f"{found.type} is {found.status}, {found.reason}"
            _LOG.info(named, condition=found.type, reason=found.reason, why=found.message)


def _now() -> datetime:
    return datetime.now(UTC)
