"""The scaling stage: from streaks and load to a change of size, or to the reason for none."""

from dataclasses import replace
from datetime import timedelta
from operator import attrgetter

from imchat_operator.core import resizing, scaling
from imchat_operator.core.decision import Reason, Scale, Verdict
from imchat_operator.core.load import Unknown, Utilization
from imchat_operator.core.permissions import Hold, hold
from imchat_operator.core.scaling import Size
from imchat_operator.core.stage import Facts, Part, drain_text, isolation, new_drain
from imchat_operator.models import (
    Direction,
    Mode,
    Purpose,
    Recommendation,
    Resize,
    ScaleDownRule,
    ScaleUpRule,
    WindowAction,
)
from imchat_operator.units import duration_text


def sized(facts: Facts, progress: resizing.Progress) -> Part:
    """Return what happens to the fleet's size, after the change under way has made its step."""
    replicas = facts.target.replicas
    if progress.resize is not None:
        return _under_way(facts, progress.resize)
    left_alone = _left_alone(facts)
    if left_alone is not None:
        return left_alone
    is_over = progress.finished and progress.changed is not Direction.UP
    if is_over or facts.owner.changed:
        return _stay(facts, Reason.STEADY, f"{replicas} gateways; streaks begin anew")
    if replicas < facts.floor.replicas:
        floor = facts.floor
        size = Size.wanted(floor.replicas, floor.reason, floor.why, by=floor.reason)
        return _grow(facts, size, hold(facts, Direction.UP, rests=False))
    if isinstance(facts.load, Unknown):
        return _unknown(facts, facts.load)
    return _by_rules(facts, facts.load)


def _left_alone(facts: Facts) -> Part | None:
    """Return why the size is not ours to change, if it is not."""
    if facts.owner.rival:
        return _stay(facts, Reason.SCALING_CONFLICT, facts.owner.rival)
    if facts.target.replicas == 0:
        message = f"{facts.target.kind} {facts.target.name} is scaled to 0, which is left as it is"
        return _stay(facts, Reason.SCALED_TO_ZERO, message)
    if facts.snapshot.spec.scaling.mode is Mode.OBSERVE:
        return _stay(facts, Reason.OBSERVING, f"scaling.mode is Observe; {_waiting_text(facts)}")
    return None


def _by_rules(facts: Facts, load: Utilization) -> Part:
    spec = facts.snapshot.spec
    for up in spec.scaling.scale_up:
        if scaling.is_sustained(up, facts.running, load):
            return _sustained_up(facts, load, up)
    if facts.target.replicas > spec.max_replicas:
        why = f"maxReplicas is {spec.max_replicas}"
        reason = Reason.AT_MAXIMUM
        return _shrink(facts, load, Size.wanted(spec.max_replicas, reason, why, by=reason))
    for down in spec.scaling.scale_down:
        if scaling.is_sustained(down, facts.running, load):
            return _sustained_down(facts, load, down)
    return _waiting(facts)


def _unknown(facts: Facts, load: Unknown) -> Part:
    message = f"the load is not known: {load.why}"
    if facts.blindness is not None and facts.blindness.fallback:
        message += "; fallback: the size is held"
    verdict = Verdict(type="Scaling", status="Unknown", reason=Reason.WAITING, message=message)
    return Part(verdicts=(verdict,), drains=facts.drains, recommendation=_kept(facts))


def _kept(facts: Facts) -> Recommendation | None:
    """Return the recommendation that a sample which can't tell leaves standing."""
    before = facts.snapshot.history.recommendation
    still_stands = (
        before is not None
        and before.from_ == facts.target.replicas
        and facts.snapshot.spec.scaling.mode is Mode.RECOMMEND
    )
    return before if still_stands else None


def _stay(facts: Facts, reason: Reason, message: str, size: Size | None = None) -> Part:
    verdict = Verdict(type="Scaling", status="False", reason=reason, message=message)
    return Part(verdicts=(verdict,), drains=facts.drains, size=size)


def _refused(facts: Facts, size: Size, hold: Hold, message: str) -> Part:
    """Return that the size stays, though another one is wanted."""
    stays = size.clamped(facts.target.replicas, hold.reason, hold.why)
    return _stay(facts, hold.reason, message, stays)


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
    return Part(verdicts=(verdict,), drains=facts.drains, resize=resize)


def _wanted(facts: Facts, load: Utilization, rule: scaling.Rule) -> Size | None:
    """Return the size that a rule asks for by all signals; None where none of them can tell."""
    amount = attrgetter("least" if isinstance(rule, ScaleUpRule) else "most")
    size = scaling.needed(load, facts.snapshot.spec, facts.floor, by=amount)
    if size is None:
        return None
    name = scaling.rule_text(rule)
    return replace(size, why=f"{name} (now {load.text}); {size.why}", by=name)


def _sustained_up(facts: Facts, load: Utilization, rule: ScaleUpRule) -> Part:
    size = _wanted(facts, load, rule)
    if size is None:
        return _waiting(facts)
    if size.replicas > facts.target.replicas:
        return _grow(facts, size, hold(facts, Direction.UP, rests=True))
    at_max = facts.target.replicas >= facts.snapshot.spec.max_replicas
    return _stay(facts, Reason.AT_MAXIMUM if at_max else Reason.SIZE_IS_RIGHT, size.why, size)


def _sustained_down(facts: Facts, load: Utilization, rule: ScaleDownRule) -> Part:
    size = _wanted(facts, load, rule)
    if size is None:
        return _waiting(facts)
    size = scaling.stabilized(size, rule, facts.running)
    if size.replicas < facts.target.replicas:
        return _shrink(facts, load, size)
    return _stay(facts, size.clamp or Reason.SIZE_IS_RIGHT, size.why, size)


def _grow(facts: Facts, size: Size, held: Hold | None) -> Part:
    replicas = facts.target.replicas
    most = replicas + facts.snapshot.spec.scaling.max_step.scale_up
    if size.replicas > most:
        why = f"maxStep.scaleUp is {most - replicas}"
        size = size.clamped(most, Reason.STEP_LIMITED, why)
    if held is not None:
        wish = f"{replicas} → {size.replicas} gateways wanted, {size.why}"
        stay = _refused(facts, size, held, f"{held.why}; {wish}")
        return replace(stay, held=_waiting_for_window(held, WindowAction.SCALE_UP))
    if facts.snapshot.spec.scaling.mode is Mode.RECOMMEND:
        return _recommended(facts, size)
    resize = _resize(facts, size)
    scale = Scale(from_=resize.from_, to=resize.to, resource_version=facts.target.resource_version)
    notice = resizing.resize_notice(facts.snapshot, resize, Reason.SCALING_UP, size.why)
    before = facts.snapshot.history.resize
    was_told = before is not None and (before.from_, before.to) == (resize.from_, resize.to)
    notices = () if was_told else (notice,)
    return replace(_under_way(facts, resize), actions=(scale,), notices=notices, size=size)


def _resize(facts: Facts, size: Size) -> Resize:
    return Resize(
        id=facts.id,
        from_=facts.target.replicas,
        to=size.replicas,
        cause=size.why[:512],
        at=facts.snapshot.now,
    )


def _recommended(facts: Facts, size: Size) -> Part:
    """Tell what Auto would do; the same recommendation is told once."""
    before, now = facts.snapshot.history.recommendation, facts.target.replicas
    is_told = before is not None and (before.from_, before.to) == (now, size.replicas)
    new = Recommendation(from_=now, to=size.replicas, cause=size.why[:512], at=facts.snapshot.now)
    message = f"{now} → {size.replicas} gateways recommended, nothing is done: {size.why}"
    notice = facts.snapshot.cluster.notice(Reason.SCALE_RECOMMENDED, message)
    return replace(
        _stay(facts, Reason.SCALE_RECOMMENDED, message, size),
        notices=() if is_told else (notice,),
        recommendation=before if is_told else new,
    )


def _shrink(facts: Facts, load: Utilization, size: Size) -> Part:
    replicas, policy = facts.target.replicas, facts.snapshot.spec.scaling
    wish = f"{replicas} → {size.replicas} gateways wanted, {size.why}"
    held = hold(facts, Direction.DOWN, rests=True) or unrest(facts)
    if held is not None:
        stay = _refused(facts, size, held, f"{held.why}: {wish}")
        return replace(stay, held=_waiting_for_window(held, WindowAction.SCALE_DOWN))
    if replicas - size.replicas > policy.max_step.scale_down:
        why = f"maxStep.scaleDown is {policy.max_step.scale_down}"
        least = replicas - policy.max_step.scale_down
        size = size.clamped(least, Reason.STEP_LIMITED, why)
    if load.doubts:
        doubts = Hold(reason=Reason.METRICS_UNAVAILABLE, why="; ".join(load.doubts))
        return _refused(facts, size, doubts, f"{doubts.why}: {wish}")
    fitting, overload = _fitting(facts, size)
    if fitting is None:
        full = Hold(reason=Reason.SURVIVORS_OVERLOADED, why=overload)
        return _refused(facts, size, full, f"{wish}; {overload}")
    count, spec = fitting.replicas, facts.snapshot.spec
    if any(scaling.is_too_much_for(o.most, o, count, spec) for o in (load, *load.others)):
        short = Hold(reason=Reason.HEADROOM_KEPT, why="the rest could not carry the load")
        return _refused(facts, fitting, short, f"{wish}; {short.why}")
    return (
        _recommended(facts, fitting) if policy.mode is Mode.RECOMMEND else _shrunk(facts, fitting)
    )


def _waiting_for_window(held: Hold, action: WindowAction) -> tuple[WindowAction, ...]:
    return (action,) if held.reason is Reason.HELD_BY_WINDOW else ()


def unrest(facts: Facts) -> Hold | None:
    """Return what else disturbs the fleet: all disruptions share one budget."""
    if facts.ill or facts.moving:
        why = "waits until no gateway is ill, repaired or rebalanced"
        return Hold(reason=Reason.DISRUPTION_BUDGET_SPENT, why=why)
    if len(facts.members) < facts.target.replicas:
        why = f"waits until all take connections ({len(facts.members)} do)"
        return Hold(reason=Reason.WAITING, why=why)
    return None


def _fitting(facts: Facts, size: Size) -> tuple[Size | None, str]:
    """Return the smallest size, from the wanted one on, that overloads no gateway that stays.

    Else None, and which one would be overloaded if a single gateway left.
    """
    replicas, scaling_spec = facts.target.replicas, facts.snapshot.spec.scaling
    most = scaling_spec.target + scaling_spec.margin
    overload = ""
    for count in range(replicas - size.replicas, 0, -1):
        leaving = scaling.victims(facts.target.kind, facts.members, count)
        uids = frozenset(g.uid for g in leaving)
        found = (
            scaling.overload_after(one, uids, most)
            for one in facts.loads
            if isinstance(one, Utilization)
        )
        if not (objection := next(filter(None, found), "")):
            if not overload:
                return size, ""
            return size.clamped(replicas - count, Reason.SURVIVORS_OVERLOADED, overload), ""
        overload = objection
    return None, overload


def _shrunk(facts: Facts, size: Size) -> Part:
    count = facts.target.replicas - size.replicas
    leaving = scaling.victims(facts.target.kind, facts.members, count)
    resize = _resize(facts, size)
    new = tuple(
        new_drain(facts.snapshot, facts.id, g, Purpose.SCALE_DOWN, size.why) for g in leaving
    )
    names = ", ".join(f"{g.name} ({g.connections} connections)" for g in leaving)
    message = f"{size.why}; draining {names}"
    notice = resizing.resize_notice(facts.snapshot, resize, Reason.SCALING_DOWN, message)
    part = _under_way(replace(facts, drains=(*facts.drains, *new)), resize)
    return replace(part, actions=isolation(*leaving), notices=(notice,), size=size)


def _waiting(facts: Facts) -> Part:
    replicas, least = facts.target.replicas, facts.floor
    reason = Reason.STEADY
    if facts.running:
        reason = Reason.WAITING
    elif replicas <= least.replicas:
        reason = least.reason
    return _stay(facts, reason, _waiting_text(facts))


def _waiting_text(facts: Facts) -> str:
    now = facts.load.text if isinstance(facts.load, Utilization) else facts.load.why
    texts = []
    for rule in scaling.rules(facts.snapshot.spec):
        name, _, whole = scaling.rule_text(rule).rpartition(" for ")
        for streak in facts.running:
            if streak.rule == scaling.rule_text(rule):
                lasted = timedelta(seconds=int((streak.last - streak.since).total_seconds()))
                texts.append(f"{name} for {duration_text(lasted)} of {whole} (now {now})")
    if texts:
        return "; ".join(texts)
    if facts.target.replicas <= facts.floor.replicas:
        return f"the fleet has what it needs at least: {facts.floor.why}"
    rules = [
        *(f"above {r.above}%" for r in facts.snapshot.spec.scaling.scale_up),
        *(f"below {r.below}%" for r in facts.snapshot.spec.scaling.scale_down),
    ]
    return f"utilization is not {', nor '.join(rules)}"
