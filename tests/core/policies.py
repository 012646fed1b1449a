"""Specs of every kind, what was known before, and what is measured: parts of snapshots."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from tests.core.drains import NAMES, drains, moments
from tests.core.fleet import (
    CLUSTER,
    NOON,
    at,
    once,
    recurring,
    spec,
    status,
    utc,
)

from imchat_operator.core.load import signal_name
from imchat_operator.core.ownership import OURSELVES
from imchat_operator.core.scaling import rule_text, rules
from imchat_operator.core.snapshot import (
    Cluster,
    Figure,
    Gateway,
    Measured,
    Measurement,
    Unmeasured,
)
from imchat_operator.models import (
    Blindness,
    Conflict,
    Deferral,
    Direction,
    ImChatClusterSpec,
    ImChatClusterStatus,
    LastRebalance,
    LastResize,
    Pacing,
    Peak,
    Recommendation,
    Resize,
    Streak,
    Suspect,
    WindowAction,
)

SECONDS = st.integers(0, 120)
MANAGERS = ["", OURSELVES, "kubectl", "argocd-controller"]
TODAY = (NOON - utc("1970-01-01T00:00")).days


def clusters() -> st.SearchStrategy[Cluster]:
    """Draw the cluster, mostly without an annotation."""
    keys = st.sampled_from(["imchat.dev/pause-scale-up", "imchat.dev/pause-scale-down"])
    notes = st.lists(st.tuples(keys, st.sampled_from(["", "INC-7"])), max_size=1).map(tuple)
    return st.one_of(st.just(CLUSTER), notes.map(lambda found: replace(CLUSTER, annotations=found)))


SIGNALS: dict[str, dict[str, Any]] = {
    "connections": {"type": "Connections"},
    "cpu": {"type": "CPU", "of": "Limits"},
    "memory": {"type": "Memory", "pressureAbove": 66},
    "rooms": {"type": "Query", "name": "rooms", "query": "rooms", "capacity": "1k"},
}
SOURCES: list[dict[str, Any]] = [
    {"source": "Pods"},
    {"source": "Pods", "maxGap": "25s", "coverage": 50, "maxAge": "20s"},
    {"source": "Prometheus", "prometheus": {"name": "main"}, "coverage": 60},
    {"source": "Prometheus", "prometheus": {"name": "main"}},
]


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a known event about now, or a daily one, or one that can't be computed."""
    start = draw(st.integers(-60, 60))
    when = draw(
        st.sampled_from(
            [
                once(at(start), at(start + 30)),
                recurring("FREQ=DAILY", "12:00", "1h", "UTC"),
                recurring("FREQ=DAILY", "13:10", "1h", "Europe/Berlin"),
                recurring("FREQ=DAILY", "12:00", "1h", "Mars/Olympus"),
            ]
        )
    )
    prepare = f"{draw(SECONDS)}s"
    return {"name": "push", "minReplicas": draw(st.integers(1, 12)), "prepare": prepare, **when}


@st.composite
def scalings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw `spec.scaling`."""
    up = draw(st.lists(st.integers(61, 90), max_size=2))
    down = draw(st.lists(st.integers(10, 50), max_size=2))
    names = draw(st.lists(st.sampled_from(sorted(SIGNALS)), min_size=1, max_size=3, unique=True))
    is_plain = draw(st.booleans())
    more = {
        "mode": draw(st.sampled_from(["Auto", "Auto", "Recommend", "Observe"])),
        "signals": [SIGNALS[name] for name in names],
        "margin": draw(st.sampled_from([0, 5, 100])),
        "maxStep": {"scaleUp": draw(st.integers(1, 4)), "scaleDown": draw(st.integers(1, 4))},
        "cooldown": {"scaleUp": f"{draw(SECONDS)}s", "scaleDown": f"{draw(SECONDS)}s"},
        "pauses": draw(
            st.sampled_from([[], [], [{"direction": "ScaleUp", "reason": "a load test"}]])
        ),
        "schedules": draw(st.lists(schedules(), max_size=2)),
        "season": draw(st.sampled_from([None, {"period": "24h", "lead": "1h"}])),
        "fallback": draw(
            st.sampled_from([{"behavior": "CurrentReplicas"}, {"replicas": 6, "after": "30s"}])
        ),
        "rebalance": draw(st.sampled_from([{"mode": "Off"}, {"above": 5}, {}])),
    }
    return {
        "scaleUp": [{"above": n, "for": f"{draw(SECONDS)}s"} for n in up],
        "scaleDown": [{"below": n, "for": f"{draw(SECONDS)}s"} for n in down],
        "failureHeadroom": draw(st.integers(0, 2)),
        **({} if is_plain else more),
    }


@st.composite
def specs(draw: st.DrawFn) -> ImChatClusterSpec:
    """Draw a spec."""
    least = draw(st.integers(1, 4))
    return spec(
        minReplicas=least,
        maxReplicas=draw(st.integers(least, 10)),
        metrics={"interval": "10s", **draw(st.sampled_from(SOURCES))},
        scaling=draw(scalings()),
        draining={
            "deregisterDelay": f"{draw(SECONDS)}s",
            "deadline": f"{draw(SECONDS) + 1}s",
            "residual": draw(st.sampled_from([0, 0, 5])),
        },
        healing={"maxConcurrent": draw(st.integers(1, 3))},
    )


@st.composite
def measurements(
    draw: st.DrawFn, policy: ImChatClusterSpec, fleet: tuple[Gateway, ...]
) -> tuple[Measurement, ...]:
    """Draw what a source tells of the signals, some of it missing or stale."""
    found: list[Measurement] = []
    for name in map(signal_name, policy.scaling.signals):
        level = draw(st.integers(0, 1000))
        missing = draw(st.sampled_from([0, 0, 0, 1, 2]))
        figures = tuple(
            Figure(
                uid=g.uid,
                value=draw(st.integers(0, 1000)) if draw(st.booleans()) else level,
                capacity=1000,
                at=draw(st.sampled_from([NOON, NOON, NOON, at(-61)])),
            )
            for g in fleet[missing:]
        )
        is_down = draw(st.integers(0, 5)) == 5
        found.append(
            Unmeasured(signal=name, why="it is down")
            if is_down
            else Measured(signal=name, unit="units", figures=figures)
        )
    return tuple(found)


def peaks() -> st.SearchStrategy[tuple[Peak, ...]]:
    """Draw what was seen of the season, at noon and about."""
    one = st.builds(
        Peak,
        slot=st.integers(46, 56),
        period=st.integers(TODAY - 2, TODAY),
        load=st.integers(0, 9000),
        before=st.integers(0, 9000),
    )
    found = st.lists(one, max_size=4, unique_by=lambda p: p.slot)
    return found.map(lambda seen: tuple(sorted(seen, key=lambda p: p.slot)))


@st.composite
def histories(draw: st.DrawFn, policy: ImChatClusterSpec, replicas: int) -> ImChatClusterStatus:
    """Draw what the operator knew before."""
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
        replicas=draw(st.sampled_from([None, replicas, replicas, 3])),
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
        deferrals=tuple(
            Deferral(action=action, since=draw(moments(-90)), last=draw(moments()))
            for action in WindowAction
            if draw(st.integers(0, 5)) == 5
        ),
        **draw(new_records(replicas)),
    )


def new_records(replicas: int) -> st.SearchStrategy[dict[str, Any]]:
    """Draw what scaling keeps in status beside streaks and drains."""
    rests = st.builds(LastResize, direction=st.sampled_from(Direction), at=moments())
    conflict = st.builds(
        Conflict,
        manager=st.sampled_from(MANAGERS[2:]),
        replicas=st.just(replicas),
        since=moments(),
        generation=st.sampled_from([0, 1]),
    )
    records = {
        "last_resizes": st.lists(rests, max_size=2, unique_by=lambda r: r.direction).map(tuple),
        "last_rebalance": st.builds(LastRebalance, at=moments(), least=st.integers(0, 500)),
        "conflict": conflict,
        "pacing": st.builds(Pacing, connections_per_second=st.integers(1, 200), at=moments()),
        "blindness": st.builds(Blindness, since=moments(), fallback=st.booleans()),
        "recommendation": st.builds(
            Recommendation,
            from_=st.just(replicas),
            to=st.integers(1, 10),
            cause=st.just("many"),
            at=moments(),
        ),
        "peaks": peaks(),
    }
    return st.fixed_dictionaries({}, optional=records)
