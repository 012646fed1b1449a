"""What to do: actions, the Events that go with them, and every reason by its one name."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from imchat_operator.models import BEFORE_REMOVAL, ImChatClusterStatus, Phase, Purpose
from imchat_operator.units import instant_text


class Reason(StrEnum):
    """Why; the same word in conditions, Events and metric labels."""

    # the object, its target and its metrics
    SPEC_INVALID = "SpecInvalid"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_CLAIMED = "TargetClaimed"
    METRICS_UNAVAILABLE = "MetricsUnavailable"
    METRICS_AVAILABLE = "MetricsAvailable"
    FLEET_READY = "FleetReady"
    GATEWAYS_NOT_READY = "GatewaysNotReady"
    # scaling
    STEADY = "Steady"
    WAITING = "Waiting"
    SCALING_UP = "ScalingUp"
    SCALING_DOWN = "ScalingDown"
    SCALED_DOWN = "ScaledDown"
    SCALE_DOWN_UNDONE = "ScaleDownUndone"
    RESIZE_OVERTAKEN = "ResizeOvertaken"
    WRONG_VICTIM = "WrongVictim"
    AT_MAXIMUM = "AtMaximum"
    AT_MINIMUM = "AtMinimum"
    SIZE_IS_RIGHT = "SizeIsRight"
    TARGET_UTILIZATION = "TargetUtilization"
    SCALING_CONFLICT = "ScalingConflict"
    REPLICAS_CHANGED = "ReplicasChanged"
    SCALED_TO_ZERO = "ScaledToZero"
    STREAK_INTERRUPTED = "StreakInterrupted"
    OBSERVING = "Observing"
    SCALE_RECOMMENDED = "ScaleRecommended"
    PAUSED = "Paused"
    # what clamps a size
    HEADROOM_KEPT = "HeadroomKept"
    SATURATED = "Saturated"
    STEP_LIMITED = "StepLimited"
    COOLING_DOWN = "CoolingDown"
    DISRUPTION_BUDGET_SPENT = "DisruptionBudgetSpent"
    SCALE_DOWN_STABILIZED = "ScaleDownStabilized"
    SURVIVORS_OVERLOADED = "SurvivorsOverloaded"
    SCHEDULED_CAPACITY = "ScheduledCapacity"
    SEASONAL_FLOOR = "SeasonalFloor"
    FALLBACK_ACTIVATED = "FallbackActivated"
    FALLBACK_DEACTIVATED = "FallbackDeactivated"
    # load
    CAPACITY_PRESSURE = "CapacityPressure"
    CAPACITY_SUFFICIENT = "CapacitySufficient"
    # sharing out
    REBALANCING = "Rebalancing"
    REBALANCED = "Rebalanced"
    REBALANCE_STOPPED = "RebalanceStopped"
    # healing
    ALL_HEALTHY = "AllHealthy"
    WATCHING = "Watching"
    REMEDIATING = "Remediating"
    ACTION_REQUIRED = "ActionRequired"
    ROLLOUT_SUSPECTED = "RolloutSuspected"
    REMEDIATION_RECOMMENDED = "RemediationRecommended"
    REMEDIATION_FAILED = "RemediationFailed"
    REMEDIATION_UNDONE = "RemediationUndone"
    REMEDIATION_VERIFIED = "RemediationVerified"
    GATEWAY_UNHEALTHY = "GatewayUnhealthy"
    GATEWAY_LEAVING = "GatewayLeaving"
    GATEWAY_SURGED = "GatewaySurged"
    GATEWAY_EVICTED = "GatewayEvicted"
    GATEWAY_DELETED = "GatewayDeleted"
    GATEWAY_REPLACED = "GatewayReplaced"
    GATEWAY_GONE = "GatewayGone"
    GATEWAY_QUARANTINED = "GatewayQuarantined"
    READMITTED = "Readmitted"
    EVICTION_BLOCKED = "EvictionBlocked"
    # what holds repairs
    NOT_BLOCKED = "NotBlocked"
    STORM_GATE = "StormGate"
    STORM_COOLDOWN = "StormCooldown"
    DEPENDENCY_DOWN = "DependencyDown"
    HOURLY_BUDGET_SPENT = "HourlyBudgetSpent"
    BACKING_OFF = "BackingOff"
    # dependencies
    DEPENDENCIES_UP = "DependenciesUp"
    DEPENDENCIES_UNKNOWN = "DependenciesUnknown"
    # draining
    GATEWAY_DRAINING = "GatewayDraining"
    GATEWAY_DRAINED = "GatewayDrained"
    DRAIN_REFUSED = "DrainRefused"
    CONNECTIONS_CUT = "ConnectionsCut"
    DRAIN_SLOWED = "DrainSlowed"
    # maintenance windows
    HELD_BY_WINDOW = "HeldByWindow"
    WINDOW_OPEN = "WindowOpen"
    WINDOW_CLOSED = "WindowClosed"
    WINDOW_SCHEDULED = "WindowScheduled"
    WINDOW_ENDED = "WindowEnded"
    WINDOW_INVALID = "WindowInvalid"
    MAINTENANCE_SCHEDULED = "MaintenanceScheduled"
    MAINTENANCE_UPCOMING = "MaintenanceUpcoming"
    MAINTENANCE_VERIFIED = "MaintenanceVerified"
    MAINTENANCE_UNHEALTHY = "MaintenanceUnhealthy"
    NOTICE_GIVEN = "NoticeGiven"
    SHORT_NOTICE = "ShortNotice"
    APPROVED = "Approved"
    APPROVAL_MISSING = "ApprovalMissing"
    CHECKLIST_COMPLETE = "ChecklistComplete"
    CHECKLIST_INCOMPLETE = "ChecklistIncomplete"
    ACTIONS_DEFERRED = "ActionsDeferred"
    DEFERRAL_EXPIRED = "DeferralExpired"
    NOTHING_DEFERRED = "NothingDeferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAccepting:
    """Set a gateway's readiness gate: whether Services send it new connections."""

    pod: str
    uid: str
    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartDrain:
    """Have a gateway close its connections at a pace, all but `keep` of them by a deadline."""

    pod: str
    uid: str
    connections_per_second: int
    deadline: timedelta
    keep: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDrain:
    """Have a gateway keep its connections and take new ones again."""

    pod: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDeletionCost:
    """Rank a pod for the next scale-down; None removes the ranking."""

    pod: str
    uid: str
    cost: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evict:
    """Evict a pod as it was seen; a PodDisruptionBudget may refuse."""

    pod: str
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete a pod as it was seen; `force` does not wait for a kubelet, which must be gone."""

    pod: str
    uid: str
    resource_version: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Take a pod out of its ReplicaSet, which then starts another; the pod lives on."""

    pod: str
    uid: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Give a released pod back to its ReplicaSet, which then has one too many."""

    pod: str
    uid: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Change the target's replicas, provided nobody else has changed the target since."""

    from_: int
    to: int
    resource_version: str


Action = (
    SetAccepting
    | StartDrain
    | CancelDrain
    | SetDeletionCost
    | Evict
    | Delete
    | Release
    | Adopt
    | Scale
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an action.

    Attributes:
        refused: why it did not happen; empty if it did.
        retry_after: when the API server wants to be asked again; the shell keeps to it.
        is_stale: whether the object was not as it was seen any more, so that nothing is said of it.
        is_final: whether asking again can't help as things are.
        is_unanswered: whether the API server did not answer: nobody has refused anything then.
    """

    action: Action
    refused: str = ""
    retry_after: timedelta | None = None
    is_stale: bool = False
    is_final: bool = False
    is_unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object that an Event is about."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An Event to post: a transition, with the figures that led to it.

    Attributes:
        about: which of the things that one object has Events about, such as one of its gateways.
    """

    subject: Subject
    reason: Reason
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """An Event that is not posted: there were too many alike, or too many that wait."""

    reason: str
    cause: Literal["RateLimited", "Overflow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One condition's new state: the answer to one question about the cluster."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now, what to record before doing it, and when to look again.

    Attributes:
        id: names this decision in status, Events and drains, in the log and in the audit.
        status: written (compare-and-swap) before the first action, if it differs from history.
        dropped: Events that the status does not promise.
    """

    id: str
    actions: tuple[Action, ...]
    status: ImChatClusterStatus
    next_check: timedelta
    dropped: tuple[Dropped, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether a gateway is out of rotation until the operator goes on: quarantine is an end."""
        return any(d.phase is not Phase.QUARANTINED for d in self.status.drains)

    def turns_after(self, history: ImChatClusterStatus) -> bool:
        """Whether a gateway is to leave that was not to before, or to stay after all."""
        before = {(d.uid, d.id) for d in history.drains}
        now = {(d.uid, d.id) for d in self.status.drains}
        undone = (
            d
            for d in history.drains
            if d.purpose is not Purpose.SCALE_DOWN and d.phase in BEFORE_REMOVAL
        )
        return bool(now - before) or any((d.uid, d.id) not in now for d in undone)


def decision_id(cluster_uid: str, now: datetime) -> str:
    """Return a short name for the decision of one pass; the same pass gives the same name."""
    return hashlib.sha256(f"{cluster_uid}/{instant_text(now)}".encode()).hexdigest()[:10]
