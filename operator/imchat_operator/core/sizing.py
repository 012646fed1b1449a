"""The scaling stage: from streaks and load to a change of size, or to the reason for none."""

from dataclasses import replace
from datetime import timedelta

from imchat_operator.core import resizing, scaling
from imchat_operator.core.decision import Reason, Scale, Verdict
from imchat_operator.core.stage import Facts, Part, drain_text, isolation, new_drain
from imchat_operator.models import Purpose, Resize
from imchat_operator.units import duration_text

# Victims of one scale-down: each is a record in status, which is bounded.
_LARGEST_STEP = 16


def sized(facts: Facts, progress: resizing.Progress) -> Part:
    """Return what happens to the fleet's size, after the change under way has made its step."""
    spec, replicas = facts.snapshot.spec, facts.target.replicas
    if progress.resize is not None:
        return _under_way(facts, progress.resize)
    left_alone = _left_alone(facts)
    if left_alone is not None:
        return left_alone
    if progress.finished:
        return _stay(facts, Reason.STEADY, f"{replicas} gateways; streaks begin anew")
    if replicas < spec.min_replicas:
        why = f"minReplicas is {spec.min_replicas}"
        return _grow(facts, scaling.Size(replicas=spec.min_replicas, why=why))
    if isinstance(facts.load, scaling.Unknown):
        return _unknown(facts, facts.load)
    return _by_rules(facts, facts.load)


def _left_alone(facts: Facts) -> Part | None:
    """Return why the size is somebody else's business, if it is."""
    target = f"{facts.target.kind} {facts.target.name}"
    if facts.snapshot.autoscalers:
        names = ", ".join(facts.snapshot.autoscalers)
        wins = f"HorizontalPodAutoscaler {names} scales {target} too and is left to win"
        message = f"{wins}; healing goes on; delete it to have this policy scale"
        return _stay(facts, Reason.SCALING_CONFLICT, message)
    if facts.target.replicas == 0:
        message = f"{target} is scaled to 0, which is left as it is"
        return _stay(facts, Reason.SCALED_TO_ZERO, message)
    return None


def _by_rules(facts: Facts, load: scaling.Utilization) -> Part:
    spec = facts.snapshot.spec
    size = scaling.desired_size(load, spec)
    for up in spec.scaling.scale_up:
        if scaling.is_sustained(up, facts.running):
            return _sustained_up(facts, load, up, size)
    if facts.target.replicas > spec.max_replicas:
        why = f"maxReplicas is {spec.max_replicas}"
        return _shrink(facts, load, scaling.Size(replicas=spec.max_replicas, why=why))
    for down in spec.scaling.scale_down:
        if scaling.is_sustained(down, facts.running):
            return _sustained_down(facts, load, down, size)
    return _waiting(facts, load)


def _unknown(facts: Facts, load: scaling.Unknown) -> Part:
    message = f"the load is not known: {load.why}"
    verdict = Verdict(type="Scaling", status="Unknown", reason=Reason.WAITING, message=message)
    return Part(verdict=verdict, drains=facts.drains)


def _stay(facts: Facts, reason: Reason, message: str) -> Part:
    verdict = Verdict(type="Scaling", status="False", reason=reason, message=message)
    return Part(verdict=verdict, drains=facts.drains)


def _under_way(facts: Facts, resize: Resize) -> Part:
    up = resize.to > resize.from_
    outcomes = facts.snapshot.outcomes
    victims = [d for d in facts.drains if d.purpose is Purpose.SCALE_DOWN]
    texts = [
        *(drain_text(facts.snapshot, d) for d in victims),
        *(f"refused: {o.refused}" for o in outcomes if isinstance(o.action, Scale) and o.refused),
    ]
    message = "; ".join([f"{resize.from_} → {resize.to} gateways, {resize.cause}", *texts])
    reason = Reason.SCALING_UP if up else Reason.SCALING_DOWN
    verdict = Verdict(type="Scaling", status="True", reason=reason, message=message)
    return Part(verdict=verdict, drains=facts.drains, resize=resize)


def _cause(load: scaling.Utilization, rule: scaling.Rule, size: scaling.Size) -> str:
    return f"{scaling.rule_text(rule)} (now {load.text}); {size.why}"


def _sustained_up(
    facts: Facts, load: scaling.Utilization, rule: scaling.Rule, size: scaling.Size
) -> Part:
    if size.replicas > facts.target.replicas:
        return _grow(facts, scaling.Size(replicas=size.replicas, why=_cause(load, rule, size)))
    at_max = facts.target.replicas >= facts.snapshot.spec.max_replicas
    reason = Reason.AT_MAXIMUM if at_max else Reason.SIZE_IS_RIGHT
    return _stay(facts, reason, _cause(load, rule, size))


def _sustained_down(
    facts: Facts, load: scaling.Utilization, rule: scaling.Rule, size: scaling.Size
) -> Part:
    if size.replicas < facts.target.replicas:
        return _shrink(
            facts, load, scaling.Size(replicas=size.replicas, why=_cause(load, rule, size))
        )
    return _stay(facts, Reason.SIZE_IS_RIGHT, f"{scaling.rule_text(rule)}; {size.why}")


def _grow(facts: Facts, size: scaling.Size) -> Part:
    resize = _resize(facts, size)
    scale = Scale(from_=resize.from_, to=resize.to, resource_version=facts.target.resource_version)
    notice = resizing.resize_notice(facts.snapshot, resize, Reason.SCALING_UP, size.why)
    before = facts.snapshot.history.resize
    was_told = before is not None and (before.from_, before.to) == (resize.from_, resize.to)
    notices = () if was_told else (notice,)
    return replace(_under_way(facts, resize), actions=(scale,), notices=notices)


def _resize(facts: Facts, size: scaling.Size) -> Resize:
    return Resize(
        id=facts.id,
        from_=facts.target.replicas,
        to=size.replicas,
        cause=size.why[:512],
        at=facts.snapshot.now,
    )


def _shrink(facts: Facts, load: scaling.Utilization, size: scaling.Size) -> Part:
    in_rotation = scaling.rotation(facts.snapshot.gateways, facts.drained)
    wish = f"{facts.target.replicas} → {size.replicas} gateways wanted, {size.why}"
    if facts.maintenance.holds:
        return _stay(facts, Reason.HELD_BY_WINDOW, f"{facts.maintenance.until}: {wish}")
    if facts.ill or facts.drains:
        return _stay(facts, Reason.WAITING, f"{wish}; waits until no gateway is ill or repaired")
    if len(in_rotation) < facts.target.replicas:
        waits = f"waits until all take connections ({len(in_rotation)} do)"
        return _stay(facts, Reason.WAITING, f"{wish}; {waits}")
    count = min(facts.target.replicas - size.replicas, _LARGEST_STEP)
    size = scaling.Size(replicas=facts.target.replicas - count, why=size.why)
    leaving = scaling.victims(facts.target.kind, in_rotation, count)
    if scaling.is_too_much_for(load, size.replicas, facts.snapshot.spec):
        return _stay(facts, Reason.WAITING, f"{wish}; the rest could not carry the load")
    resize = _resize(facts, size)
    new = tuple(new_drain(facts, g, Purpose.SCALE_DOWN, size.why) for g in leaving)
    names = ", ".join(f"{g.name} ({g.connections} connections)" for g in leaving)
    message = f"{size.why}; draining {names}"
    notice = resizing.resize_notice(facts.snapshot, resize, Reason.SCALING_DOWN, message)
    part = _under_way(replace(facts, drains=(*facts.drains, *new)), resize)
    return replace(part, actions=isolation(leaving), notices=(notice,))


def _waiting(facts: Facts, load: scaling.Utilization) -> Part:
    texts = []
    for rule in scaling.rules(facts.snapshot.spec):
        name, _, whole = scaling.rule_text(rule).rpartition(" for ")
        for streak in facts.running:
            if streak.rule == scaling.rule_text(rule):
                lasted = timedelta(seconds=int((streak.last - streak.since).total_seconds()))
                texts.append(f"{name} for {duration_text(lasted)} of {whole} (now {load.text})")
    if texts:
        return _stay(facts, Reason.WAITING, "; ".join(texts))
    if facts.target.replicas <= facts.snapshot.spec.min_replicas:
        message = f"the fleet has minReplicas {facts.snapshot.spec.min_replicas}"
        return _stay(facts, Reason.AT_MINIMUM, message)
    rules = [
        *(f"above {r.above}%" for r in facts.snapshot.spec.scaling.scale_up),
        *(f"below {r.below}%" for r in facts.snapshot.spec.scaling.scale_down),
    ]
    return _stay(facts, Reason.STEADY, f"utilization is not {', nor '.join(rules)}")
