"""Who is ill, since when, and how healthy the fleet is as a whole.

A suspicion is counted from when it was first seen by the operator, never from what the API server
says of the past: a gateway is not repaired for a time in which nobody watched it. It ends with
the first sample that shows the gateway well.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from imchat_operator.core.ailments import (
    OF_THE_PROCESS,
    REQUESTED,
    Ailment,
    Diagnosis,
    Treatment,
    scene,
    treatment,
)
from imchat_operator.core.diagnosis import diagnosis
from imchat_operator.core.snapshot import Gateway, Keeper, Snapshot, Target
from imchat_operator.models import (
    MOST_RESTARTS,
    Healing,
    Phase,
    Restarts,
    Suspect,
)
from imchat_operator.units import duration_text

_MOST_TIMES = 20
# Phases of a repair in which the gateway's place is already another's.
_OVER = {Phase.REPLACING, Phase.QUARANTINED}


def restarts(snapshot: Snapshot) -> tuple[Restarts, ...]:
    """Return when the gateways were restarted within `restartSpan`, as far as that is known.

    Those of a gateway that is younger than the span all lie in it. Of an older one that was not
    watched, only the latest can be dated, so no more than that one counts.
    """
    before = {r.uid: r for r in snapshot.history.restarts}
    found = (_restarts(snapshot, g, before.get(g.uid)) for g in snapshot.gateways)
    recent = [r for r in found if r is not None and r.at]
    return tuple(sorted(recent, key=lambda r: (r.at[-1], r.uid))[-MOST_RESTARTS:])


def _restarts(snapshot: Snapshot, gateway: Gateway, before: Restarts | None) -> Restarts | None:
    now, span = snapshot.now, snapshot.spec.healing.restart_span
    if gateway.terminating or gateway.restarts == 0:
        return None
    latest = min(now, gateway.restarted_at or now)
    if before is not None and gateway.restarts >= before.count:
        new, known = gateway.restarts - before.count, before.at
    else:
        is_young = now - gateway.created_at < span
        is_dated = gateway.restarted_at is not None
        new, known = gateway.restarts if is_young else int(is_dated), ()
    times = (*known, *(latest,) * min(new, _MOST_TIMES))[-_MOST_TIMES:]
    kept = tuple(t for t in times if timedelta() <= now - t < span)
    return Restarts(uid=gateway.uid, count=gateway.restarts, at=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A gateway that something is wrong with, or asked for.

    Attributes:
        due: whether it has had the time to recover by itself.
        is_rollout: whether it is of a new revision none of whose gateways is well.
    """

    gateway: Gateway
    suspect: Suspect
    diagnosis: Diagnosis
    due: bool
    is_rollout: bool = False

    @property
    def cause(self) -> str:
        """The evidence with its figures, as Events and conditions show it."""
        return f"{self.diagnosis.ailment}: {self.diagnosis.evidence}"

    @property
    def treatment(self) -> Treatment:
        """What is done about it; what only a person can mend is told."""
        if self.diagnosis.remedy or self.is_rollout:
            return Treatment.TELL
        return treatment(self.diagnosis.ailment)

    @property
    def is_ill(self) -> bool:
        """Whether it serves badly, or not at all; else it is to be moved while it serves well."""
        ailment = self.diagnosis.ailment
        return treatment(ailment) is Treatment.REPLACE or ailment is Ailment.START_FAILING

    @property
    def is_requested(self) -> bool:
        """Whether a person asks for it, which passes what holds the operator's own repairs."""
        return self.diagnosis.ailment in REQUESTED

    @property
    def is_lost_anyway(self) -> bool:
        """Whether its node goes away soon, whatever becomes of it."""
        return self.gateway.node is not None and bool(self.gateway.node.leaving)

    @property
    def keeper(self) -> Keeper | None:
        """What would refuse its eviction; to have moved its clients would be for nothing then."""
        is_moved = self.treatment is Treatment.EVACUATE and not self.is_lost_anyway
        return self.gateway.keeper if is_moved else None

    @property
    def failed_at(self) -> datetime:
        """When it failed, by the earliest evidence."""
        seen = self.suspect.ill_since or self.suspect.since
        return min(seen, self.diagnosis.evident_at or seen)


def patients(
    snapshot: Snapshot, drained: frozenset[str], recent: tuple[Restarts, ...]
) -> tuple[Patient, ...]:
    """Return the gateways that need something and are not being drained, longest suspected first.

    Args:
        snapshot: what is.
        drained: uids of the gateways under drain.
        recent: restarts of late.
    """
    view = scene(snapshot, {r.uid: r.at for r in recent})
    before = {s.uid: s for s in snapshot.history.suspects}
    found = [
        _patient(snapshot, gateway, what, before.get(gateway.uid))
        for gateway in snapshot.gateways
        if gateway.uid not in drained or gateway.terminating
        if (what := diagnosis(gateway, view)) is not None
    ]
    ranked = sorted(found, key=lambda p: (p.suspect.since, p.gateway.name, p.gateway.uid))
    return _with_rollouts(snapshot, tuple(ranked))


def _patient(
    snapshot: Snapshot, gateway: Gateway, what: Diagnosis, before: Suspect | None
) -> Patient:
    now, policy = snapshot.now, snapshot.spec.healing
    is_process = what.ailment in OF_THE_PROCESS
    suspect = Suspect(
        pod=gateway.name,
        uid=gateway.uid,
        ailment=what.ailment,
        since=now,
        ill_since=now if is_process else None,
    )
    if before is not None and before.ailment == what.ailment:
        suspect = before
    elif before is not None and is_process and before.ill_since is not None:
        suspect = suspect.model_copy(update={"ill_since": before.ill_since})
    due = now - suspect.since >= what.patience
    if suspect.ill_since is not None and what.ailment is not Ailment.START_FAILING:
        # Ailments that alternate leave no time to any of them.
        due = due or now - suspect.ill_since >= _longest_patience(policy)
    return Patient(gateway=gateway, suspect=suspect, diagnosis=what, due=due)


def _longest_patience(policy: Healing) -> timedelta:
    return max(policy.not_ready_for, policy.unresponsive_for, policy.zombie_for)


def _with_rollouts(snapshot: Snapshot, found: tuple[Patient, ...]) -> tuple[Patient, ...]:
    """Mark the patients of a revision that came last and has no healthy gateway."""
    ill = {p.gateway.uid for p in found if p.is_ill}
    fleet = [g for g in snapshot.fleet if g.revision and not g.terminating and not g.failure]
    newest: dict[str, datetime] = {}
    for g in fleet:
        newest[g.revision] = max(g.created_at, newest.get(g.revision, g.created_at))
    well = {g.revision for g in fleet if g.ready and g.uid not in ill}
    latest = max(newest.values(), default=None)
    broken = {r for r, at in newest.items() if at == latest and r not in well and len(newest) > 1}
    return tuple(
        Patient(
            gateway=p.gateway,
            suspect=p.suspect,
            diagnosis=p.diagnosis,
            due=p.due,
            is_rollout=p.diagnosis.ailment in OF_THE_PROCESS and p.gateway.revision in broken,
        )
        for p in found
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How much of the fleet is well.

    Attributes:
        healthy: gateways that are well, in rotation or drained for another reason.
        expected: gateways that there should be, without those that are starting.
        ill: gateways that serve badly or not at all, those under repair among them.
        causes: what may have made so many ill: a lost node is one, whatever ran there.
        min_healthy: share in percent below which no repair is begun.
    """

    healthy: int
    expected: int
    ill: int
    causes: int
    min_healthy: int

    @property
    def is_storm(self) -> bool:
        """Whether too much is ill for the gateways to be the cause; one alone never is."""
        return self.causes > 1 and not self.spares(0)

    @property
    def is_one_loss(self) -> bool:
        """Whether several are ill, all by the loss of one node."""
        return self.causes == 1 < self.ill

    def spares(self, count: int) -> bool:
        """Whether enough is left if so many healthy gateways are taken out."""
        return (self.healthy - count) * 100 >= self.min_healthy * self.expected

    @property
    def text(self) -> str:
        """The figures."""
        return f"{self.healthy} of {self.expected} gateways are healthy"


def health(snapshot: Snapshot, target: Target, found: tuple[Patient, ...]) -> Health:
    """Return how much of the fleet is well."""
    repaired = {d.uid for d in snapshot.history.drains if d.is_healing and d.phase not in _OVER}
    moved = {d.uid for d in snapshot.history.drains} - repaired
    suspected = {p.gateway.uid: p for p in found}
    ill = {uid for uid, p in suspected.items() if p.is_ill}
    ailments = {d.uid: d.ailment for d in snapshot.history.drains}
    ailments |= {uid: suspected[uid].diagnosis.ailment for uid in ill}
    young = snapshot.spec.healing.not_ready_for
    fleet = [g for g in snapshot.fleet if not g.terminating and not g.failure]
    sound = [g for g in fleet if g.uid not in ill | repaired]
    healthy = [g for g in sound if g.ready or (g.uid in moved and g.running)]
    starting = [
        g
        for g in fleet
        if not g.ready
        and g.uid not in repaired | moved
        and snapshot.now - g.created_at < young
        and (g.uid not in ill or suspected[g.uid].diagnosis.ailment is Ailment.NOT_READY)
    ]
    starting_ill = {g.uid for g in starting} & ill
    bad = ill - starting_ill | repaired & {g.uid for g in fleet}
    return Health(
        healthy=len(healthy),
        expected=max(0, target.replicas - len(starting)),
        ill=len(bad),
        causes=len({origin(snapshot, uid, ailments.get(uid, "")) for uid in bad}),
        min_healthy=snapshot.spec.healing.min_healthy,
    )


def origin(snapshot: Snapshot, uid: str, ailment: str) -> str:
    """Return what an ill gateway's trouble comes from: the node it was lost with, or itself."""
    if ailment != Ailment.NODE_LOST:
        return uid
    nodes = (g.node_name for g in snapshot.gateways if g.uid == uid)
    return next(nodes, "") or uid


def waiting_text(patient: Patient, snapshot: Snapshot) -> str:
    """Return how long a gateway has been ill, and how long it may be."""
    lasted = snapshot.now - patient.suspect.since
    return (
        f"{patient.gateway.name} {patient.cause}, for {_rounded(lasted)} "
        f"of {duration_text(patient.diagnosis.patience)}"
    )


def _rounded(duration: timedelta) -> str:
    return duration_text(timedelta(seconds=int(duration.total_seconds())))
