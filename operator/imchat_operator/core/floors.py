"""How small the fleet may be now: minReplicas, a known event, a window, the season, the fallback.

A floor only ever raises the size. Each tells whose it is; the highest counts.
"""

from datetime import UTC, datetime, timedelta
from math import ceil

from imchat_operator.core.decision import Reason
from imchat_operator.core.load import Load, Utilization
from imchat_operator.core.openings import Invalid, Occurrence, next_opening
from imchat_operator.core.scaling import Floor
from imchat_operator.core.snapshot import Snapshot
from imchat_operator.core.windows import Maintenance
from imchat_operator.models import (
    MOST_SLOTS,
    Blindness,
    Fallback,
    FallbackBehavior,
    ImChatClusterSpec,
    Peak,
    ScheduledCapacity,
    Season,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Peaks are kept in thousandths of a gateway.
_MILLI = 1000
_NO_WINDOWS = Maintenance()


def floor(
    snapshot: Snapshot, blindness: Blindness | None, windows: Maintenance = _NO_WINDOWS
) -> Floor:
    """Return the highest floor; the first of equal ones."""
    spec = snapshot.spec
    own = Floor(
        replicas=spec.min_replicas,
        reason=Reason.AT_MINIMUM,
        why=f"minReplicas is {spec.min_replicas}",
    )
    found = [
        own,
        *_scheduled(snapshot),
        *_maintained(snapshot, windows),
        *_seasonal(snapshot),
        *_fallback(snapshot, blindness),
    ]
    return max(found, key=lambda f: f.replicas)


def invalid_schedules(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what is wrong with schedules that can't be computed, with their fields."""
    return tuple(
        f"spec.scaling.schedules[{number}].{found.field}: {found.why}"
        for number, (_, found) in enumerate(_openings(snapshot))
        if isinstance(found, Invalid)
    )


def next_event(snapshot: Snapshot) -> datetime | None:
    """Return when a scheduled capacity begins to be prepared, or ends, next."""
    changes = []
    for schedule, found in _openings(snapshot):
        if isinstance(found, Occurrence):
            is_ahead = found.start - snapshot.now > schedule.prepare
            changes.append(found.start - schedule.prepare if is_ahead else found.end)
    return min(changes, default=None)


def _openings(
    snapshot: Snapshot,
) -> list[tuple[ScheduledCapacity, Occurrence | Invalid | None]]:
    created, now = snapshot.cluster.created_at, snapshot.now
    return [(s, next_opening(s, created, now)) for s in snapshot.spec.scaling.schedules]


def _scheduled(snapshot: Snapshot) -> list[Floor]:
    return [
        _event_floor(snapshot, schedule, event)
        for schedule, event in _openings(snapshot)
        if isinstance(event, Occurrence) and event.start - snapshot.now <= schedule.prepare
    ]


def _event_floor(snapshot: Snapshot, schedule: ScheduledCapacity, event: Occurrence) -> Floor:
    name = f"schedule {schedule.name}"
    return _floor_until(snapshot, name, schedule.min_replicas, event)


def _maintained(snapshot: Snapshot, windows: Maintenance) -> list[Floor]:
    return [
        _floor_until(snapshot, f"window {standing.window.name}", wanted, opening)
        for standing in windows.standings
        if (wanted := standing.spec.min_replicas) is not None
        and (opening := standing.prepared) is not None
    ]


def _floor_until(snapshot: Snapshot, name: str, wanted: int, opening: Occurrence) -> Floor:
    most = snapshot.spec.max_replicas
    clamp = f", maxReplicas is {most}" if wanted > most else ""
    why = f"{name} wants {wanted} until {opening.end:%Y-%m-%d %H:%M} UTC{clamp}"
    return Floor(replicas=min(wanted, most), reason=Reason.SCHEDULED_CAPACITY, why=why)


def blindness(snapshot: Snapshot, load: Load) -> Blindness | None:
    """Return since when the load is not known, and whether the fallback holds by now.

    A source that says 0 of all gateways is not believed, but it is not down either.
    """
    if isinstance(load, Utilization) or load.is_idle:
        return None
    before = snapshot.history.blindness
    since = before.since if before is not None and before.since <= snapshot.now else snapshot.now
    lasted = snapshot.now - since
    return Blindness(since=since, fallback=lasted >= fallback(snapshot.spec).after)


def fallback(spec: ImChatClusterSpec) -> Fallback:
    """Return the fallback of a spec; one that holds the size where it has none."""
    return spec.scaling.fallback or Fallback(behavior=FallbackBehavior.CURRENT_REPLICAS)


def _fallback(snapshot: Snapshot, blind: Blindness | None) -> list[Floor]:
    policy = fallback(snapshot.spec)
    is_raised = policy.behavior is FallbackBehavior.CURRENT_REPLICAS_IF_HIGHER
    if blind is None or not blind.fallback or not is_raised or policy.replicas is None:
        return []
    replicas = min(policy.replicas, snapshot.spec.max_replicas)
    why = f"the load is unknown since {blind.since:%H:%M:%S} UTC, fallback wants {policy.replicas}"
    return [Floor(replicas=replicas, reason=Reason.FALLBACK_ACTIVATED, why=why)]


def _seasonal(snapshot: Snapshot) -> list[Floor]:
    """Return the floor for the peaks that were seen from now to `lead` later, one season ago."""
    season, spec = snapshot.spec.scaling.season, snapshot.spec
    if season is None:
        return []
    # A lead of more than a season sees nothing more.
    ahead = min(MOST_SLOTS - 1, ceil(season.lead / _slot_length(season)))
    number, slot = _place(season, snapshot.now)
    coming = (divmod(number * MOST_SLOTS + slot + n, MOST_SLOTS) for n in range(ahead + 1))
    by_slot = {p.slot: p for p in snapshot.history.peaks}
    peak = max(_seen_before(by_slot.get(slot), number) for number, slot in coming)
    wanted = ceil(round(peak * 100 / (_MILLI * spec.scaling.target), 9))
    why = f"{peak / _MILLI:.1f} gateways' worth of load came at this time of the season before"
    return [Floor(replicas=min(wanted, spec.max_replicas), reason=Reason.SEASONAL_FLOOR, why=why)]


def _seen_before(peak: Peak | None, period: int) -> int:
    """Return the load of a slot one season before the one with this number; 0 if unknown."""
    if peak is None:
        return 0
    return {period - 1: peak.load, period: peak.before}.get(peak.period, 0)


def peaks(snapshot: Snapshot, load: Load) -> tuple[Peak, ...]:
    """Return the season's peaks after one more sample; none without a season."""
    season, before = snapshot.spec.scaling.season, snapshot.history.peaks
    if season is None:
        return ()
    if not isinstance(load, Utilization):
        return before
    number, slot = _place(season, snapshot.sampled_at)
    load_now = round(_MILLI * load.load / load.capacity)
    old = next((p for p in before if p.slot == slot), None)
    if old is not None and old.period == number and old.load >= load_now:
        return before
    earlier = _seen_before(old, number)
    now = Peak(slot=slot, period=number, load=load_now, before=earlier)
    # What is older than one season is of no use.
    kept = [p for p in before if p.slot != slot and p.period >= number - 1]
    return tuple(sorted([*kept, now], key=lambda p: p.slot))


def _place(season: Season, moment: datetime) -> tuple[int, int]:
    """Return the number of the season that a moment lies in, and its slot."""
    number, rest = divmod(moment - _EPOCH, season.period)
    return number, min(MOST_SLOTS - 1, int(rest / _slot_length(season)))


def _slot_length(season: Season) -> timedelta:
    return max(timedelta.resolution, season.period / MOST_SLOTS)
