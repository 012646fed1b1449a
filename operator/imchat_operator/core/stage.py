"""What the stages of a decision share: the facts they read, and the part each contributes."""

from dataclasses import dataclass, replace

from imchat_operator.core.ailments import Treatment
from imchat_operator.core.decision import (
    Action,
    Notice,
    Release,
    Scale,
    SetAccepting,
    Verdict,
)
from imchat_operator.core.healing import Health, Patient
from imchat_operator.core.load import Load, rotation
from imchat_operator.core.ownership import Ownership
from imchat_operator.core.scaling import Floor, Size
from imchat_operator.core.snapshot import Gateway, Snapshot, Target
from imchat_operator.core.windows import Maintenance
from imchat_operator.models import (
    Blindness,
    Drain,
    Phase,
    Purpose,
    Recommendation,
    Resize,
    Restarts,
    Storm,
    Streak,
    WindowAction,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one stage contributes to a decision."""

    verdicts: tuple[Verdict, ...] = ()
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    drains: tuple[Drain, ...] = ()
    resize: Resize | None = None
    recommendation: Recommendation | None = None
    held: tuple[WindowAction, ...] = ()  # what a maintenance window keeps from beginning
    size: Size | None = None  # what was wanted, with every step on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the stages share: the snapshot and what follows from it directly."""

    id: str
    snapshot: Snapshot
    target: Target
    maintenance: Maintenance
    owner: Ownership
    loads: tuple[Load, ...]
    load: Load
    blindness: Blindness | None
    floor: Floor
    running: tuple[Streak, ...]
    restarts: tuple[Restarts, ...]
    patients: tuple[Patient, ...]
    health: Health
    storm: Storm | None
    drains: tuple[Drain, ...]

    def after(self, drains: tuple[Drain, ...]) -> "Facts":
        """Return what the next stage sees: these are the drains that the last one left."""
        return self if drains == self.drains else replace(self, drains=drains)

    @property
    def ill(self) -> tuple[Patient, ...]:
        """Those in whose way no change of size, and no rebalance, may come: dead pods aside."""
        alive = (p for p in self.patients if not p.gateway.terminating)
        return tuple(p for p in alive if p.treatment is not Treatment.REMOVE)

    @property
    def drained(self) -> frozenset[str]:
        """The uids of the gateways under drain."""
        return frozenset(d.uid for d in self.drains)

    @property
    def moving(self) -> tuple[Drain, ...]:
        """The drains that are going on: those in quarantine have come to rest."""
        return tuple(d for d in self.drains if d.phase is not Phase.QUARANTINED)

    @property
    def members(self) -> tuple[Gateway, ...]:
        """The gateways that take new connections, or will again after a rebalance."""
        return rotation(self.snapshot.gateways, self.drains)


def new_drain(
    snapshot: Snapshot, decision: str, gateway: Gateway, purpose: Purpose, cause: str
) -> Drain:
    """Return the record of a drain that begins now."""
    now = snapshot.now
    return Drain(
        id=decision,
        pod=gateway.name,
        uid=gateway.uid,
        purpose=purpose,
        cause=cause[:512],
        phase=Phase.ISOLATING,
        phase_since=now,
        suspected_at=now,
        started_at=now,
        youngest_at=max(g.created_at for g in snapshot.gateways),
        connections=gateway.known_connections,
        restarts=gateway.restarts,
    )


def isolation(*gateways: Gateway) -> tuple[Action, ...]:
    """Return what takes gateways out of rotation."""
    return tuple(
        SetAccepting(pod=g.name, uid=g.uid, accepting=False) for g in gateways if g.accepting
    )


def release(gateway: Gateway) -> tuple[Action, ...]:
    """Return what takes a gateway out of its ReplicaSet, which starts another then."""
    if gateway.released:
        return ()
    return (Release(pod=gateway.name, uid=gateway.uid, revision=gateway.revision),)


def drain_text(snapshot: Snapshot, drain: Drain) -> str:
    """Return how far a drain has come, in words."""
    left = next((g.connections for g in snapshot.gateways if g.uid == drain.uid), 0)
    of = "?" if drain.connections is None else drain.connections
    text = f"{drain.pod} {drain.phase} ({left} of {of} connections left)"
    if drain.phase is Phase.REPLACING:
        text = f"{drain.pod} is gone, its replacement is awaited"
    if drain.phase is Phase.SURGING:
        text = f"{drain.pod} waits until a replacement takes connections"
    if drain.phase is Phase.QUARANTINED:
        text = f"{drain.pod} is kept in quarantine"
    refusals = (o.refused for o in snapshot.outcomes if _concerns(o.action, drain))
    blocked = drain.blocked or next(filter(None, refusals), "")
    return f"{text}, blocked: {blocked}" if blocked else text


def _concerns(action: Action, drain: Drain) -> bool:
    return not isinstance(action, Scale) and action.uid == drain.uid
