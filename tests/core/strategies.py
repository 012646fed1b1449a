"""Snapshots of every kind, also those that no cluster would show."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from tests.core.drains import NAMES, a_drain, moments
from tests.core.fleet import (
    NOON,
    at,
    evict,
    gateway,
    once,
    reported,
    snapshot,
    status,
    streak,
    target,
    window,
)
from tests.core.policies import MANAGERS, clusters, histories, measurements, specs

from imchat_operator.core.decision import (
    Outcome,
    SetAccepting,
)
from imchat_operator.core.load import signal_name
from imchat_operator.core.scaling import rule_text, rules
from imchat_operator.core.snapshot import (
    Figure,
    Gateway,
    Measured,
    NotAsked,
    Reading,
    Reported,
    Silent,
    Snapshot,
    TargetMissing,
    Unreadable,
    Window,
)
from imchat_operator.models import Phase, Purpose, Resize


def readings() -> st.SearchStrategy[Reading]:
    return st.one_of(
        st.builds(
            Reported,
            connections=st.integers(0, 1000),
            capacity=st.sampled_from([1000, 1000, 400, 0]),
            draining=st.booleans(),
            answer_time=st.none() | st.integers(0, 900).map(lambda n: timedelta(milliseconds=n)),
            accept_rate=st.none() | st.floats(0, 200),
        ),
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
def a_window(draw: st.DrawFn) -> Window:
    start = draw(moments(-60, 60))
    length = draw(st.sampled_from([1, 61, 3600]))
    effect = draw(st.sampled_from(["Silence", "Silence", "Permit"]))
    return window(
        once(start, start + timedelta(seconds=length)),
        name=draw(st.sampled_from(["a", "b", "c"])),
        effect=effect,
        actions=draw(st.sampled_from([[], [], ["ScaleDown"], ["Healing", "Rebalance"]])),
        overrun=draw(st.sampled_from(["Undo", "Finish"])),
        startCutoff=draw(st.sampled_from(["0s", "0s", "1m"])),
        maxDeferral=draw(st.sampled_from(["840h", "1m"])),
        minReplicas=draw(st.sampled_from([None, None, 6])),
    )


def windows() -> st.SearchStrategy[tuple[Window, ...]]:
    found = st.lists(a_window(), max_size=2, unique_by=lambda w: w.name).map(tuple)
    return st.one_of(st.just(()), found)


def outcomes() -> st.SearchStrategy[tuple[Outcome, ...]]:
    eviction = st.sampled_from(NAMES).map(evict)
    gate = st.sampled_from(NAMES).map(
        lambda name: SetAccepting(pod=name, uid=f"uid-{name}", accepting=False)
    )
    refused = st.sampled_from(["", "it would violate the budget"])
    one = st.builds(Outcome, action=st.one_of(eviction, gate), refused=refused)
    return st.lists(one, max_size=2).map(tuple)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw a snapshot of noon, whose parts need not fit together."""
    policy = draw(specs())
    found = draw(fleets())
    replicas = draw(st.integers(0, 10)) if draw(st.integers(0, 5)) == 5 else len(found)
    kind = draw(st.sampled_from(["Deployment", "Deployment", "StatefulSet"]))
    aim = target(kind=kind, replicas=replicas, manager=draw(st.sampled_from(MANAGERS)))
    is_missing = draw(st.integers(0, 19)) == 19
    drawn = snapshot(
        spec=policy,
        gateways=found,
        history=draw(histories(policy, replicas)),
        target=TargetMissing(why="there is none") if is_missing else aim,
        windows=draw(windows()),
        outcomes=draw(outcomes()),
        sampled_at=draw(st.just(NOON) | moments(-5) | moments(-90, -50)),
        cluster=draw(clusters()),
        autoscalers=draw(st.sampled_from([(), (), (), ("HorizontalPodAutoscaler web",)])),
        measurements=draw(measurements(policy, found)),
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


@st.composite
def loaded(draw: st.DrawFn) -> Snapshot:
    """Draw a sound fleet of equal gateways in rotation, with streaks that cover their rules.

    That is where every sample decides: at a high, a low or a mean level, evenly shared or not.
    """
    policy = draw(specs())
    names = NAMES[: draw(st.integers(3, 8))]
    level = draw(st.sampled_from([50, 150, 250, 500, 750, 900]))
    near = st.integers(max(0, level - 100), min(1000, level + 100)) | st.integers(0, 1000)
    fleet = tuple(gateway(name, draw(near)) for name in names)
    streaks = tuple(streak(rule_text(rule), at(-200), at(0)) for rule in rules(policy))
    found = tuple(
        Measured(
            signal=signal_name(signal),
            unit="units",
            figures=tuple(
                Figure(uid=g.uid, value=draw(near), capacity=1000, at=NOON) for g in fleet
            ),
        )
        for signal in policy.scaling.signals
    )
    size = len(fleet)
    is_shrinking = draw(st.integers(0, 3)) == 3
    whole = snapshot(
        spec=policy,
        gateways=fleet,
        measurements=found,
        history=status(streaks=streaks, replicas=size),
        target=target(replicas=size),
    )
    return draw(shrinking(whole)) if is_shrinking else whole


def shuffled(found: Snapshot, order: list[int]) -> Snapshot:
    """Return the same facts in another order, which the numbers give."""

    def mixed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        ranked = sorted(enumerate(items), key=lambda pair: (order[pair[0]], pair[0]))
        return tuple(item for _, item in ranked)

    return replace(found, gateways=mixed(found.gateways), windows=mixed(found.windows))
