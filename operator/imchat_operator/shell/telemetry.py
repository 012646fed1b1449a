"""What the operator counts and times: Prometheus' counters and histograms.

Figures of a cluster carry `namespace` and `imchatcluster`; they begin at 0 when this process begins
to serve it, so that a first failure is an increase, and go when it does so no more. Gauges are in
gauges.py.
"""

import platform
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from time import monotonic

from prometheus_client import Counter, Gauge, Histogram

from imchat_operator.core.decision import Decision, Outcome
from imchat_operator.core.tally import Tally
from imchat_operator.models import ImChatClusterStatus, Purpose

_CLUSTER = ("namespace", "imchatcluster")
_DECIDING = ("Scaling", "Healing")
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

BUILD = Gauge("imchat_operator_build_info", "Always 1; what runs.", ["version", "python"])
PASSES = Counter("imchat_operator_passes", "Passes of the loop.", [*_CLUSTER, "result"])
PASS_SECONDS = Histogram(
    "imchat_operator_pass_duration_seconds", "Time of one pass, without `tell`.", buckets=_FAST
)
STAGE_SECONDS = Histogram(
    "imchat_operator_stage_duration_seconds",
    "Time of one stage of a pass.",
    ["stage"],
    buckets=_FAST,
)
WAITING = Gauge(
    "imchat_operator_passes_waiting", "Clusters that something changed for, without a pass since."
)
WAKE_SECONDS = Histogram(
    "imchat_operator_wake_latency_seconds",
    "Time from a change to the pass that it caused, the pause for further changes included.",
    buckets=(0.1, 0.2, 0.25, 0.3, 0.5, 1, 2, 5, 10, 30, 60),
)
DECISIONS = Counter(
    "imchat_operator_decisions",
    "Decisions, by the reason that the condition Scaling or Healing gives.",
    [*_CLUSTER, "condition", "reason"],
)
ACTIONS = Counter(
    "imchat_operator_actions", "Actions, by kind and outcome.", [*_CLUSTER, "action", "outcome"]
)
MOVED = Counter(
    "imchat_operator_connections_moved",
    "Connections that drains closed at their pace, by why the gateway was drained.",
    [*_CLUSTER, "purpose"],
)
CUT = Counter(
    "imchat_operator_connections_cut",
    "Connections that were lost with a drained gateway, by why it was drained.",
    [*_CLUSTER, "purpose"],
)
REMEDIATIONS = Counter(
    "imchat_operator_remediations", "Repairs that are over.", [*_CLUSTER, "outcome"]
)
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
API_REQUESTS = Counter(
    "imchat_operator_api_requests",
    "Requests to the API server, by its answer; code is `error` where it gave none.",
    ["verb", "resource", "code"],
)
API_SECONDS = Histogram(
    "imchat_operator_api_request_duration_seconds",
    "Time of a request to the API server, watches aside.",
    ["verb", "resource"],
    buckets=_FAST,
)
AUDIT_LOST = Counter(
    "imchat_operator_audit_lines_lost", "Audit lines that could not be written to the audit file."
)

_OF_A_CLUSTER = (PASSES, DECISIONS, ACTIONS, MOVED, CUT, REMEDIATIONS)


def stage(name: str) -> AbstractContextManager[object]:
    """Time a stage of a pass: observe, decide, record, act or tell."""
    return STAGE_SECONDS.labels(name).time()


def tell_build() -> None:
    """Set what runs."""
    try:
        ours = version("imchat-operator")
    except PackageNotFoundError:
        ours = "unknown"
    BUILD.labels(ours, platform.python_version()).set(1)


class ClusterCounts:
    """What is counted for one cluster, for as long as this process serves it."""

    def __init__(self, namespace: str, cluster: str) -> None:
        self._labels = (namespace, cluster)
        for result in ("ok", "error"):
            PASSES.labels(*self._labels, result)
        for outcome in ("Replaced", "Failed"):
            REMEDIATIONS.labels(*self._labels, outcome)
        for purpose in Purpose:
            MOVED.labels(*self._labels, purpose)
            CUT.labels(*self._labels, purpose)

    def forget(self) -> None:
        """Drop its series."""
        which = dict(zip(_CLUSTER, self._labels, strict=True))
        for metric in _OF_A_CLUSTER:
            metric.remove_by_labels(which)

    def passed(self, result: str) -> None:
        """Count a pass."""
        PASSES.labels(*self._labels, result).inc()

    def decided(self, decision: Decision) -> None:
        """Count a decision by its reasons."""
        for condition in decision.status.conditions:
            if condition.type in _DECIDING:
                DECISIONS.labels(*self._labels, condition.type, condition.reason).inc()

    def acted(self, outcome: Outcome) -> None:
        """Count what became of an action."""
        kind = type(outcome.action).__name__
        ACTIONS.labels(*self._labels, kind, "refused" if outcome.refused else "done").inc()

    def drained(self, tallies: Iterable[Tally]) -> None:
        """Count the connections that drains moved, and that they cut."""
        for tally in tallies:
            MOVED.labels(*self._labels, tally.purpose).inc(tally.moved)
            CUT.labels(*self._labels, tally.purpose).inc(tally.cut)

    def repaired(self, before: ImChatClusterStatus, after: ImChatClusterStatus) -> None:
        """Count the repairs that are over since a status, with the times that they took."""
        known = {(r.uid, r.ended_at) for r in before.remediations}
        for repair in after.remediations:
            if (repair.uid, repair.ended_at) in known:
                continue
            REMEDIATIONS.labels(*self._labels, repair.outcome).inc()
            detection = repair.detected_at - repair.failed_at
            DETECTION_SECONDS.labels(repair.ailment).observe(max(0.0, detection.total_seconds()))
            if repair.outcome == "Replaced":
                recovery = repair.ended_at - repair.failed_at
                RECOVERY_SECONDS.labels(repair.ailment).observe(max(0.0, recovery.total_seconds()))


class Call:
    """One request to the API server; an answer tells its code."""

    def __init__(self, method: str, path: str, *, is_watch: bool) -> None:
        self.verb, self.resource = _verb_and_resource(method, path, is_watch=is_watch)
        self.code = "error"


@contextmanager
def api_call(method: str, path: str, *, is_watch: bool) -> Iterator[Call]:
    """Count a request, and time it unless it is a watch."""
    call = Call(method, path, is_watch=is_watch)
    begun = monotonic()
    try:
        yield call
    finally:
        API_REQUESTS.labels(call.verb, call.resource, call.code).inc()
        if not is_watch:
            API_SECONDS.labels(call.verb, call.resource).observe(monotonic() - begun)


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def _verb_and_resource(method: str, path: str, *, is_watch: bool) -> tuple[str, str]:
    """Return how RBAC calls a request, such as `get` of `pods/status`.

    Discovery is a `get` of `discovery`. Names and namespaces are no part of it.
    """
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if not rest:
        return "get", "discovery"
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 -- namespaces/NAME/...
        rest = rest[2:]
    has_name = len(rest) > 1
    reading = "get" if has_name else "list"
    verb = _VERBS.get(method, "watch" if is_watch else reading)
    return verb, "/".join((rest[0], *rest[2:]))
