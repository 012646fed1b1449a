"""Prometheus metrics."""

import logging

from prometheus_client import Counter, Histogram

from imchat_operator.core.decision import Outcome
from imchat_operator.models import ImChatClusterStatus

_LOG = logging.getLogger(__name__)

PASSES = Counter("imchat_operator_passes", "Passes of the loop.", ["result"])
PASS_SECONDS = Histogram("imchat_operator_pass_duration_seconds", "Time of one pass.")
ACTIONS = Counter("imchat_operator_actions", "Actions, by kind and outcome.", ["action", "outcome"])
DETECTION_SECONDS = Histogram(
    "imchat_operator_detection_seconds",
    "Time from a gateway's failure to the begin of its repair.",
    ["ailment"],
    buckets=(1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600),
)
RECOVERY_SECONDS = Histogram(
    "imchat_operator_recovery_seconds",
    "Time from a gateway's failure until it was replaced.",
    ["ailment"],
    buckets=(5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600),
)
REMEDIATIONS = Counter(
    "imchat_operator_remediations", "Repairs that are over.", ["ailment", "outcome"]
)


def count_remediations(before: ImChatClusterStatus, after: ImChatClusterStatus) -> None:
    """Count the repairs that are over since a status was written, with the times that they took."""
    known = {(r.uid, r.ended_at) for r in before.remediations}
    for repair in after.remediations:
        if (repair.uid, repair.ended_at) in known:
            continue
        REMEDIATIONS.labels(repair.ailment, repair.outcome).inc()
        detection = repair.detected_at - repair.failed_at
        DETECTION_SECONDS.labels(repair.ailment).observe(max(0.0, detection.total_seconds()))
        if repair.outcome == "Replaced":
            recovery = repair.ended_at - repair.failed_at
            RECOVERY_SECONDS.labels(repair.ailment).observe(max(0.0, recovery.total_seconds()))


def count(outcome: Outcome) -> None:
    """Count what became of an action, and log a refusal."""
    kind = type(outcome.action).__name__
    ACTIONS.labels(kind, "refused" if outcome.refused else "done").inc()
    if outcome.refused:
        _LOG.warning("refused: %s: %s", outcome.action, outcome.refused)
