"""What decide() decides about repairs, and how a test reads it."""

from datetime import datetime
from typing import Any

from tests.core.decisions import condition
from tests.core.fleet import at, snapshot, spec, status, target

from imchat_operator.core.decision import Decision, Outcome
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import DependencyState, Gateway, Snapshot
from imchat_operator.models import Purpose, Remediation

CRASH = "CrashLooping: restarted 3 times within 20m and is in back-off"
DOWN = DependencyState(name="auth-service", up=False, why="connection refused")


def seen(*fleet: Gateway, now: float = 0, **fields: Any) -> Snapshot:
    """Return what is, of a fleet; with fields of `spec.healing`, the spec and the status."""
    policy = spec(healing=fields.pop("healing", {}), **fields.pop("policy", {}))
    history = fields.pop("history", {})
    before = status(**history) if isinstance(history, dict) else history
    kind = fields.pop("kind", "Deployment")
    fields.setdefault("target", target(kind=kind, replicas=fields.pop("replicas", len(fleet))))
    return snapshot(now=at(now), gateways=fleet, spec=policy, history=before, **fields)


def decided(*fleet: Gateway, **fields: Any) -> Decision:
    """Decide about a fleet."""
    return decide(seen(*fleet, **fields))


def repaired(decision: Decision) -> list[str]:
    """Return who is under repair, or on the way into quarantine."""
    ours = {Purpose.HEALING, Purpose.QUARANTINE}
    return [d.pod for d in decision.status.drains if d.purpose in ours]


def blocked(decision: Decision) -> tuple[str, str, str]:
    """Return what holds repairs."""
    return condition(decision, "RemediationBlocked")


def healing(decision: Decision) -> tuple[str, str, str]:
    """Return how healing stands."""
    return condition(decision, "Healing")


def remediation(ended: float, **fields: Any) -> Remediation:
    """Return the record of a repair of gateway `z` that ended so many seconds after noon."""
    record: dict[str, Any] = {
        "pod": "z",
        "uid": "uid-z",
        "ailment": "CrashLooping",
        "failed_at": at(ended - 20),
        "detected_at": at(ended - 10),
        "ended_at": at(ended),
        "outcome": "Replaced",
        **fields,
    }
    return Remediation(**record)


def after(found: Snapshot, decision: Decision, now: datetime, **fields: Any) -> Snapshot:
    """Return the next pass's snapshot, if every action was done and every Event posted."""
    known = frozenset(e.receipt for e in decision.status.pending_events)
    outcomes = tuple(Outcome(action=action) for action in decision.actions)
    given: dict[str, Any] = {
        "target": found.target,
        "gateways": found.gateways,
        "spec": found.spec,
        "history": decision.status,
        "posted": known,
        "outcomes": outcomes,
        "dependencies": found.dependencies,
        **fields,
    }
    return snapshot(now=now, **given)
