"""The healing stage: begin the repairs that may begin, and explain the others."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from imchat_operator.core import consent, healing
from imchat_operator.core.ailments import Treatment
from imchat_operator.core.decision import (
    Action,
    Delete,
    Notice,
    Reason,
    Verdict,
)
from imchat_operator.core.draining import count_text, on_both
from imchat_operator.core.healing import Patient
from imchat_operator.core.load import Utilization
from imchat_operator.core.permissions import Hold
from imchat_operator.core.replacement import can_surge
from imchat_operator.core.room import lacks_room
from imchat_operator.core.snapshot import Gateway, Silent
from imchat_operator.core.stage import Facts, Part, drain_text, isolation, new_drain, release
from imchat_operator.models import (
    MOST_SUSPECTS,
    Drain,
    Mode,
    Phase,
    Purpose,
    Remediation,
    Suspect,
    WindowAction,
)

_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs(Part):
    """The part of the healing stage, and what it remembers."""

    suspects: tuple[Suspect, ...] = ()
    begun: tuple[datetime, ...] = ()
    remediations: tuple[Remediation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One pass over the patients so far: what begins, what is held, and what is told."""

    facts: Facts
    spent: consent.Budget
    drains: tuple[Drain, ...] = ()
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    held: tuple[tuple[Patient, Hold], ...] = ()
    told: tuple[tuple[str, Reason], ...] = ()


def repaired(facts: Facts) -> Repairs:
    """Return the repairs that begin now, and how the fleet's health stands."""
    due = (p for p in facts.patients if p.due)
    this = reduce(_treated, due, _Round(facts=facts, spent=consent.budget(facts)))
    drains = (*facts.drains, *this.drains)
    remediations, verified = _verified(facts)
    begun, told = {d.uid for d in drains}, dict(this.told)
    # There may be very many of those that only a person can help: the others come first.
    ranked = sorted(facts.patients, key=lambda p: p.treatment is Treatment.TELL)
    suspects = (
        p.suspect.model_copy(update={"told": told.get(p.gateway.uid, p.suspect.told)})
        for p in ranked
        if p.gateway.uid not in begun or p.gateway.terminating
    )
    return Repairs(
        verdicts=_verdicts(facts, drains, this.held),
        actions=this.actions,
        notices=(*this.notices, *verified),
        drains=drains,
        suspects=tuple(suspects)[:MOST_SUSPECTS],
        begun=this.spent.begun,
        remediations=remediations,
        held=_waiting(this),
    )


def _waiting(this: _Round) -> tuple[WindowAction, ...]:
    is_window = any(hold.reason is Reason.HELD_BY_WINDOW for _, hold in this.held)
    return (WindowAction.HEALING,) if is_window else ()


def _treated(this: _Round, patient: Patient) -> _Round:
    facts, gateway = this.facts, patient.gateway
    if patient.treatment is Treatment.TELL:
        reason = Reason.ROLLOUT_SUSPECTED if patient.is_rollout else Reason.ACTION_REQUIRED
        return _told_once(this, patient, reason, _advice(patient))
    hold = consent.objection(facts, patient, this.spent)
    if hold is not None:
        return replace(this, held=(*this.held, (patient, hold)))
    if facts.snapshot.spec.healing.mode is Mode.RECOMMEND and not patient.is_requested:
        return _told_once(this, patient, Reason.REMEDIATION_RECOMMENDED, _proposal(patient))
    if gateway.terminating:
        told = _told_once(this, patient, Reason.GATEWAY_DELETED, _force_text(patient))
        return replace(told, actions=(*told.actions, _forced(gateway)))
    return _begun(this, patient)


def _advice(patient: Patient) -> str:
    name = patient.gateway.name
    if patient.is_rollout:
        return (
            f"{name} {patient.cause}; it is of the new revision {patient.gateway.revision}, none "
            "of whose gateways is well: the rollout is left to the target, undo or correct it"
        )
    return f"{name} {patient.cause}; {patient.diagnosis.remedy}"


def _proposal(patient: Patient) -> str:
    return f"{patient.gateway.name} would be repaired, nothing is done: {patient.cause}"


def _told_once(this: _Round, patient: Patient, reason: Reason, message: str) -> _Round:
    """Give one Event for a suspicion and a reason, and remember that."""
    told = replace(this, told=(*this.told, (patient.gateway.uid, reason)))
    if patient.suspect.told == reason:
        return told
    notices = on_both(this.facts.snapshot, patient.suspect, reason, message, "Warning")
    return replace(told, notices=(*told.notices, *notices))


def _force_text(patient: Patient) -> str:
    return (
        f"{patient.gateway.name} is deleted by force, {patient.diagnosis.evidence}: "
        f"node {patient.gateway.node_name} is off, nothing runs there any more"
    )


def _forced(gateway: Gateway) -> Delete:
    return Delete(
        pod=gateway.name,
        uid=gateway.uid,
        resource_version=gateway.resource_version,
        force=True,
    )


def _begun(this: _Round, patient: Patient) -> _Round:
    facts, gateway, spent = this.facts, patient.gateway, this.spent
    drain = _record(facts, patient)
    # Whoever comes next must not count on it.
    without = replace(facts, drains=(*facts.drains, drain))
    this = replace(this, facts=without, drains=(*this.drains, drain))
    if patient.treatment is Treatment.REMOVE:
        return this
    surge = release(gateway) if drain.phase is Phase.SURGING else ()
    return replace(
        this,
        spent=replace(
            spent,
            active=spent.active | {consent.patient_origin(facts, patient)},
            begun=(*spent.begun, facts.snapshot.now),
            taken=spent.taken + (not patient.is_ill and consent.is_missed(gateway)),
        ),
        actions=(*this.actions, *isolation(gateway), *surge),
        notices=(*this.notices, *_began(facts, patient, drain)),
    )


def _record(facts: Facts, patient: Patient) -> Drain:
    gateway, failed_at = patient.gateway, patient.failed_at
    purpose = Purpose.QUARANTINE if patient.treatment is Treatment.KEEP else Purpose.HEALING
    silent = isinstance(gateway.reading, Silent)  # that is the ailment, or part of it
    return new_drain(facts.snapshot, facts.id, gateway, purpose, patient.cause).model_copy(
        update={
            "ailment": str(patient.diagnosis.ailment),
            "phase": _first_phase(facts, patient),
            "suspected_at": failed_at,
            "silent_since": patient.suspect.since if silent else None,
            "attempt": consent.attempts(facts.snapshot, patient) + 1,
        }
    )


def _first_phase(facts: Facts, patient: Patient) -> Phase:
    if patient.treatment is Treatment.REMOVE:
        return Phase.DELETING
    gateway = patient.gateway
    is_kept = patient.treatment is Treatment.KEEP or patient.keeper is not None
    is_first = is_kept or lacks_room(facts, gateway)
    is_waited_for = gateway.released or (is_first and can_surge(facts.target, gateway))
    return Phase.SURGING if is_waited_for else Phase.ISOLATING


def _began(facts: Facts, patient: Patient, drain: Drain) -> tuple[Notice, ...]:
    held = count_text(drain.connections)
    message = f"{drain.pod} is taken out of rotation with {held} connections: {drain.cause}"
    if drain.phase is Phase.SURGING:
        is_started = not patient.gateway.released
        message += f"; a replacement is {'started' if is_started else 'waited for'} first"
    elif lacks_room(facts, patient.gateway):
        message += f"; a {facts.target.kind} starts no replacement first"
    if patient.is_ill:
        return on_both(facts.snapshot, drain, Reason.GATEWAY_UNHEALTHY, message, "Warning")
    return on_both(facts.snapshot, drain, Reason.GATEWAY_LEAVING, message)


def _verified(facts: Facts) -> tuple[tuple[Remediation, ...], tuple[Notice, ...]]:
    """Return the repairs with those marked whose replacement has stayed well, and their Events."""
    snapshot = facts.snapshot
    by_uid = {g.uid: g for g in snapshot.gateways}
    ill = {p.gateway.uid for p in facts.patients} | facts.drained
    kept, notices = [], []
    for record in snapshot.history.remediations:
        gateway = by_uid.get(record.by_uid)
        is_due = snapshot.now - record.ended_at >= snapshot.spec.healing.recovered_for
        is_well = gateway is not None and gateway.ready and gateway.uid not in ill
        if record.verified or not is_due or gateway is None or not is_well:
            kept.append(record)
            continue
        kept.append(record.model_copy(update={"verified": True}))
        notices.append(_verified_notice(facts, record, gateway))
    return tuple(kept), tuple(notices)


def _verified_notice(facts: Facts, record: Remediation, gateway: Gateway) -> Notice:
    held = gateway.connections
    is_idle = held == 0 and isinstance(facts.load, Utilization)
    message = f"{gateway.name}, in place of {record.pod}, is well and carries {held} connections"
    if is_idle:
        message += ", though others do"
    return facts.snapshot.cluster.notice(Reason.REMEDIATION_VERIFIED, message, warning=is_idle)


def _verdicts(
    facts: Facts, drains: tuple[Drain, ...], held: tuple[tuple[Patient, Hold], ...]
) -> tuple[Verdict, ...]:
    blocked = _blocked(facts, held)
    healing_verdict = _healing(facts, drains, blocked if held else None)
    return (healing_verdict, replace(blocked, type="RemediationBlocked"))


def _blocked(facts: Facts, held: tuple[tuple[Patient, Hold], ...]) -> Verdict:
    """Return what holds repairs, and how many."""
    if held:
        hold = held[0][1]
        names = ", ".join(f"{p.gateway.name} ({p.cause})" for p, _ in held[:_NAMED])
        rest = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
        message = f"{hold.why}; {len(held)} held: {names}{rest}"
        return Verdict(type="Healing", status="True", reason=hold.reason, message=message)
    snapshot, storm = facts.snapshot, facts.storm
    # One that holds nothing is worth telling once it is more than a passing look of things.
    if storm is not None and storm.over_at is None and not consent.is_passing(snapshot, storm):
        down = [d.name for d in snapshot.dependencies if d.up is False]
        what = facts.health.text if facts.health.is_storm else f"{', '.join(down)} is down"
        return Verdict(
            type="Healing", status="True", reason=Reason(storm.reason), message=f"{what}; 0 held"
        )
    return Verdict(
        type="Healing",
        status="False",
        reason=Reason.NOT_BLOCKED,
        message=facts.health.text,
    )


def _healing(facts: Facts, drains: Iterable[Drain], blocked: Verdict | None) -> Verdict:
    active = [d for d in drains if d.is_healing]
    texts = [drain_text(facts.snapshot, d) for d in active]
    if any(d.phase is not Phase.QUARANTINED for d in active):
        message = "; ".join([*texts, blocked.message] if blocked else texts)
        return Verdict(type="Healing", status="True", reason=Reason.REMEDIATING, message=message)
    if blocked is not None:
        message = "; ".join([blocked.message, *texts])
        return replace(blocked, status="False", message=message)
    told = [p for p in facts.patients if p.due and p.treatment is Treatment.TELL]
    if told:
        is_rollout = told[0].is_rollout
        reason = Reason.ROLLOUT_SUSPECTED if is_rollout else Reason.ACTION_REQUIRED
        message = "; ".join([*(_advice(p) for p in told[:_NAMED]), *texts])
        return Verdict(type="Healing", status="False", reason=reason, message=message)
    proposed = [p for p in facts.patients if p.due]
    if proposed and facts.snapshot.spec.healing.mode is Mode.RECOMMEND:
        reason = Reason.REMEDIATION_RECOMMENDED
        message = "; ".join([*(_proposal(p) for p in proposed[:_NAMED]), *texts])
        return Verdict(type="Healing", status="False", reason=reason, message=message)
    if facts.patients:
        waiting = (healing.waiting_text(p, facts.snapshot) for p in facts.patients[:_NAMED])
        message = "; ".join([*waiting, *texts])
        return Verdict(type="Healing", status="False", reason=Reason.WATCHING, message=message)
    message = "; ".join(["no gateway shows a sign of trouble", *texts])
    return Verdict(type="Healing", status="False", reason=Reason.ALL_HEALTHY, message=message)
