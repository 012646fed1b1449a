"""Snapshots of every kind, also those that no cluster would show."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from tests.core.fleet import (
    NOON,
    at,
    drain,
    gateway,
    once,
    reported,
    snapshot,
    spec,
    status,
    target,
    window,
)

from imchat_operator.core.decision import Evict, Outcome, SetAccepting
from imchat_operator.core.scaling import rule_text, rules
from imchat_operator.core.snapshot import (
    Gateway,
    NotAsked,
    Reading,
    Silent,
    Snapshot,
    TargetMissing,
    Unreadable,
    Window,
)
from imchat_operator.models import (
    Drain,
    ImChatClusterSpec,
    ImChatClusterStatus,
    Phase,
    Purpose,
    Resize,
    Streak,
    Suspect,
)

NAMES = [f"gateway-{number}" for number in range(8)]
SECONDS = st.integers(0, 120)


def moments(earliest: int = -120, latest: int = 0) -> st.SearchStrategy[datetime]:
    return st.integers(earliest, latest).map(at)


def readings() -> st.SearchStrategy[Reading]:
    return st.one_of(
        st.builds(reported, st.integers(0, 1000), draining=st.booleans()),
        st.builds(
            Silent, why=st.just("no answer"), last_connections=st.none() | st.integers(0, 1000)
        ),
        st.just(NotAsked()),
        st.just(Unreadable(why="answered HTTP 404")),
    )


def healthy_gateways() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"reading": st.integers(0, 1000).map(reported)})


def strange_gateways() -> st.SearchStrategy[dict[str, Any]]:
    flags = ["pending", "running", "containers_ready", "ready", "terminating", "node_ready"]
    return st.fixed_dictionaries(
        {
            "reading": readings(),
            "accepting": st.sampled_from([True, False, None]),
            "restarts": st.integers(0, 5),
            "waiting": st.sampled_from(["", "CrashLoopBackOff", "ContainerCreating"]),
            "deletion_cost": st.sampled_from([0, -7, -1000]),
            "created_at": moments(),
            **{flag: st.booleans() for flag in flags},
        }
    )


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Gateway, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=draw(st.integers(0, 5))))
    fleet = []
    for name in names:
        is_strange = draw(st.integers(0, 5)) == 5
        fleet.append(
            gateway(name, **draw(strange_gateways() if is_strange else healthy_gateways()))
        )
    return tuple(fleet)


@st.composite
def specs(draw: st.DrawFn) -> ImChatClusterSpec:
    least = draw(st.integers(1, 4))
    up = draw(st.lists(st.integers(61, 90), max_size=2))
    down = draw(st.lists(st.integers(10, 50), max_size=2))
    return spec(
        minReplicas=least,
        maxReplicas=draw(st.integers(least, 10)),
        scaling={
            "scaleUp": [{"above": n, "for": f"{draw(SECONDS)}s"} for n in up],
            "scaleDown": [{"below": n, "for": f"{draw(SECONDS)}s"} for n in down],
            "failureHeadroom": draw(st.integers(0, 2)),
        },
        draining={"deregisterDelay": f"{draw(SECONDS)}s", "deadline": f"{draw(SECONDS) + 1}s"},
        healing={"maxConcurrent": draw(st.integers(1, 3))},
    )


@st.composite
def a_drain(draw: st.DrawFn, /, name: str, **fields: Any) -> Drain:
    since = draw(moments())
    record: dict[str, Any] = {
        "purpose": draw(st.sampled_from(Purpose)),
        "phase": draw(st.sampled_from(Phase)),
        "silent_since": draw(st.none() | moments()),
        "blocked": draw(st.sampled_from(["", "it would violate the budget"])),
    }
    return drain(name, since=since, **{**record, **fields})


@st.composite
def drains(draw: st.DrawFn) -> tuple[Drain, ...]:
    names = draw(st.lists(st.sampled_from([*NAMES, "ghost"]), unique=True, max_size=4))
    return tuple(draw(a_drain(name)) for name in names)


@st.composite
def histories(draw: st.DrawFn, policy: ImChatClusterSpec, replicas: int) -> ImChatClusterStatus:
    sizes = st.integers(0, 12)
    resize = st.builds(
        Resize,
        id=st.just("d1"),
        from_=st.sampled_from([replicas, replicas, 4]),
        to=sizes,
        cause=st.just("many"),
        at=moments(-50),
    )
    names = {rule_text(rule) for rule in rules(policy)}
    return status(
        drains=draw(drains()),
        resize=draw(st.none() | resize.filter(lambda r: r.from_ != r.to)),
        streaks=tuple(
            Streak(rule=name, since=draw(moments()), last=draw(moments()))
            for name in sorted(names)
            if draw(st.booleans())
        ),
        suspects=tuple(
            Suspect(pod=name, uid=f"uid-{name}", ailment=ailment, since=draw(moments()))
            for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
            for ailment in ("Unresponsive", "NotReady")
        ),
    )


def windows() -> st.SearchStrategy[tuple[Window, ...]]:
    one = st.tuples(moments(-60, 60), st.sampled_from(["a", "b", "c"])).map(
        lambda drawn: window(once(drawn[0], at(61)), name=drawn[1])
    )
    found = st.lists(one, max_size=2, unique_by=lambda w: w.name).map(tuple)
    return st.one_of(st.just(()), found)


def outcomes() -> st.SearchStrategy[tuple[Outcome, ...]]:
    evict = st.sampled_from(NAMES).map(lambda name: Evict(pod=name, uid=f"uid-{name}"))
    gate = st.sampled_from(NAMES).map(
        lambda name: SetAccepting(pod=name, uid=f"uid-{name}", accepting=False)
    )
    refused = st.sampled_from(["", "it would violate the budget"])
    one = st.builds(Outcome, action=st.one_of(evict, gate), refused=refused)
    return st.lists(one, max_size=2).map(tuple)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw a snapshot of noon, whose parts need not fit together."""
    policy = draw(specs())
    found = draw(fleets())
    replicas = draw(st.integers(0, 10)) if draw(st.integers(0, 5)) == 5 else len(found)
    kind = draw(st.sampled_from(["Deployment", "Deployment", "StatefulSet"]))
    aim = target(kind=kind, replicas=replicas)
    is_missing = draw(st.integers(0, 19)) == 19
    drawn = snapshot(
        spec=policy,
        gateways=found,
        history=draw(histories(policy, replicas)),
        target=TargetMissing(why="there is none") if is_missing else aim,
        windows=draw(windows()),
        outcomes=draw(outcomes()),
        sampled_at=draw(st.just(NOON) | moments(-5)),
    )
    return draw(shrinking(drawn)) if draw(st.booleans()) else drawn


@st.composite
def shrinking(draw: st.DrawFn, found: Snapshot) -> Snapshot:
    """Put a scale-down into a snapshot, mostly of gateways that are about to leave."""
    leaving = found.gateways[: draw(st.integers(0, 2))]
    phases = st.sampled_from([Phase.REMOVING, Phase.REMOVING, Phase.DRAINING])
    victims = [
        draw(a_drain(g.name, purpose=Purpose.SCALE_DOWN, phase=draw(phases))) for g in leaving
    ]
    replicas = len(found.gateways)
    resize = Resize(
        id="d1", from_=replicas, to=replicas - len(leaving), cause="few", at=draw(moments())
    )
    ranked = [
        replace(g, deletion_cost=-1000, accepting=False, ready=draw(st.booleans())) for g in leaving
    ]
    history = found.history.model_copy(
        update={"resize": resize if leaving else None, "drains": tuple(victims)}
    )
    gateways = (*ranked, *found.gateways[len(leaving) :])
    return replace(found, history=history, gateways=gateways)


def shuffled(found: Snapshot, order: list[int]) -> Snapshot:
    """Return the same facts in another order, which the numbers give."""

    def mixed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        ranked = sorted(enumerate(items), key=lambda pair: (order[pair[0]], pair[0]))
        return tuple(item for _, item in ranked)

    return replace(found, gateways=mixed(found.gateways), windows=mixed(found.windows))
