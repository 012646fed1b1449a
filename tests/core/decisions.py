"""What decide() decides about four gateways, and how a test reads it."""

from typing import Any

from tests.core.fleet import at, gateways, snapshot, spec, status, streak

from imchat_operator.core.decision import Action, Decision, Scale
from imchat_operator.core.planner import decide
from imchat_operator.models import ImChatClusterSpec, Purpose, Streak

POLICY: dict[str, Any] = {
    "scaleUp": [{"above": 70, "for": "1m"}, {"above": 90, "for": "10s"}],
    "scaleDown": [{"below": 30, "for": "2m"}],
}
UP = "above 70% for 1m"
DOWN = "below 30% for 2m"
# A load that has been high, or low, for long enough at noon.
HIGH = streak(UP, at(-60), at(0))
LOW = streak(DOWN, at(-120), at(0))


def policy(*, fields: dict[str, Any] | None = None, **scaling: Any) -> ImChatClusterSpec:
    """Return the spec of these tests, with more fields of its scaling."""
    return spec(scaling={**POLICY, **scaling}, **(fields or {}))


def decided(*streaks: Streak, now: float = 0, load: int = 300, **fields: Any) -> Decision:
    """Decide about four gateways that hold `load` of 1000 connections each."""
    history = {"streaks": streaks, **fields.pop("history", {})}
    found = {"gateways": gateways("abcd", load), "spec": policy(), **fields}
    return decide(snapshot(now=at(now), history=status(**history), **found))


def condition(decision: Decision, kind: str) -> tuple[str, str, str]:
    """Return a condition's status, reason and message."""
    (found,) = (c for c in decision.status.conditions if c.type == kind)
    return found.status, found.reason, found.message


def scaling(decision: Decision) -> tuple[str, str, str]:
    """Return the condition that tells about the size."""
    return condition(decision, "Scaling")


def told(decision: Decision) -> list[str]:
    """Return the Events about the size of the fleet."""
    events = decision.status.pending_events
    return [f"{e.reason}: {e.message}" for e in events if "→" in e.message]


def messages(decision: Decision, reason: str) -> list[str]:
    """Return the Events of a reason."""
    return [e.message for e in decision.status.pending_events if e.reason == reason]


def scaled(decision: Decision) -> list[Action]:
    """Return the calls that change the size."""
    return [a for a in decision.actions if isinstance(a, Scale)]


def scale(from_: int, to: int) -> Scale:
    """Return the call that changes the size."""
    return Scale(from_=from_, to=to, resource_version="7")


def leaving(decision: Decision) -> list[str]:
    """Return the gateways under drain for a scale-down."""
    return [d.pod for d in decision.status.drains if d.purpose is Purpose.SCALE_DOWN]
