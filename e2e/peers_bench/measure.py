"""One run: the part of a trace is played to its end, with the failures in it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.waiting import wait_for
from loopback_node import CUT_OFF, DEAD
from peers_bench.course import Course, Failure
from peers_bench.machine import Busy, Meter
from peers_bench.setting import WARM_UP_SECONDS, Part
from peers_bench.stage import Place, Stage, watched
from peers_bench.watch import Watch

_SPARE_SECONDS = 90.0
_Watched = tuple[tuple[Place, Watch], ...]


def played(
    stage: Stage, part: Part, traces: Path, say: Callable[[str], None]
) -> tuple[dict[str, Course], Busy]:
    """Play it; the courses by the subjects' names, and how busy the machine was."""
    with watched(stage, part, traces) as seen:
        begun, meter = time.monotonic(), Meter()
        failures: dict[str, list[Failure]] = {place.subject.name: [] for place, _ in seen}
        for share, fail in ((part.crash_at, _crash), (part.node_lost_at, _lose_node)):
            _wait_until(begun + share * part.seconds)
            for place, watch in seen:
                failure = fail(place, watch)
                failures[place.subject.name].append(failure)
                say(f"{place.subject.name}: {failure.kind}, {failure.held} clients")
        wait_for(
            lambda: all("final" in watch.users.report() for _, watch in seen),
            seconds=part.seconds + _SPARE_SECONDS,
            what="the end of the trace",
            tick=1.0,
        )
        busy = meter.read()
    return {
        place.subject.name: _course(watch, failures[place.subject.name]) for place, watch in seen
    }, busy


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _crash(place: Place, watch: Watch) -> Failure:
    """Kill the process of the gateway with the most clients."""
    held = _held(watch)
    name = max(held, key=lambda each: held[each])
    life = watch.gateways[name].life
    place.namespace.fault(name, "crash")
    return Failure(
        kind="gateway crashes", at=time.monotonic(), victims=frozenset({life}), held=held[name]
    )


def _lose_node(place: Place, watch: Watch) -> Failure:
    """Take the power from the node with the most clients, for good."""
    held = _held(watch)
    by_node: dict[str, int] = {}
    for name, count in held.items():
        node = watch.gateways[name].node
        by_node[node] = by_node.get(node, 0) + count
    lost = max(by_node, key=lambda each: by_node[each])
    victims = frozenset(g.life for g in watch.gateways.values() if g.node == lost)
    place.namespace.kubectl("annotate", "node", lost, f"{CUT_OFF}={DEAD}")
    return Failure(kind="node dies", at=time.monotonic(), victims=victims, held=by_node[lost])


def _held(watch: Watch) -> dict[str, int]:
    """The clients of each gateway that is known."""
    counts: dict[str, int] = watch.users.report()["byGateway"]
    return {name: count for name, count in counts.items() if name in watch.gateways}


def _course(watch: Watch, failures: Sequence[Failure]) -> Course:
    """What was seen between the arrival of the first clients and the end of the trace."""
    reports = [(at, each) for at, each in watch.users.history if each["target"]]
    begin = reports[0][0] + WARM_UP_SECONDS
    end = max(at for at, each in reports if "final" not in each)
    return Course(
        samples=[s for s in watch.samples if begin <= s.at <= end],
        reports=[(at, each) for at, each in reports if begin <= at <= end],
        failures=failures,
    )
