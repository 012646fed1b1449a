"""The healing stage: begin the repairs that all consents are there for, and explain the others."""

from imchat_operator.core import draining, healing
from imchat_operator.core.decision import Reason, Verdict
from imchat_operator.core.snapshot import Silent
from imchat_operator.core.stage import Facts, Part, drain_text, isolation, new_drain
from imchat_operator.models import Drain, Purpose, WindowAction


def repaired(facts: Facts) -> Part:
    """Return the repairs that begin now, and how the fleet's health stands."""
    snapshot = facts.snapshot
    active = tuple(d for d in facts.drains if d.purpose is Purpose.HEALING)
    due = tuple(p for p in facts.ill if p.due)
    hold = _hold(facts, due)
    is_window = hold is not None and hold.reason is Reason.HELD_BY_WINDOW
    room = snapshot.spec.healing.max_concurrent - len(active)
    begun = () if hold else due[: max(0, room)]
    new = tuple(_repair(facts, p) for p in begun)
    return Part(
        verdicts=(_verdict(facts, (*active, *new), hold),),
        actions=isolation(*(p.gateway for p in begun)),
        notices=tuple(
            n for d in new for n in draining.began(snapshot, d, Reason.GATEWAY_UNHEALTHY)
        ),
        drains=(*facts.drains, *new),
        held=(WindowAction.HEALING,) if is_window else (),
    )


def _repair(facts: Facts, patient: healing.Patient) -> Drain:
    drain = new_drain(facts, patient.gateway, Purpose.HEALING, patient.cause)
    since = patient.suspect.since
    silent = isinstance(patient.gateway.reading, Silent)  # that is the ailment, or part of it
    return drain.model_copy(
        update={"suspected_at": since, "silent_since": since if silent else None}
    )


def _hold(facts: Facts, due: tuple[healing.Patient, ...]) -> Verdict | None:
    """Return why no repair may begin now, if there is one to begin."""
    if not due:
        return None
    names = ", ".join(f"{p.gateway.name} ({p.cause})" for p in due)
    window = facts.maintenance.held(WindowAction.HEALING)
    if window:
        message = f"{window}; ill: {names}"
        return Verdict(
            type="Healing", status="False", reason=Reason.HELD_BY_WINDOW, message=message
        )
    storm = healing.storm(facts.snapshot, facts.target, facts.ill)
    if storm is not None:
        message = f"{storm.message}; ill: {names}"
        return Verdict(type="Healing", status="False", reason=Reason.STORM_GATE, message=message)
    return None


def _verdict(facts: Facts, active: tuple[Drain, ...], hold: Verdict | None) -> Verdict:
    if active:
        texts = [drain_text(facts.snapshot, d) for d in active]
        message = "; ".join([*texts, hold.message] if hold else texts)
        return Verdict(type="Healing", status="True", reason=Reason.REMEDIATING, message=message)
    if hold:
        return hold
    if facts.ill:
        message = "; ".join(healing.waiting_text(p, facts.snapshot) for p in facts.ill)
        return Verdict(type="Healing", status="False", reason=Reason.WATCHING, message=message)
    message = "no gateway shows a sign of trouble"
    return Verdict(type="Healing", status="False", reason=Reason.ALL_HEALTHY, message=message)
