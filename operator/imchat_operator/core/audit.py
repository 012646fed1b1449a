"""What the audit tells: who did what to which object, why, and what it changed.

One entry per action of a decision, and one per change that a mode lets the operator only recommend.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from imchat_operator.core.decision import (
    Action,
    Adopt,
    CancelDrain,
    Decision,
    Delete,
    Evict,
    Outcome,
    Reason,
    Release,
    Scale,
    SetAccepting,
    SetDeletionCost,
    StartDrain,
)
from imchat_operator.core.load import Utilization, highest, rotation, utilizations
from imchat_operator.core.snapshot import Gateway, Snapshot, Target
from imchat_operator.models import Drain, PendingEvent, Purpose, WindowType

Figures = tuple[tuple[str, int], ...]

DONE, REFUSED, RECOMMENDED = "Done", "Refused", "Recommended"

_REASONS = {
    Purpose.SCALE_DOWN: Reason.SCALING_DOWN,
    Purpose.HEALING: Reason.REMEDIATING,
    Purpose.REBALANCE: Reason.REBALANCING,
    Purpose.QUARANTINE: Reason.GATEWAY_QUARANTINED,
}
_PROPOSALS = {Reason.SCALE_RECOMMENDED, Reason.REMEDIATION_RECOMMENDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One action, or one recommendation.

    Attributes:
        origin: the decision that began what this is a step of; this one itself at a beginning.
        action: the kind of action, or of what is recommended.
        kind, name, uid: what it is done to.
        asked_by: the field manager of the annotation that asked for it; empty if none did.
        window: the maintenance windows that are open, or that the cluster waits for.
        approved_by: who approved the emergency that is open; empty if none is.
        why: the reason in words, with its figures.
        before: figures that it was decided on.
        after: those of them that it changes, as they are once it is done; none if it was refused.
        refused: why it did not happen.
    """

    decision: str
    origin: str
    action: str
    kind: str
    name: str
    uid: str
    asked_by: str
    window: str
    approved_by: str
    reason: str
    why: str
    before: Figures
    after: Figures
    outcome: str
    refused: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What tells an action from the same one, repeated in the next pass."""
        return self.action, self.uid or self.name, self.after, self.outcome, self.refused


def entry(snapshot: Snapshot, decision: Decision, outcome: Outcome) -> Entry:
    """Return the entry of an action that was carried out, or refused."""
    action = outcome.action
    gateway = _gateway(snapshot, action)
    origin, reason, why = _cause(snapshot, decision, action)
    kind, name, uid = _object(snapshot, action)
    return Entry(
        decision=decision.id,
        origin=origin,
        action=type(action).__name__,
        kind=kind,
        name=name,
        uid=uid,
        asked_by=gateway.asked_by if gateway is not None else "",
        window=decision.status.window,
        approved_by=_approver(snapshot, decision),
        reason=reason,
        why=why,
        before=(*_fleet(snapshot), *_own(gateway)),
        after=() if outcome.refused else tuple(_changes(snapshot, action, gateway)),
        outcome=REFUSED if outcome.refused else DONE,
        refused=outcome.refused,
    )


def proposals(snapshot: Snapshot, decision: Decision) -> tuple[Entry, ...]:
    """Return the entries of what is recommended by this decision for the first time."""
    known = {e.receipt for e in snapshot.history.pending_events}
    news = (e for e in decision.status.pending_events if e.receipt not in known)
    # What concerns a pod is told of the pod and of the cluster: one of them is enough.
    return tuple(
        _proposal(snapshot, decision, e)
        for e in news
        if e.reason in _PROPOSALS
        and (e.kind == "Pod") == (e.reason == Reason.REMEDIATION_RECOMMENDED)
    )


def _proposal(snapshot: Snapshot, decision: Decision, event: PendingEvent) -> Entry:
    wish = decision.status.recommendation
    is_size = event.reason == Reason.SCALE_RECOMMENDED and wish is not None
    kind, name, uid = event.kind, event.object, event.uid
    if is_size and isinstance(snapshot.target, Target):
        kind, name, uid = snapshot.target.kind, snapshot.target.name, ""
    found = (g for g in snapshot.gateways if g.uid == event.uid)
    return Entry(
        decision=decision.id,
        origin=decision.id,
        action="Scale" if is_size else "Remediate",
        kind=kind,
        name=name,
        uid=uid,
        asked_by="",
        window=decision.status.window,
        approved_by=_approver(snapshot, decision),
        reason=event.reason,
        why=event.message,
        before=(*_fleet(snapshot), *_own(next(found, None))),
        after=(("replicas", wish.to),) if is_size and wish is not None else (),
        outcome=RECOMMENDED,
    )


def _object(snapshot: Snapshot, action: Action) -> tuple[str, str, str]:
    if not isinstance(action, Scale):
        return "Pod", action.pod, action.uid
    target = snapshot.target
    return (target.kind, target.name, "") if isinstance(target, Target) else ("", "", "")


def _gateway(snapshot: Snapshot, action: Action) -> Gateway | None:
    if isinstance(action, Scale):
        return None
    return next((g for g in snapshot.gateways if g.uid == action.uid), None)


def _cause(snapshot: Snapshot, decision: Decision, action: Action) -> tuple[str, str, str]:
    """Return the decision that an action goes back to, the reason, and the same in words."""
    if isinstance(action, Scale):
        resize = decision.status.resize or snapshot.history.resize
        reason = Reason.SCALING_UP if action.to > action.from_ else Reason.SCALING_DOWN
        return (resize.id, reason, resize.cause) if resize else (decision.id, reason, "")
    drain = _drain(decision.status.drains, action.uid)
    if drain is not None:
        return drain.id, _REASONS[drain.purpose], drain.cause
    told = [e for e in decision.status.pending_events if e.uid == action.uid]
    if told and told[-1].decision == decision.id:
        return decision.id, told[-1].reason, told[-1].message
    undone = _drain(snapshot.history.drains, action.uid)
    origin = undone.id if undone is not None else decision.id
    return origin, Reason.READMITTED, "no drain keeps it out of rotation"


def _drain(drains: tuple[Drain, ...], uid: str) -> Drain | None:
    return next((d for d in drains if d.uid == uid), None)


def _approver(snapshot: Snapshot, decision: Decision) -> str:
    shown = decision.status.window.split(", ")
    return next(
        (
            w.spec.approval.approved_by
            for w in snapshot.windows
            if w.name in shown and w.spec.type is WindowType.EMERGENCY and w.spec.approval
        ),
        "",
    )


def _fleet(snapshot: Snapshot) -> Iterator[tuple[str, int]]:
    if isinstance(snapshot.target, Target):
        yield "replicas", snapshot.target.replicas
    yield "ready", _ready(snapshot)
    yield "connections", sum(g.connections for g in snapshot.gateways)
    load = highest(utilizations(snapshot))
    if isinstance(load, Utilization):
        yield "utilizationPercent", round(load.percent)


def _ready(snapshot: Snapshot) -> int:
    return len(rotation(snapshot.gateways, snapshot.history.drains))


def _own(gateway: Gateway | None) -> Iterator[tuple[str, int]]:
    if gateway is not None and gateway.known_connections is not None:
        yield "gatewayConnections", gateway.known_connections


def _changes(
    snapshot: Snapshot, action: Action, gateway: Gateway | None
) -> Iterator[tuple[str, int]]:
    match action:
        case Scale():
            yield "replicas", action.to
        case SetAccepting(accepting=accepting):
            yield "accepting", int(accepting)
        case StartDrain():
            yield "gatewayConnections", action.keep
            yield "connectionsPerSecond", action.connections_per_second
        case Evict() | Delete():
            yield "gateways", sum(g is not gateway for g in snapshot.gateways)
        case Release() | Adopt():
            yield "counted", int(isinstance(action, Adopt))
        case SetDeletionCost():
            yield "deletionCost", action.cost or 0
        case CancelDrain():
            yield "draining", 0
        case _:
            assert_never(action)
