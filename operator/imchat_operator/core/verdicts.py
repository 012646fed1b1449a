"""What no stage decides about: Ready, metrics, capacity; and the fallback's Events."""

from imchat_operator.core import floors
from imchat_operator.core.decision import Notice, Reason, Verdict
from imchat_operator.core.load import Unknown, Utilization, donors
from imchat_operator.core.stage import Facts
from imchat_operator.models import FallbackBehavior, MetricsSource
from imchat_operator.units import duration_text

# Pressure ends this far below the capacity target, in percent: a load on the edge tells once.
_HYSTERESIS = 5


def verdicts(facts: Facts) -> tuple[Verdict, ...]:
    """Return those conditions."""
    return (
        _ready(facts),
        _metrics(facts),
        _pressure(facts),
        *_dependencies(facts),
    )


def _ready(facts: Facts) -> Verdict:
    faults = floors.invalid_schedules(facts.snapshot)
    if faults:
        message = "; ".join(faults)
        return Verdict(type="Ready", status="False", reason=Reason.SPEC_INVALID, message=message)
    expected, ready = facts.target.replicas, len(facts.members)
    enough = ready >= min(expected, facts.snapshot.spec.min_replicas)
    shedding = len(donors(facts.drains))
    aside = f", {shedding} of them shedding to the others" if shedding else ""
    return Verdict(
        type="Ready",
        status="True" if enough else "False",
        reason=Reason.FLEET_READY if enough else Reason.GATEWAYS_NOT_READY,
        message=f"{ready} of {expected} gateways take connections{aside}",
    )


def _metrics(facts: Facts) -> Verdict:
    kind, metrics = "MetricsAvailable", facts.snapshot.spec.metrics
    doubts = (facts.load.why,) if isinstance(facts.load, Unknown) else facts.load.doubts
    if doubts:
        return Verdict(
            type=kind,
            status="False",
            reason=Reason.METRICS_UNAVAILABLE,
            message="; ".join(doubts),
        )
    match metrics.source:
        case MetricsSource.PODS:
            message = "the gateways report their load"
        case MetricsSource.RESOURCE:
            message = "metrics.k8s.io reports the gateways' load"
        case MetricsSource.PROMETHEUS:
            name = metrics.prometheus.name if metrics.prometheus else ""
            message = f"Prometheus {name} reports the gateways' load"
    return Verdict(type=kind, status="True", reason=Reason.METRICS_AVAILABLE, message=message)


def _pressure(facts: Facts) -> Verdict:
    kind = "CapacityPressure"
    known = [load for load in facts.loads if isinstance(load, Utilization)]
    if not known:
        return Verdict(
            type=kind,
            status="Unknown",
            reason=Reason.WAITING,
            message="the load is not known",
        )
    before = facts.snapshot.history.conditions
    was_on = any(c.type == kind and c.status == "True" for c in before)
    slack = _HYSTERESIS if was_on else 0
    texts = [f"{u.text} (capacity target {u.limit}%)" for u in known]
    pressed = [t for u, t in zip(known, texts, strict=True) if u.percent > u.limit - slack]
    if not pressed and len(known) < len(facts.loads):
        message = f"{'; '.join(texts)}; the rest is not known"
        return Verdict(type=kind, status="Unknown", reason=Reason.WAITING, message=message)
    return Verdict(
        type=kind,
        status="True" if pressed else "False",
        reason=Reason.CAPACITY_PRESSURE if pressed else Reason.CAPACITY_SUFFICIENT,
        message="; ".join(pressed or texts),
    )


def _dependencies(facts: Facts) -> tuple[Verdict, ...]:
    """Return whether what the gateways need is up; nothing where nothing is declared."""
    kind, found = "DependenciesAvailable", facts.snapshot.dependencies
    if not found:
        return ()
    down = [f"{d.name} is down ({d.why})" for d in found if d.up is False]
    unknown = [f"{d.name}: {d.why}" for d in found if d.up is None]
    message = "; ".join([*down, *unknown]) or f"{', '.join(d.name for d in found)} can be reached"
    if down:
        verdict = Verdict(type=kind, status="False", reason=Reason.DEPENDENCY_DOWN, message=message)
    elif unknown:
        verdict = Verdict(
            type=kind, status="Unknown", reason=Reason.DEPENDENCIES_UNKNOWN, message=message
        )
    else:
        verdict = Verdict(type=kind, status="True", reason=Reason.DEPENDENCIES_UP, message=message)
    return (verdict,)


def fallback_notices(facts: Facts) -> tuple[Notice, ...]:
    """Return an Event for the begin of the fallback, or its end."""
    cluster, before, now = facts.snapshot.cluster, facts.snapshot.history.blindness, facts.blindness
    was_on, is_on = bool(before and before.fallback), bool(now and now.fallback)
    if is_on and not was_on and isinstance(facts.load, Unknown):
        policy = floors.fallback(facts.snapshot.spec)
        holds = "the size is held"
        if policy.behavior is FallbackBehavior.CURRENT_REPLICAS_IF_HIGHER:
            holds = f"at least {policy.replicas} gateways are kept"
        lasted = f"the load is not known for {duration_text(policy.after)} ({facts.load.why})"
        return (cluster.notice(Reason.FALLBACK_ACTIVATED, f"{lasted}: {holds}", warning=True),)
    if was_on and not is_on:
        now_known = facts.load.text if isinstance(facts.load, Utilization) else facts.load.why
        message = f"the source answers again: {now_known}"
        return (cluster.notice(Reason.FALLBACK_DEACTIVATED, message),)
    return ()
