"""One ImChatCluster as people look at it: the object, its pods, what they hold, what was decided.

What this user has no right to see is left out, and a note says so: the object itself tells most.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from imchat_operator.cli.cluster import Cluster, Json
from imchat_operator.cli.failures import Code, Failure
from imchat_operator.core.scaling import rule_text, rules
from imchat_operator.exposition import values_of
from imchat_operator.http_session import TooLargeError
from imchat_operator.models import (
    PAUSES,
    READINESS_GATE,
    Condition,
    Drain,
    ImChatClusterSpec,
    ImChatClusterStatus,
    Metrics,
    WindowAction,
)

CLUSTERS = "imchatclusters"
_ASKED_AT_A_TIME = 8
_MOST_ASKED = 64
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A pod of the fleet; connections and capacity are None where it was not heard."""

    name: str
    state: str
    node: str
    connections: int | None = None
    capacity: int | None = None
    drain: Drain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How far a rule's streak has come; times are as the operator recorded them."""

    rule: str
    since: datetime
    last: datetime
    complete_at: datetime
    seconds: float
    of_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Something that is paused, why, and where that is written."""

    what: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An Event on the ImChatCluster."""

    at: datetime
    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What there is to know about one ImChatCluster."""

    namespace: str
    name: str
    spec: ImChatClusterSpec
    status: ImChatClusterStatus
    gateways: tuple[Gateway, ...] = ()
    paused: tuple[Paused, ...] = ()
    told: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()

    def condition(self, kind: str) -> Condition | None:
        """Return one of its conditions."""
        return next((c for c in self.status.conditions if c.type == kind), None)

    @property
    def is_ready(self) -> bool:
        """Whether enough gateways take connections, as the operator says."""
        ready = self.condition("Ready")
        return ready is not None and ready.status == "True"

    @property
    def runs(self) -> tuple[Run, ...]:
        """The streaks of the rules that the spec has now."""
        by_rule = {s.rule: s for s in self.status.streaks}
        found = ((rule, by_rule.get(rule_text(rule))) for rule in rules(self.spec))
        return tuple(
            Run(
                rule=streak.rule,
                since=streak.since,
                last=streak.last,
                complete_at=streak.since + rule.for_,
                seconds=(streak.last - streak.since).total_seconds(),
                of_seconds=rule.for_.total_seconds(),
            )
            for rule, streak in found
            if streak is not None
        )


def bodies(cluster: Cluster, name: str | None, *, everywhere: bool = False) -> list[Json]:
    """Return the ImChatClusters that a command is about, by name.

    Raises:
        Failure: there is none.
    """
    if name is not None:
        return [body_of(cluster, name)]
    found = cluster.items(cluster.custom(CLUSTERS, everywhere=everywhere))
    if not found:
        where = "the whole cluster" if everywhere else f"namespace {cluster.namespace}"
        raise Failure(f"{where} has no ImChatCluster: choose another namespace with -n, or use -A")
    return found


def body_of(cluster: Cluster, name: str) -> Json:
    """Return one ImChatCluster.

    Raises:
        Failure: there is none of that name.
    """
    found = cluster.found(cluster.custom(CLUSTERS, name))
    if found is None:
        why = f"namespace {cluster.namespace} has no ImChatCluster {name}"
        raise Failure(f"{why}: `kubectl get imc -A` lists them all")
    return found


def plain(body: Json) -> Fleet:
    """Return what the object itself tells.

    Raises:
        Failure: it is of a newer operator than this program.
    """
    meta = body["metadata"]
    try:
        spec = ImChatClusterSpec.model_validate(body["spec"])
        status = ImChatClusterStatus.model_validate(body.get("status") or {})
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        why = f"ImChatCluster {meta['name']} can't be read ({field})"
        raise Failure(f"{why}: use an imchat of the operator's version", Code.UNASKED) from None
    return Fleet(
        namespace=meta["namespace"],
        name=meta["name"],
        spec=spec,
        status=status,
        paused=tuple(_paused(meta.get("annotations", {}), spec)),
    )


def fleet(cluster: Cluster, body: Json) -> Fleet:
    """Return what the object tells, what its pods tell, and the latest Events."""
    found = plain(body)
    notes: list[str] = []
    gateways, told = tuple[Gateway, ...](), tuple[Told, ...]()
    try:
        gateways, silence = _gateways(cluster, found)
        notes += [silence] if silence else []
    except Failure as error:
        notes.append(f"gateways are not shown: {error.message}")
    try:
        told = _told(cluster, found)
    except Failure as error:
        notes.append(f"Events are not shown: {error.message}")
    return replace(found, gateways=gateways, told=told, notes=tuple(notes))


def pods_of(cluster: Cluster, found: Fleet, query: Mapping[str, str] | None = None) -> list[Json]:
    """Return the pods that a fleet's target calls its own."""
    ref = found.spec.target_ref
    scale = cluster.scale_of(found.namespace, ref.api_version, ref.kind, ref.name)
    selector = scale.get("status", {}).get("selector", "")
    if not selector:
        return []
    path = cluster.core("pods", namespace=found.namespace)
    return cluster.items(path, {"labelSelector": selector, **(query or {})})


def _paused(annotations: dict[str, str], spec: ImChatClusterSpec) -> Iterator[Paused]:
    for action, key in PAUSES.items():
        if key in annotations:
            yield Paused(what=str(action), reason=annotations[key], by="annotation")
    for pause in spec.scaling.pauses:
        yield Paused(what=str(pause.direction), reason=pause.reason, by="spec.scaling.pauses")
    for rest in spec.healing.pauses:
        healing = str(WindowAction.HEALING)
        yield Paused(what=healing, reason=rest.reason, by="spec.healing.pauses")


def _gateways(cluster: Cluster, found: Fleet) -> tuple[tuple[Gateway, ...], str]:
    """Return the gateways, and why some did not tell what they hold."""
    pods = sorted(pods_of(cluster, found), key=lambda p: str(p["metadata"]["name"]))
    running = [p for p in pods if p.get("status", {}).get("phase") == "Running"][:_MOST_ASKED]
    with ThreadPoolExecutor(_ASKED_AT_A_TIME) as pool:
        answers = list(pool.map(lambda p: _held(cluster, found, p["metadata"]["name"]), running))
    held = {p["metadata"]["uid"]: a for p, a in zip(running, answers, strict=True)}
    silence = next((a for a in answers if isinstance(a, str)), "")
    drains = {d.uid: d for d in found.status.drains}
    return tuple(_gateway(p, held.get(p["metadata"]["uid"]), drains) for p in pods), silence


def _gateway(pod: Json, held: tuple[int, int] | str | None, drains: dict[str, Drain]) -> Gateway:
    meta = pod["metadata"]
    drain = drains.get(meta["uid"])
    known = held if isinstance(held, tuple) else (None, None)
    return Gateway(
        name=meta["name"],
        state=str(drain.phase) if drain else _state(pod),
        node=pod["spec"].get("nodeName", ""),
        connections=known[0],
        capacity=known[1],
        drain=drain,
    )


def _state(pod: Json) -> str:
    status = pod.get("status", {})
    states = {c["type"]: c["status"] for c in status.get("conditions", ())}
    waiting = [c.get("state", {}).get("waiting") for c in status.get("containerStatuses", ())]
    reasons = [w.get("reason", "") for w in waiting if w]
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    if states.get("Ready") == "True":
        return "Serving"
    if reasons:
        return str(reasons[0])
    if status.get("phase") != "Running":
        return str(status.get("phase", "Pending"))
    if states.get("ContainersReady") == "True" and states.get(READINESS_GATE) != "True":
        return "OutOfRotation"
    return "NotReady"


def _held(cluster: Cluster, found: Fleet, pod: str) -> tuple[int, int] | str:
    """Return what a gateway holds and can hold; or why that is not known."""
    metrics = found.spec.metrics
    try:
        text = cluster.page_of_pod(found.namespace, pod, found.spec.gateway_port, metrics.pods.path)
        return _figures(text, metrics)
    except Failure as error:
        return f"connections are not shown for each gateway: {error.message}"
    except (TooLargeError, ValueError, KeyError, OverflowError):
        return f"connections are not shown for each gateway: the metrics of {pod} can't be read"


def _figures(text: str, metrics: Metrics) -> tuple[int, int]:
    connections, most = metrics.pods.connections, metrics.pods.max_connections
    values = values_of(text, {connections, most})
    return int(values[connections]), int(values[most])


def _told(cluster: Cluster, found: Fleet) -> tuple[Told, ...]:
    about = f"involvedObject.kind=ImChatCluster,involvedObject.name={found.name}"
    path = cluster.core("events", namespace=found.namespace)
    events = sorted(cluster.items(path, {"fieldSelector": about}), key=_order)
    return tuple(
        Told(
            at=_time(event),
            type=event.get("type", "Normal"),
            reason=event.get("reason", ""),
            message=event.get("message", ""),
        )
        for event in events[-_MOST_TOLD:]
    )


def _order(event: Json) -> tuple[datetime, str]:
    return _time(event), event["metadata"]["name"]


def _time(event: Json) -> datetime:
    """Return when an Event was told last; its fields differ by who wrote it."""
    series: dict[str, Any] = event.get("series") or {}
    text = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
    return datetime.fromisoformat(text).astimezone(UTC)
