"""The two custom resources, spec and status: source of the CRDs and input of the core.

Field descriptions are what `kubectl explain` shows. Rules that the API server can check are CEL,
each with a sentence that says what to do; Python checks again only what CEL can't.
"""

from imchat_operator.models.base import (
    API_VERSION,
    GROUP,
    VERSION,
    Condition,
    Model,
)
from imchat_operator.models.cluster import (
    READINESS_GATE,
    Draining,
    Healing,
    ImChatClusterSpec,
    Metrics,
    PodMetrics,
    ScaleDownRule,
    ScaleUpRule,
    Scaling,
    TargetRef,
)
from imchat_operator.models.cluster_status import (
    MOST_PENDING,
    MOST_SUSPECTS,
    Drain,
    ImChatClusterStatus,
    PendingEvent,
    Phase,
    Purpose,
    Resize,
    Streak,
    Suspect,
)
from imchat_operator.models.window import (
    ClusterSelector,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
    Once,
    Recurring,
    Schedule,
    WindowState,
    matches,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "MOST_PENDING",
    "MOST_SUSPECTS",
    "READINESS_GATE",
    "VERSION",
    "ClusterSelector",
    "Condition",
    "Drain",
    "Draining",
    "Healing",
    "ImChatClusterSpec",
    "ImChatClusterStatus",
    "MaintenanceWindowSpec",
    "MaintenanceWindowStatus",
    "Metrics",
    "Model",
    "Once",
    "PendingEvent",
    "Phase",
    "PodMetrics",
    "Purpose",
    "Recurring",
    "Resize",
    "ScaleDownRule",
    "ScaleUpRule",
    "Scaling",
    "Schedule",
    "Streak",
    "Suspect",
    "TargetRef",
    "WindowState",
    "matches",
]
