"""One repair of gateway `a` in a fleet of four, and how it goes on."""

from typing import Any

from tests.core.fleet import at, gateways, isolated, on_both, repair, snapshot, spec, status

from imchat_operator.core.decision import Action, Notice, Outcome, Reason
from imchat_operator.core.draining import Step
from imchat_operator.core.repairing import advance
from imchat_operator.core.snapshot import Gateway
from imchat_operator.models import Drain, Phase, Remediation

CAUSE = "Unresponsive: it hangs"


def step(record: Drain, fleet: tuple[Gateway, ...], second: float, **fields: Any) -> Step:
    """Advance a repair by a pass at that second, beside `others` that are under way.

    An eviction may be refused for 5 minutes, of a gateway that is well for 10.
    """
    history = status(
        drains=(record, *fields.pop("others", ())), remediations=fields.pop("remediations", ())
    )
    policy = spec(healing={"evictWithin": "5m", **fields.pop("healing", {})})
    now = snapshot(now=at(second), gateways=fleet, history=history, spec=policy, **fields)
    found = next((g for g in fleet if g.uid == record.uid), None)
    return advance(now, record, found, 50)


def answered(action: Action, refused: str = "", **fields: Any) -> dict[str, Any]:
    """Return what became of the action of the pass before."""
    return {"outcomes": (Outcome(action=action, refused=refused, **fields),)}


def told(reason: Reason, message: str, *, warning: bool = False) -> tuple[Notice, Notice]:
    """Return an Event about gateway `a`."""
    return on_both("a", reason, message, warning=warning)


def ill(phase: Phase, since: float = 0, **fields: Any) -> Drain:
    """Return the record of a repair of a gateway that hangs, which began at noon."""
    known = {"suspected_at": at(-31.5), "started_at": at(0), "ailment": "Unresponsive"}
    return repair("a", phase, at(since), **{**known, **fields})


def moved(phase: Phase, ailment: str = "NodeLeaving", **fields: Any) -> Drain:
    """Return the record of a repair that moves a gateway that is well."""
    return ill(phase, **{"ailment": ailment, "cause": "NodeLeaving: node n goes away", **fields})


def ended(record: Drain, second: float, outcome: str, **fields: Any) -> Remediation:
    """Return what is remembered of a repair that is over."""
    return Remediation.model_validate(
        {
            "pod": record.pod,
            "uid": record.uid,
            "ailment": record.ailment,
            "failedAt": record.suspected_at,
            "detectedAt": record.started_at,
            "endedAt": at(second),
            "outcome": outcome,
            "attempt": record.attempt,
            "cut": record.cut,
            **fields,
        }
    )


def beside(found: Gateway | None = None) -> tuple[Gateway, ...]:
    """Return the fleet that a gateway under repair is in: isolated and empty by default."""
    return (found or isolated("a", 0), *gateways("bcd"))
