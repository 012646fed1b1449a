"""Whether a repair may begin now: holding still is a decision, and has a reason.

Asked in the order of the table below; the first objection counts, and shows in the condition
RemediationBlocked. What is under way goes on, whatever is found here.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from imchat_operator.core.ailments import OF_THE_PROCESS, Ailment, Treatment
from imchat_operator.core.decision import Reason
from imchat_operator.core.healing import Health, Patient, origin
from imchat_operator.core.permissions import Hold
from imchat_operator.core.replacement import can_surge
from imchat_operator.core.room import lacks_room
from imchat_operator.core.snapshot import Gateway, Snapshot
from imchat_operator.core.stage import Facts
from imchat_operator.models import PAUSES, Drain, Mode, Phase, Purpose, Storm, WindowAction
from imchat_operator.units import duration_text

_HOUR = timedelta(hours=1)
# A storm or an outage that was shorter needs only as long to settle as it lasted.
_PASSING = timedelta(seconds=10)
_LONGEST_BACK_OFF = timedelta(hours=1)
# Of the 80 drains that a status holds; a rebalance has up to 48.
_MOST_RECORDS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the repairs of this pass may still use.

    Attributes:
        active: what is under repair and counts against `maxConcurrent`: gateways, lost nodes.
        begun: when repairs were begun within the last hour.
        taken: healthy gateways that are being taken out, by those repairs and in this pass.
    """

    active: frozenset[str]
    begun: tuple[datetime, ...]
    taken: int


def budget(facts: Facts) -> Budget:
    """Return what there is before this pass begins anything."""
    now = facts.snapshot.now
    begun = facts.snapshot.history.repairs_begun
    return Budget(
        active=frozenset(
            origin(facts.snapshot, d.uid, d.ailment) for d in facts.drains if is_repair(d)
        ),
        begun=tuple(t for t in begun if timedelta() <= now - t < _HOUR),
        taken=sum(d.purpose is Purpose.SCALE_DOWN for d in facts.drains),
    )


def is_repair(drain: Drain) -> bool:
    """Whether a drain counts against the budget of concurrent repairs.

    A pod that only waits until it may be removed, with another in its place, is missed by nobody.
    """
    is_kept = drain.phase is Phase.QUARANTINED or (drain.blocked and drain.by_uid)
    return drain.is_healing and not is_kept and drain.ailment != Ailment.FAILED


def patient_origin(facts: Facts, patient: Patient) -> str:
    """Return what counts against `maxConcurrent` if this gateway is repaired."""
    return origin(facts.snapshot, patient.gateway.uid, patient.diagnosis.ailment)


def objection(facts: Facts, patient: Patient, spent: Budget) -> Hold | None:
    """Return why a repair that is due must not begin now; None if it may."""
    asked = (ask(facts, patient, spent) for ask in _QUESTIONS)
    return next(filter(None, asked), None)


def _window(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    window = facts.maintenance.held(WindowAction.HEALING)
    if not window or patient.is_requested:
        return None
    return Hold(reason=Reason.HELD_BY_WINDOW, why=window)


def _pause(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    reason = pause(facts.snapshot)
    if not reason or patient.is_requested:
        return None
    return Hold(reason=Reason.PAUSED, why=f"healing is paused: {reason}")


def pause(snapshot: Snapshot) -> str:
    """Return why healing is paused, by an annotation or in the spec; empty if it is not."""
    for key, value in snapshot.cluster.annotations:
        if key == PAUSES[WindowAction.HEALING]:
            return value or f"annotation {key}, which gives no reason"
    return "; ".join(p.reason for p in snapshot.spec.healing.pauses)


def _observes(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    is_watching = facts.snapshot.spec.healing.mode is Mode.OBSERVE
    if not is_watching or patient.is_requested:
        return None
    return Hold(reason=Reason.OBSERVING, why="healing.mode is Observe")


def _dependency(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    if patient.diagnosis.ailment not in OF_THE_PROCESS:
        return None
    down = [d for d in facts.snapshot.dependencies if d.up is False]
    if not down:
        return None
    names = ", ".join(f"{d.name} ({d.why})" for d in down)
    why = f"{names} is down, which gateways can't be well without: another one would be no better"
    return Hold(reason=Reason.DEPENDENCY_DOWN, why=why)


def _storm(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    if not facts.health.is_storm or patient.treatment is Treatment.REMOVE:
        return None
    return Hold(reason=Reason.STORM_GATE, why=storm_text(facts.health))


def storm_text(health: Health) -> str:
    """Return the figures of a storm, and what they mean."""
    return (
        f"{health.text}, less than {health.min_healthy}%: "
        "the cause is likely elsewhere, no repair is begun"
    )


def _cool_down(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    storm = facts.storm
    if storm is None or storm.over_at is None or not patient.is_ill:
        return None
    rest = _settling(facts.snapshot, storm, storm.over_at)
    why = (
        f"{storm.reason} is over since {storm.over_at:%H:%M:%S} UTC, "
        f"repairs begin again {duration_text(rest)} later"
    )
    return Hold(reason=Reason.STORM_COOLDOWN, why=why)


def _back_off(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    until = back_off_until(facts.snapshot, patient)
    if until is None or facts.snapshot.now >= until:
        return None
    count = attempts(facts.snapshot, patient)
    times = "once" if count == 1 else f"{count} times in a row"
    why = (
        f"{patient.gateway.name}: repaired {times} and not well for long; "
        f"again from {until:%H:%M:%S} UTC on"
    )
    return Hold(reason=Reason.BACKING_OFF, why=why)


def attempts(snapshot: Snapshot, patient: Patient) -> int:
    """Return how many repairs in a row did not help in this place, as far as is remembered."""
    records = [r for r in snapshot.history.remediations if _is_of(snapshot, patient, r.ended_at)]
    counts = [
        r.attempt
        for r in records
        if r.by_uid == patient.gateway.uid
        or (r.outcome == "Failed" and r.pod == patient.gateway.name)
    ]
    return max(counts, default=0)


def _is_of(snapshot: Snapshot, patient: Patient, ended_at: datetime) -> bool:
    """Whether a gateway fell ill before it had been well for `recoveredFor` after a repair."""
    return patient.suspect.since - ended_at < snapshot.spec.healing.recovered_for


def back_off_until(snapshot: Snapshot, patient: Patient) -> datetime | None:
    """Return until when a repair in the same place waits; None if it need not."""
    count = attempts(snapshot, patient)
    if count == 0:
        return None
    ended = max(
        r.ended_at
        for r in snapshot.history.remediations
        if r.by_uid == patient.gateway.uid or r.pod == patient.gateway.name
    )
    wait = snapshot.spec.healing.backoff * (1 << min(count - 1, 16))
    return ended + min(_LONGEST_BACK_OFF, wait)


def _hourly(facts: Facts, patient: Patient, spent: Budget) -> Hold | None:
    most = facts.snapshot.spec.healing.max_per_hour
    if len(spent.begun) < most or patient.treatment is Treatment.REMOVE:
        return None
    why = f"{len(spent.begun)} repairs were begun within the last hour, maxPerHour is {most}"
    return Hold(reason=Reason.HOURLY_BUDGET_SPENT, why=why)


def _concurrent(facts: Facts, patient: Patient, spent: Budget) -> Hold | None:
    most = facts.snapshot.spec.healing.max_concurrent
    is_one_more = patient_origin(facts, patient) not in spent.active
    is_too_many = is_one_more and len(spent.active) >= most
    if not is_too_many or patient.treatment is Treatment.REMOVE:
        return None
    why = f"{len(spent.active)} under repair, maxConcurrent is {most}"
    return Hold(reason=Reason.DISRUPTION_BUDGET_SPENT, why=why)


def is_missed(gateway: Gateway) -> bool:
    """Whether the fleet has one less that is well once a gateway is taken out."""
    return gateway.ready and not gateway.released


def _records(facts: Facts, _: Patient, __: Budget) -> Hold | None:
    """Dead pods count against no other budget, nor does what is kept in quarantine."""
    count = sum(d.is_healing for d in facts.drains)
    if count < _MOST_RECORDS:
        return None
    why = f"{count} are under repair, removed or in quarantine, which is the most at a time"
    return Hold(reason=Reason.DISRUPTION_BUDGET_SPENT, why=why)


def _spare(facts: Facts, patient: Patient, spent: Budget) -> Hold | None:
    """A gateway that is well must not be taken where too few, or too little room, is left."""
    if patient.is_ill or patient.treatment is Treatment.REMOVE:
        return None
    if not facts.health.spares(spent.taken + is_missed(patient.gateway)):
        least = facts.health.min_healthy
        why = f"{facts.health.text}: with one less it would be less than {least}%"
        return Hold(reason=Reason.DISRUPTION_BUDGET_SPENT, why=why)
    gateway = patient.gateway
    if patient.is_lost_anyway or can_surge(facts.target, gateway) or not lacks_room(facts, gateway):
        return None
    why = (
        f"the others can't carry what {gateway.name} does, and a {facts.target.kind} "
        "starts no replacement first"
    )
    return Hold(reason=Reason.DISRUPTION_BUDGET_SPENT, why=why)


def _kept(facts: Facts, patient: Patient, _: Budget) -> Hold | None:
    """What would not be let go of in the end is not moved: its clients would have it twice."""
    keeper, gateway = patient.keeper, patient.gateway
    if keeper is None or (keeper.yields and can_surge(facts.target, gateway)):
        return None
    why = f"{gateway.name} could not be evicted, and serves on until it can: {keeper.why}"
    return Hold(reason=Reason.EVICTION_BLOCKED, why=why)


_QUESTIONS: tuple[Callable[[Facts, Patient, Budget], Hold | None], ...] = (
    _window,
    _pause,
    _observes,
    _dependency,
    _storm,
    _cool_down,
    _back_off,
    _hourly,
    _concurrent,
    _records,
    _spare,
    _kept,
)


def is_passing(snapshot: Snapshot, storm: Storm) -> bool:
    """Return whether a storm is too short so far to be told of."""
    return snapshot.now - storm.since < _PASSING


def storm(snapshot: Snapshot, health: Health, patients: Iterable[Patient]) -> Storm | None:
    """Return the record of a storm, or of an outage of a dependency, that is on or settling."""
    before, now = snapshot.history.storm, snapshot.now
    is_suspected = any(p.diagnosis.ailment in OF_THE_PROCESS for p in patients)
    is_down = any(d.up is False for d in snapshot.dependencies)
    reason = ""
    if health.is_storm:
        reason = Reason.STORM_GATE
    elif is_down and is_suspected:
        reason = Reason.DEPENDENCY_DOWN
    if reason:
        is_on = before is not None and before.over_at is None
        return before if is_on else Storm(reason=reason, since=now)
    if before is None:
        return None
    if before.over_at is None and health.is_one_loss:
        return None  # there was none: a node was lost that seemed to be many silent gateways
    if before.over_at is None:
        return before.model_copy(update={"over_at": now})
    rest = _settling(snapshot, before, before.over_at)
    return before if timedelta() <= now - before.over_at < rest else None


def _settling(snapshot: Snapshot, storm: Storm, over_at: datetime) -> timedelta:
    """Return how long nothing is begun after a storm.

    A fleet does not recover all at once: the last one to do so has been ill for long enough to be
    repaired, and is not for that reason alone.
    """
    rest, lasted = snapshot.spec.healing.storm_cooldown, over_at - storm.since
    return rest if lasted >= _PASSING else min(rest, _whole(lasted))


def _whole(duration: timedelta) -> timedelta:
    return timedelta(seconds=math.ceil(duration.total_seconds()))
