"""What must hold in every trial, as pure functions of its history.

Each returns what it found wrong, in sentences; nothing if all is well.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from faults.conduct import no_crash, no_hammering, nothing_left_behind, quiet_at_the_end
from faults.history import (
    CHANGES,
    CLUSTER,
    EVENT,
    POD,
    TARGETS,
    WINDOW,
    Call,
    History,
    Json,
    Seen,
)

_OF_RESIZES = {"ScalingUp", "ScalingDown"}
# A gateway that is well and only has to leave is never removed past its budget.
_OF_THE_WELL = {"DrainRequested", "NodeLeaving", "NodeNotReady", "NodePressure", "Superseded"}
_OF_REMOVALS = {"GatewayEvicted", "GatewayDeleted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What an oracle found wrong."""

    oracle: str
    what: str

    def __str__(self) -> str:
        """The violation as a line."""
        return f"{self.oracle}: {self.what}"


def violations(history: History) -> tuple[Violation, ...]:
    """Return all that is wrong with a trial."""
    return tuple(
        Violation(oracle=oracle.__name__.replace("_", " "), what=what)
        for oracle in ORACLES
        for what in oracle(history)
    )


def size_within_limits(history: History) -> Iterator[str]:
    """Never below minReplicas, never above maxReplicas, drains of a scale-down included."""
    spec: Json = {}
    for seen in history.seen:
        if seen.kind == CLUSTER:
            spec = seen.body["spec"]
        elif seen.kind in TARGETS and spec:
            replicas = seen.body["spec"]["replicas"]
            if replicas > spec["maxReplicas"]:
                yield f"{replicas} replicas at revision {seen.revision}"
    for call, before in _scalings(history):
        wanted = (call.body or {})["spec"]["replicas"]
        least = before["spec"]["minReplicas"]
        if wanted < least:
            yield f"{wanted} replicas written at revision {call.revision}, minReplicas is {least}"


def disruptions_within_the_budget(history: History) -> Iterator[str]:
    """No more repairs at a time than maxConcurrent, and no gateway drained twice at a time.

    What was lost with one node is repaired together, and counts as one.
    """
    nodes = {s.uid: s.body.get("spec", {}).get("nodeName", s.uid) for s in history.of(POD)}
    for seen in history.of(CLUSTER):
        drains = seen.body.get("status", {}).get("drains", ())
        most = seen.body["spec"].get("healing", {}).get("maxConcurrent", 1)
        repairs = {
            nodes.get(d["uid"], d["uid"]) if d.get("ailment") == "NodeLost" else d["uid"]
            for d in drains
            if d["purpose"] == "Healing"
        }
        if len(repairs) > most:
            yield f"{len(repairs)} repairs at revision {seen.revision}: {', '.join(repairs)}"
        twice = [pod for pod, n in Counter(d["pod"] for d in drains).items() if n > 1]
        if twice:
            yield f"drained twice at revision {seen.revision}: {', '.join(twice)}"


def rotation_within_the_budget(history: History) -> Iterator[str]:
    """No ready gateway is taken out of rotation without a drain, and none put back under one."""
    cluster: Json = {}
    gates: dict[str, bool] = {}
    for seen in history.seen:
        if seen.kind == CLUSTER:
            cluster = seen.body
        if seen.kind != POD:
            continue
        was, gates[seen.uid] = gates.get(seen.uid, False), _gate(seen.body)
        drains = cluster.get("status", {}).get("drains", ())
        drained = {d["uid"] for d in drains}
        if was and not gates[seen.uid] and seen.uid not in drained:
            yield f"{seen.name} was taken out of rotation at revision {seen.revision}, undrained"
        # A rebalance ends by that, with its record still there.
        for_good = {d["uid"] for d in drains if d["purpose"] != "Rebalance"}
        if gates[seen.uid] and not was and seen.uid in for_good:
            yield f"{seen.name} was put in rotation at revision {seen.revision}, while it drains"


def nothing_outside_its_window(history: History) -> Iterator[str]:
    """From when a cluster's status names a window until that window goes, no removal begins.

    Neither a drain nor a scale-down, whoever leads by then and whatever it knows by then.
    """
    there: set[str] = set()
    holding: set[str] = set()
    known: set[str] = set()
    replicas = 0
    for seen in history.seen:
        if seen.kind == WINDOW:
            there = there - {seen.name} if seen.change == "DELETED" else there | {seen.name}
            holding &= there
        elif seen.kind == CLUSTER:
            status = seen.body.get("status", {})
            fresh = {d["pod"] for d in status.get("drains", ())} - known
            if holding and fresh:
                yield f"drains of {', '.join(fresh)} began at revision {seen.revision}"
            known |= fresh
            # It may go on naming one that is gone, until its operator has heard of it.
            holding |= {status.get("window", "")} & there
        elif seen.kind in TARGETS:
            wanted = seen.body["spec"]["replicas"]
            if holding and wanted < replicas:
                yield f"scaled down to {wanted} at revision {seen.revision}"
            replicas = wanted


def no_connection_cut(history: History) -> Iterator[str]:
    """A gateway that is removed holds nobody, unless its deadline has passed or it can't be known.

    What a gateway in a repair is removed with is judged too: it was drained first.
    """
    for ending in history.endings:
        if ending.connections and not ending.was_late and not ending.was_ill:
            yield f"{ending.connections} connections were cut with {ending.pod}"


def drains_take_their_time(history: History) -> Iterator[str]:
    """Load balancers get their delay first, and no gateway is told to close faster than it may."""
    asked = [s.body["spec"]["draining"] for s in history.of(CLUSTER)]
    paces = [draining["connectionsPerSecond"] for draining in asked]
    delay = min((_seconds(draining["deregisterDelay"]) for draining in asked), default=0)
    for ending in history.endings:
        if ending.pace > max(paces, default=ending.pace):
            yield f"{ending.pod} was told to close {ending.pace:g} connections a second"
    isolated: dict[str, datetime] = {}
    for seen in history.of(CLUSTER):
        for drain in seen.body.get("status", {}).get("drains", ()):
            since = datetime.fromisoformat(drain["phaseSince"])
            if drain["phase"] == "Isolating":
                isolated[drain["id"] + drain["uid"]] = since
            elif drain["phase"] == "Draining":
                began = isolated.get(drain["id"] + drain["uid"], datetime.min.replace(tzinfo=UTC))
                if (since - began).total_seconds() < delay:
                    yield f"{drain['pod']} was drained {since - began} after it was isolated"


def each_resize_decided_once(history: History) -> Iterator[str]:
    """Each change of replicas is of one decision, which was recorded before and told once."""
    told = Counter(
        _decision(e) for e in _last(history, EVENT).values() if e["reason"] in _OF_RESIZES
    )
    made = Counter[str]()
    for call, before in _scalings(history):
        resize = before.get("status", {}).get("resize") or {}
        wanted = (call.body or {})["spec"]["replicas"]
        if resize.get("to") != wanted:
            yield f"{wanted} replicas at revision {call.revision} without a record: {resize}"
            continue
        made[resize["id"]] += 1
    for decision, count in made.items():
        if count > 1:
            yield f"decision {decision} changed the replicas {count} times"
        if told[decision] != 1:
            yield f"decision {decision} was told {told[decision]} times"


def each_removal_decided_once(history: History) -> Iterator[str]:
    """Each pod that is evicted or deleted is of one drain, recorded before and told once."""
    events = [e for e in _last(history, EVENT).values() if e["reason"] in _OF_REMOVALS]
    for pod, found in _removals(history).items():
        ids = {d["id"] for status in found for d in status.get("drains", ()) if d["pod"] == pod}
        if not ids:
            yield f"{pod} was removed without a drain on record"
        ours = [e for e in events if e["involvedObject"]["kind"] == "Pod"]
        told = [e for e in ours if e["involvedObject"]["name"] == pod]
        if Counter(e["reason"] for e in told)["GatewayEvicted"] > 1 or not told:
            yield f"the removal of {pod} was told {len(told)} times"


def budgets_minded(history: History) -> Iterator[str]:
    """A pod is deleted, past its PodDisruptionBudget, only for a repair that may; else evicted.

    And only where an eviction was refused, by the API server itself.
    """
    refused = {
        c.path.split("/")[-2]: c.at
        for c in reversed(history.calls)
        if c.path.endswith("/eviction") and not c.is_done
    }
    for call in history.writes:
        parts = call.path.split("/")
        if call.method != "DELETE" or parts[-2] != "pods":
            continue
        statuses = (s.body.get("status", {}) for s in history.of(CLUSTER) if s.at <= call.at)
        drains = [d for status in statuses for d in status.get("drains", ())]
        ours = [d for d in drains if d["pod"] == parts[-1] and d["phase"] == "Deleting"]
        if _was_terminating(history, parts[-1], call.at):
            continue  # its node can't end it: the budget has counted it already
        if not ours or ours[-1]["ailment"] in _OF_THE_WELL:
            yield f"{parts[-1]} was deleted, not evicted, at {ours[-1:]}"
        elif refused.get(parts[-1], call.at) >= call.at:
            yield f"{parts[-1]} was deleted, and no eviction of it was refused before"


def nothing_told_twice(history: History) -> Iterator[str]:
    """A change is told once for each drain or size that it belongs to."""
    for event in _last(history, EVENT).values():
        if event["reason"] in CHANGES and event.get("count", 1) > 1:
            yield f"{event['reason']} has the count {event['count']}"
    drains = {
        (d["uid"], d["id"])
        for seen in history.of(CLUSTER)
        for d in seen.body.get("status", {}).get("drains", ())
    }
    most = Counter(uid for uid, _ in drains)
    told = Counter(
        (e["reason"], e["involvedObject"]["uid"])
        for e in _last(history, EVENT).values()
        if e["involvedObject"]["kind"] == "Pod" and e["reason"] in CHANGES
    )
    for (reason, uid), count in told.items():
        if count > max(1, most[uid]):
            yield f"{reason} was told {count} times of {uid}, which had {most[uid]} drains"


def decisions_before_actions(history: History) -> Iterator[str]:
    """No Event carries a decision that no status had."""
    known = {s.body.get("status", {}).get("decision") for s in history.of(CLUSTER)}
    for event in _last(history, EVENT).values():
        decision = _decision(event)
        is_ours = event["involvedObject"]["kind"] in {"Pod", "ImChatCluster"}
        if decision and is_ours and decision not in known:
            yield f"{event['reason']} is of decision {decision}, which was never recorded"


ORACLES: tuple[Callable[[History], Iterator[str]], ...] = (
    size_within_limits,
    disruptions_within_the_budget,
    rotation_within_the_budget,
    nothing_outside_its_window,
    no_connection_cut,
    drains_take_their_time,
    each_resize_decided_once,
    each_removal_decided_once,
    budgets_minded,
    nothing_told_twice,
    decisions_before_actions,
    quiet_at_the_end,
    no_crash,
    nothing_left_behind,
    no_hammering,
)


def _scalings(history: History) -> Iterator[tuple[Call, Json]]:
    """Yield the operators' changes of the replicas, each with the ImChatCluster just before."""
    revisions = {s.revision for s in history.seen if s.kind in TARGETS}
    for call in history.writes:
        # The answer to what changes nothing has the revision of an earlier change.
        if call.path.endswith("/scale") and call.revision in revisions:
            yield call, _before(history, call.revision)


def _before(history: History, revision: int) -> Json:
    found = [s for s in history.of(CLUSTER) if s.revision < revision]
    return found[-1].body if found else {}


def _seconds(duration: str) -> float:
    number = float(duration.rstrip("ms"))
    return number / 1000 if duration.endswith("ms") else number


def _was_terminating(history: History, pod: str, at: float) -> bool:
    known = [s for s in history.of(POD) if s.name == pod and s.at <= at]
    return bool(known) and "deletionTimestamp" in known[-1].body["metadata"]


def _removals(history: History) -> dict[str, list[Json]]:
    """Return the pods that operators removed, each with the statuses that there were by then."""
    found: dict[str, list[Json]] = {}
    for call in history.writes:
        parts = call.path.split("/")
        is_eviction = parts[-1] == "eviction"
        is_deletion = call.method == "DELETE" and parts[-2] == "pods"
        if is_eviction or is_deletion:
            pod = parts[-2] if is_eviction else parts[-1]
            clusters = (s for s in history.of(CLUSTER) if s.at <= call.at)
            found[pod] = [s.body.get("status", {}) for s in clusters]
    return found


def _last(history: History, kind: str) -> dict[str, Json]:
    """Return the objects of a kind as they were last, those that are gone included."""
    found: dict[str, Seen] = {}
    for seen in history.of(kind):
        if kind != EVENT or seen.body.get("reportingComponent") == "imchat-operator":
            found[seen.uid] = seen
    return {uid: seen.body for uid, seen in found.items()}


def _decision(event: Json) -> str:
    annotations = event["metadata"].get("annotations") or {}
    return str(annotations.get("imchat.dev/decision", ""))


def _gate(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    gate = (c for c in conditions if c["type"] == "imchat.dev/accepting-connections")
    return any(c["status"] == "True" for c in gate)
