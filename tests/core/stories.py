"""Worlds and what befalls them, told second by second with an operator that may be killed.

A kill loses what the operator knew (outcomes, Events posted) and leaves what it had done: nothing,
the status written, the Events posted, or some of the actions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from tests.core.fleet import at, once, spec, window
from tests.core.world import World

from imchat_operator.core.decision import Outcome
from imchat_operator.core.planner import decide
from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus, Phase, Purpose, Rebalance

POLICY = spec(
    minReplicas=2,
    maxReplicas=6,
    metrics={"interval": "1s"},
    scaling={
        "scaleUp": [{"above": 70, "for": "5s"}],
        "scaleDown": [{"below": 30, "for": "5s"}],
        "cooldown": {"scaleDown": "5s"},
        "rebalance": {"mode": "Off"},
    },
    draining={"connectionsPerSecond": 100, "deregisterDelay": "2s", "deadline": "20s"},
    healing={"unresponsiveFor": "5s"},
)
SHARING = POLICY.model_copy(
    update={"scaling": POLICY.scaling.model_copy(update={"rebalance": Rebalance()})}
)
LONGEST = 150
REST = 10


@dataclass(slots=True, kw_only=True)
class Operator:
    """What an operator has in memory only."""

    outcomes: tuple[Outcome, ...] = ()
    posted: frozenset[str] = frozenset()

    def make_pass(self, world: World, end: int | None) -> bool:
        """Make a pass; with an `end` only so many of its steps, and tell whether it was killed."""
        steps = 0

        def is_killed() -> bool:
            nonlocal steps
            steps += 1
            return end is not None and steps > end

        decision = decide(world.snapshot(self.outcomes, self.posted))
        if is_killed():
            return True
        if decision.status is not world.status:
            written = decision.status.to_json(sparse=True)
            world.status = ImChatClusterStatus.model_validate(written)
        for event in decision.status.pending_events:
            if is_killed():
                return True
            world.tell(event)
        self.posted = frozenset(e.receipt for e in decision.status.pending_events)
        outcomes = []
        for action in decision.actions:
            if is_killed():
                return True
            outcomes.append(world.perform(action))
        self.outcomes = tuple(outcomes)
        return is_killed()


Disturbance = Callable[[World], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A world to begin with, and what befalls it."""

    loads: tuple[int, ...]
    disturbance: Disturbance
    cut: int = 0
    policy: ImChatClusterSpec = POLICY


def nothing(_: World) -> None:
    """Leave the world to itself."""


def hang(world: World) -> None:
    if world.second == 1:
        world.pods[1].hangs = True


def is_draining(world: World) -> bool:
    return any(d.phase is Phase.DRAINING for d in world.status.drains)


def stubborn(world: World) -> None:
    """Have no gateway close a connection, not even at the deadline."""
    for pod in world.pods:
        pod.is_stubborn = True


def returning_load(world: World) -> None:
    stubborn(world)
    held = sum(p.connections for p in world.pods) + world.homeless
    if is_draining(world) and held < 1000:
        world.grow(2200)


def opening_window(world: World) -> None:
    stubborn(world)
    if is_draining(world) and not world.windows:
        world.windows = (window(once(world.now, at(3600))),)


def hanging_victim(world: World) -> None:
    for pod in world.pods:
        if world.status.drains and pod.connections == 200:
            pod.hangs = True


def is_sharing(world: World) -> bool:
    return any(
        d.purpose is Purpose.REBALANCE and d.phase is Phase.DRAINING for d in world.status.drains
    )


def window_while_sharing(world: World) -> None:
    if is_sharing(world) and not world.windows:
        world.windows = (window(once(world.now, at(3600))),)


def window_to_wait_for(world: World) -> None:
    if not world.windows:
        world.windows = (window(once(at(12), at(3600)), effect="Permit"),)


def hanging_donor(world: World) -> None:
    for pod in world.pods:
        pod.hangs = pod.hangs or (pod.name == "gateway-0" and is_sharing(world))


LOW = (250, 60, 200, 210)
STORIES: Mapping[str, Story] = {
    "a quiet fleet": Story(loads=(500, 500, 500), disturbance=nothing),
    "a scale-up": Story(loads=(800, 800, 800), disturbance=nothing),
    "a scale-down": Story(loads=LOW, disturbance=nothing),
    "a hang": Story(loads=(500, 500, 500, 500), disturbance=hang, cut=500),
    "a scale-down whose load returns": Story(loads=LOW, disturbance=returning_load),
    "a scale-down into a window": Story(loads=LOW, disturbance=opening_window),
    "a scale-down that waits for a window": Story(loads=LOW, disturbance=window_to_wait_for),
    "a scale-down past its deadline": Story(loads=LOW, disturbance=stubborn, cut=260),
    "a rebalance": Story(loads=(800, 300, 400), disturbance=nothing, policy=SHARING),
    "a scale-up and its rebalance": Story(
        loads=(800, 800, 800), disturbance=nothing, policy=SHARING
    ),
    "a rebalance into a window": Story(
        loads=(800, 300, 400), disturbance=window_while_sharing, policy=SHARING
    ),
    "a rebalance whose donor hangs": Story(
        loads=(700, 200, 300, 300), disturbance=hanging_donor, cut=600, policy=SHARING
    ),
    "a scale-down of an uneven fleet": Story(
        loads=(700, 60, 100, 110), disturbance=nothing, policy=SHARING
    ),
    "a scale-down whose victim hangs": Story(loads=LOW, disturbance=hanging_victim, cut=200),
}


def told(story: Story, kills: Mapping[int, int]) -> World:
    """Play a story to its end, with kills by second: how many steps that pass still makes."""
    world = World.of(story.policy, list(story.loads))
    operator = Operator()
    rest = 0
    while rest < REST:
        before = world.outline()
        world.step()
        story.disturbance(world)
        if operator.make_pass(world, kills.get(int(world.second))):
            operator = Operator()
            world.kills += 1
        moving = [d for d in world.status.drains if d.phase is not Phase.QUARANTINED]
        is_over = not moving and world.status.resize is None and world.second > REST
        rest = rest + 1 if is_over and world.outline() == before else 0
        assert world.second < LONGEST, f"no rest: {world.outline()}"
    return world


@cache
def undisturbed(name: str) -> World:
    return told(STORIES[name], {})


def by_call(world: World) -> list[tuple[str, str]]:
    return sorted((removal.pod, removal.call) for removal in world.removals)


def assert_that_cuts_are_told(world: World, story: Story) -> None:
    cut = {removal.pod for removal in world.removals if removal.connections}
    assert cut == {e.object for e in world.events.values() if e.reason == "ConnectionsCut"} - {
        "chat"
    }
    assert sum(removal.connections for removal in world.removals) == story.cut


# How often connections are shared out depends on who holds how many at the second in question.
TIMELY = {"Rebalancing", "Rebalanced", "MetricsAvailable", "MetricsUnavailable"}
# A kill makes gaps, and leaves a donor out of rotation for as long as the operator is down.
PASSING = {"StreakInterrupted", "CapacityPressure", "CapacitySufficient"}


def ending(world: World) -> dict[str, object]:
    """Return where a world stands at its end, whenever what happened there."""
    events = [e.reason for e in world.events.values() if e.reason not in PASSING]
    once = sorted(reason for reason in events if reason not in TIMELY)
    return {**world.outline(), "events": once, "timely": TIMELY & set(events)}
