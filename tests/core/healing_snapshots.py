"""Snapshots of fleets that have to be repaired: every ailment, every step of the ladder."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from tests.core.drains import NAMES, moments
from tests.core.fleet import (
    NOT_ASKED,
    at,
    evict,
    gateway,
    once,
    repair,
    snapshot,
    spec,
    status,
    suspect,
    target,
    window,
)

from imchat_operator.core.ailments import Ailment
from imchat_operator.core.decision import Delete, Outcome
from imchat_operator.core.snapshot import (
    DependencyState,
    Gateway,
    Node,
    Reported,
    Silent,
    Snapshot,
)
from imchat_operator.models import (
    Drain,
    ImChatClusterSpec,
    Phase,
    Purpose,
    Remediation,
    Restarts,
    Storm,
    Suspect,
)

NODES = (
    Node(name="node-1"),
    Node(name="node-1"),
    Node(name="node-1"),
    Node(name="node-2", ready=False),
    Node(name="node-3", ready=False, lapsed=True),
    Node(name="node-4", lapsed=True),
    Node(name="node-5", exists=False, ready=False),
    Node(name="node-6", ready=False, fenced=True),
    Node(name="node-7", cordoned=True),
    Node(name="node-8", leaving="a taint"),
    Node(name="node-9", pressures=("MemoryPressure",)),
)
SILENT = Silent(why="no answer within 2s", last_connections=300, last_answer=at(-40))
CHANCE = st.integers(0, 3).map(lambda n: n == 0)
DOWN: dict[str, Any] = {"containers_ready": False, "ready": False}
FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"reading": SILENT},
    {"reading": SILENT, **DOWN},
    {"reading": Silent(why="refused"), **DOWN},
    DOWN,
    {"reading": NOT_ASKED, "running": False, "pending": True, **DOWN},
    {"reading": NOT_ASKED, "running": False, "waiting": "ErrImagePull", **DOWN},
    {"reading": NOT_ASKED, "running": False, "unschedulable": "no node fits", **DOWN},
    {"reading": NOT_ASKED, "running": False, "failure": "Evicted", **DOWN},
    {"reading": SILENT, "running": False, "waiting": "CrashLoopBackOff", "restarts": 4, **DOWN},
    {"restarts": 3},
    {"reading": SILENT, "terminating": True, "deletion_due": at(-90), **DOWN},
    {"terminating": True, "deletion_due": at(-90), **DOWN},
    {"reading": SILENT, "terminating": True, "deletion_due": at(-9), "finalizers": ("x/y",)},
    {"drain_requested": True},
    {"quarantine": "INC-7"},
    {"accepting": False, "ready": False},
    {"accepting": None},
    {"released": "v1"},
)


@st.composite
def gateways(draw: st.DrawFn, name: str) -> Gateway:
    """Draw a gateway, ill or well, on a node that is ill or well."""
    reading = Reported(
        connections=draw(st.sampled_from([0, 300, 600])),
        capacity=1000,
        draining=draw(CHANCE),
        message_rate=draw(st.sampled_from([None, 0.0, 60.0])),
        error_rate=draw(st.sampled_from([None, 0.0, 30.0])),
    )
    fault = draw(st.sampled_from(FAULTS)) if draw(CHANCE) else {}
    also = draw(st.sampled_from(FAULTS)) if draw(CHANCE) and fault else {}
    return gateway(
        name,
        **{
            "reading": reading,
            "node": draw(st.sampled_from(NODES)) if draw(CHANCE) else NODES[0],
            "created_at": draw(st.sampled_from([at(-3600), at(-3600), at(-300), at(-20)])),
            "revision": draw(st.sampled_from(["v1", "v1", "v1", "v2", ""])),
            "resource_version": draw(st.sampled_from(["5", "6"])),
            "restarted_at": draw(st.sampled_from([None, at(-5), at(-300)])),
            **also,
            **fault,
        },
    )


@st.composite
def policies(draw: st.DrawFn) -> ImChatClusterSpec:
    """Draw a spec, mostly one that lets repairs be."""
    calm = draw(st.booleans())
    more: dict[str, Any] = {
        "mode": draw(st.sampled_from(["Auto", "Auto", "Recommend", "Observe"])),
        "pauses": draw(st.sampled_from([[], [], [{"reason": "a load test"}]])),
        "stormCooldown": draw(st.sampled_from(["0s", "2m"])),
        "failedFor": draw(st.sampled_from(["0s", "1m"])),
    }
    return spec(
        minReplicas=draw(st.integers(1, 5)),
        maxReplicas=10,
        healing={
            "maxConcurrent": draw(st.integers(1, 4)),
            "maxPerHour": draw(st.sampled_from([1, 2, 20])),
            "minHealthy": draw(st.sampled_from([1, 51, 51, 90])),
            **({} if calm else more),
        },
    )


@st.composite
def a_repair(draw: st.DrawFn, gateway_: Gateway | None, kind: str, name: str) -> Drain:
    """Draw the record of a repair, as the target's kind allows it."""
    purpose = draw(st.sampled_from([Purpose.HEALING, Purpose.HEALING, Purpose.QUARANTINE]))
    phases = [Phase.ISOLATING, Phase.DRAINING, Phase.REMOVING, Phase.DELETING]
    if kind == "Deployment" and gateway_ is not None and gateway_.revision:
        phases.append(Phase.SURGING)
    phases.append(Phase.QUARANTINED if purpose is Purpose.QUARANTINE else Phase.REPLACING)
    started = draw(moments(-400))
    ailments = st.sampled_from([a for a in Ailment if a != Ailment.STUCK_TERMINATING])
    is_kept = purpose is Purpose.QUARANTINE
    phase = draw(st.sampled_from(phases))
    has_other = phase not in {Phase.SURGING, Phase.QUARANTINED} and draw(CHANCE)
    return repair(
        name,
        phase,
        started + timedelta(seconds=draw(st.integers(0, 400))),
        started_at=started,
        suspected_at=started,
        purpose=purpose,
        ailment=Ailment.QUARANTINE_REQUESTED if is_kept else draw(ailments),
        silent_since=draw(st.none() | moments()),
        blocked=draw(st.sampled_from(["", "it would violate the budget"])),
        by=(other := draw(st.sampled_from(NAMES)) if has_other else ""),
        by_uid=f"uid-{other}" if other else "",
        attempt=draw(st.integers(1, 3)),
    )


@st.composite
def a_remediation(draw: st.DrawFn) -> Remediation:
    """Draw a repair that is over."""
    ended, is_done = draw(moments(-200)), draw(st.booleans())
    other = draw(st.sampled_from(NAMES))
    pod = draw(st.sampled_from(NAMES))
    return Remediation(
        pod=pod,
        uid=f"uid-{pod}",
        ailment="Unresponsive",
        failed_at=ended,
        detected_at=ended,
        ended_at=ended,
        outcome="Replaced" if is_done else "Failed",
        by=other if is_done else "",
        by_uid=f"uid-{other}" if is_done else "",
        attempt=draw(st.integers(1, 20)),
    )


def suspects() -> st.SearchStrategy[Suspect]:
    """Draw a suspicion, mostly an old one."""
    when = st.sampled_from([at(-600), at(-600), at(-130), at(-31), at(-1), at(0)])
    return st.builds(
        lambda name, ailment, since, ill: suspect(
            name, ailment, since, ill_since=since if ill else None
        ),
        st.sampled_from(NAMES),
        st.sampled_from(Ailment),
        when,
        st.booleans(),
    )


def dependencies() -> st.SearchStrategy[tuple[DependencyState, ...]]:
    """Draw what the gateways need, mostly nothing."""
    one = st.builds(
        DependencyState,
        name=st.sampled_from(["database", "kafka"]),
        up=st.sampled_from([True, False, None]),
        why=st.just("connection refused"),
    )
    return st.just(()) | st.lists(one, max_size=2, unique_by=lambda d: d.name).map(tuple)


def outcomes() -> st.SearchStrategy[tuple[Outcome, ...]]:
    """Draw what became of removals."""
    deletion = st.sampled_from(NAMES).map(
        lambda name: Delete(pod=name, uid=f"uid-{name}", resource_version="5")
    )
    one = st.builds(
        Outcome,
        action=st.sampled_from(NAMES).map(evict) | deletion,
        refused=st.sampled_from(["", "x" * 600, "it would violate the budget"]),
        is_stale=st.booleans(),
        is_final=st.booleans(),
    )
    return st.lists(one, max_size=2).map(tuple)


@st.composite
def ailing(draw: st.DrawFn) -> Snapshot:
    """Draw a fleet of which some are ill, and repairs at any point, of a history that can be."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    fleet = tuple(draw(gateways(name)) for name in names)
    kind = draw(st.sampled_from(["Deployment", "Deployment", "StatefulSet"]))
    if kind == "StatefulSet":
        fleet = tuple(replace(g, released="") for g in fleet)
    by_name = {g.name: g for g in fleet}
    repaired = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=draw(st.integers(0, 3))))
    unique_suspects = st.lists(suspects(), max_size=6, unique_by=lambda s: s.uid)
    is_shuffled = draw(st.booleans())
    stormy = st.builds(
        Storm,
        reason=st.sampled_from(["StormGate", "DependencyDown"]),
        since=moments(-300, -100),
        over_at=st.none() | moments(-100),
    )
    history = status(
        replicas=len(fleet),
        drains=tuple(draw(a_repair(by_name.get(name), kind, name)) for name in repaired),
        suspects=tuple(draw(unique_suspects)),
        restarts=tuple(
            Restarts(uid=f"uid-{name}", count=draw(st.integers(0, 4)), at=(at(-400), at(-60)))
            for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
        ),
        remediations=tuple(draw(st.lists(a_remediation(), max_size=2))),
        repairs_begun=tuple(draw(st.lists(moments(-4000), max_size=2))),
        storm=draw(st.none() | st.none() | stormy),
    )
    replicas = len(fleet) + (draw(st.integers(0, 4)) if is_shuffled else 0)
    is_open = draw(st.integers(0, 7)) == 0
    return snapshot(
        spec=draw(policies()),
        gateways=fleet,
        target=target(kind=kind, replicas=replicas),
        history=history,
        windows=(window(once(at(-9), at(60))),) if is_open else (),
        dependencies=draw(dependencies()),
        outcomes=draw(outcomes()),
    )
