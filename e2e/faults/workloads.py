"""What is played once in each trial: from a calm fleet, through one change, to a calm fleet."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from faults.gateways import Ailment
from faults.history import CLUSTER, WINDOW, Json
from faults.records import AUTOSCALER
from faults.scene import NAME, Scene
from harness.manifests import autoscaler, cluster, gateways, stateful_gateways, steady, window
from imchat_operator.models import DRAIN

_CAPACITY = 100
_QUICK = {"connectionsPerSecond": 50, "deregisterDelay": "2s", "deadline": "15s"}
# A gateway that is out of reach when the delay is over is not drained: it must not come to that.
_PROMPT = {**_QUICK, "deregisterDelay": "500ms"}
_SLOW = {"connectionsPerSecond": 4, "deregisterDelay": "500ms", "deadline": "60s"}
_HEALING = {
    "unresponsiveFor": "4s",
    "notReadyFor": "2s",
    "recoveredFor": "3s",
    "evictWithin": "8s",
    "restarts": 2,
    "terminatingFor": "2s",
    "stormCooldown": "2s",
}
# A load that a plan interrupts must not count as another load.
_METRICS = {"interval": "500ms", "timeout": "3s", "maxGap": "5m"}
_SET = {"kind": "StatefulSet", "name": "gateway"}
_SCALING = {
    "scaleUp": [{"above": 70, "for": "2s"}],
    "scaleDown": [{"below": 30, "for": "2s"}],
    "cooldown": {"scaleDown": "0s"},
}

Play = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One change, and the fleet that it happens to.

    Attributes:
        users: at the beginning.
        spec: the ImChatCluster.
        play: does it, and returns when it is over.
        is_stateful: whether the gateways are a StatefulSet's.
        most_unavailable: what the gateways' PodDisruptionBudget allows.
        has_own_nodes: whether something happens to a node: else all trials share them.
        optional: changes that are told or not as time has it, with the same end.
    """

    name: str
    replicas: int
    users: int
    spec: Json = field(repr=False)
    play: Play = field(repr=False)
    is_stateful: bool = False
    most_unavailable: int = 1
    has_own_nodes: bool = False
    optional: frozenset[str] = frozenset()

    @property
    def manifests(self) -> list[Json]:
        """The gateways, their PodDisruptionBudget and the ImChatCluster."""
        deployment, budget = gateways(replicas=self.replicas, capacity=_CAPACITY)
        budget["spec"]["maxUnavailable"] = self.most_unavailable
        if self.is_stateful:
            return [
                stateful_gateways(replicas=self.replicas, capacity=_CAPACITY),
                budget,
                self.spec,
            ]
        return [deployment, budget, self.spec]


def _steady(draining: Json | None = None, **spec: Any) -> Json:
    return steady(draining=draining or _QUICK, healing=_HEALING, metrics=_METRICS, **spec)


def _scaled(draining: Json, **spec: Any) -> Json:
    return cluster(draining=draining, healing=_HEALING, metrics=_METRICS, scaling=_SCALING, **spec)


async def _heal(scene: Scene) -> None:
    scene.strike(Ailment.UNREADY, scene.pods[0])
    await _replaced(scene)


async def _heal_two(scene: Scene) -> None:
    scene.strike(Ailment.UNREADY, *scene.pods[:2])
    await scene.until(lambda: scene.times_told("GatewayReplaced") == 2, "two GatewayReplaced")  # noqa: PLR2004
    await scene.until(lambda: scene.is_calm(5), "five ready gateways, nothing under way")
    await scene.until(lambda: scene.times_told("RemediationVerified") == 2, "both verified")  # noqa: PLR2004


async def _replaced(scene: Scene) -> None:
    await scene.until(lambda: scene.has_told("GatewayReplaced"), "GatewayReplaced")
    await scene.until(lambda: scene.is_calm(3), "three ready gateways, nothing under way")
    await scene.until(lambda: scene.has_told("RemediationVerified"), "RemediationVerified")


async def _lose_a_node(scene: Scene) -> None:
    lost = scene.pods[0]
    await scene.lose_node(lost)
    await _replaced(scene)
    await scene.remove_node(lost)
    await scene.until(lambda: lost["metadata"]["name"] not in scene.names, "the pod gone by force")


async def _have_a_storm(scene: Scene) -> None:
    """Have most of a fleet look ill at a time, and then be well again."""
    ill = scene.pods[:4]
    scene.strike(Ailment.UNREADY, *ill)
    await scene.until(
        lambda: scene.condition("RemediationBlocked").get("reason") == "StormGate", "a storm"
    )
    scene.strike(Ailment.NONE, *ill)
    await scene.until(lambda: scene.is_calm(5), "five ready gateways, nothing under way")
    await scene.until(
        lambda: scene.condition("RemediationBlocked").get("reason") == "NotBlocked", "its end"
    )


async def _ask_in_vain(scene: Scene) -> None:
    """Ask for a gateway that is well to leave, which its budget never allows."""
    await scene.annotate(scene.pods[0], DRAIN, "true")
    await scene.until(lambda: scene.has_told("EvictionBlocked"), "EvictionBlocked")
    await scene.until(lambda: scene.has_told("RemediationFailed"), "RemediationFailed")
    await scene.annotate(scene.pods[0], DRAIN, None)
    await scene.until(lambda: scene.is_calm(3), "three ready gateways, nothing under way")


async def _scale_up(scene: Scene) -> None:
    scene.want(190)  # four gateways' worth, and three is the most
    await scene.until(lambda: scene.has_told("ScalingUp"), "ScalingUp")
    await scene.until(lambda: scene.has_told("Rebalanced"), "Rebalanced")
    await scene.until(lambda: scene.is_calm(3), "three ready gateways")


async def _scale_down(scene: Scene) -> None:
    scene.want(50)  # two gateways' worth, and three is the least
    await scene.until(lambda: scene.has_told("ScaledDown"), "ScaledDown")
    await scene.until(lambda: scene.is_calm(3), "three ready gateways")


async def _draining(scene: Scene) -> None:
    scene.want(80)
    await scene.until(lambda: scene.phases() == {"Draining"}, "a drain of each victim")


async def _scale_by_hand(scene: Scene) -> None:
    await _draining(scene)
    await scene.scale(5)
    await scene.until(lambda: scene.has_told("ResizeOvertaken"), "ResizeOvertaken")
    await scene.until(lambda: scene.has_told("ScaledDown"), "ScaledDown, from the new base")
    await scene.until(lambda: scene.is_calm(2), "two ready gateways")


async def _have_an_autoscaler(scene: Scene) -> None:
    """Have a real HPA write the replicas too: it wants five at least."""
    await _draining(scene)
    wanted = autoscaler("rival")
    wanted["spec"]["minReplicas"] = 5
    await scene.create(AUTOSCALER, wanted)
    await scene.until(lambda: scene.replicas == 5, "five replicas, by the HPA")  # noqa: PLR2004
    await scene.until(
        lambda: scene.condition("Scaling").get("reason") == "ScalingConflict", "its conflict told"
    )
    await scene.change(CLUSTER, NAME, draining=_QUICK)
    # With all there, nothing has to be shared out afterwards: before, that was as time had it.
    await scene.until(lambda: scene.is_calm(5), "five ready gateways")
    scene.want(200)  # a rule that is met has its streak written, for as long as it is
    await scene.until(lambda: scene.is_calm(5), "five ready gateways, nothing under way")


async def _open_a_window(scene: Scene) -> None:
    await _draining(scene)
    await scene.create(WINDOW, _window(timedelta(hours=1)))
    await scene.until(lambda: scene.has_told("ScaleDownUndone"), "ScaleDownUndone")
    await scene.until(
        lambda: scene.condition("Scaling").get("reason") == "HeldByWindow", "a scale-down held"
    )
    scene.want(200)  # a rule that is met has its streak written, for as long as it is
    await scene.until(lambda: scene.is_calm(4), "four ready gateways")
    await scene.until(lambda: scene.condition("Scaling").get("reason") == "Steady", "no wish left")
    await scene.until(lambda: _states(scene) == ["Open"], "an open window")


async def _edit_the_spec(scene: Scene) -> None:
    await _draining(scene)
    await scene.change(CLUSTER, NAME, minReplicas=3, draining=_QUICK)
    await scene.until(lambda: scene.status.get("observedGeneration", 0) > 1, "the edit seen")
    await scene.until(
        lambda: scene.replicas == 3 and scene.is_calm(3),  # noqa: PLR2004 -- as asked for
        "three ready gateways",
    )


async def _delete_the_cluster(scene: Scene) -> None:
    await _draining(scene)
    await scene.delete(CLUSTER, NAME)
    await scene.until(lambda: not scene.cluster, "the ImChatCluster gone")
    await scene.until(lambda: len(scene.ready) == 4, "four ready gateways")  # noqa: PLR2004


async def _declare_an_emergency(scene: Scene) -> None:
    asked = {"type": "Emergency", "reason": "a full disk", "ticket": "INC-1", "requestedBy": "ann"}
    await scene.create(WINDOW, _window(timedelta(minutes=9), **asked))
    await scene.until(lambda: _states(scene) == ["Unapproved"], "an emergency to be approved")
    await scene.change(WINDOW, "work", approval={"approvedBy": "bob"})
    await scene.until(lambda: scene.status.get("window"), "the emergency in force")
    scene.strike(Ailment.UNREADY, scene.pods[0])
    await scene.until(
        lambda: scene.condition("Healing").get("reason") == "HeldByWindow", "a repair held"
    )
    await scene.delete(WINDOW, "work")
    await _replaced(scene)


def _states(scene: Scene) -> list[str]:
    return [w.get("status", {}).get("state", "") for w in scene.windows]


def _window(lasts: timedelta, **spec: str) -> Json:
    now = datetime.now(UTC)
    start, end = now - timedelta(minutes=1), now + lasts
    once = {"start": start.isoformat(timespec="seconds"), "end": end.isoformat(timespec="seconds")}
    return window("work", {"once": once}, **spec)


def _interrupted(name: str, play: Play) -> Workload:
    """Return a scale-down by a slow drain, in which something happens."""
    return Workload(
        name=name,
        replicas=4,
        users=200,
        spec=_scaled(_SLOW),
        play=play,
        # It may be over before that: an operator that was away for its time finds it so.
        optional=frozenset({"GatewayDrained"}),
    )


WORKLOADS = {
    w.name: w
    for w in (
        Workload(name="heal", replicas=3, users=90, spec=_steady(), play=_heal),
        Workload(
            name="heal-two",
            replicas=5,
            users=150,
            spec=_steady(),
            play=_heal_two,
            # The budget allows one; the first one's replacement may come too late for the other.
            optional=frozenset({"GatewayEvicted", "GatewayDeleted"}),
        ),
        Workload(
            name="set",
            replicas=3,
            users=90,
            spec=_steady(targetRef=_SET),
            play=_heal,
            is_stateful=True,
        ),
        Workload(
            name="barred", replicas=3, users=90, spec=_steady(), play=_heal, most_unavailable=0
        ),
        Workload(
            name="refused",
            replicas=3,
            users=90,
            spec=_steady(),
            play=_ask_in_vain,
            most_unavailable=0,
        ),
        Workload(name="storm", replicas=5, users=150, spec=_steady(), play=_have_a_storm),
        Workload(
            name="scale-up",
            replicas=2,
            users=80,
            spec=_scaled(_QUICK, maxReplicas=3),
            play=_scale_up,
        ),
        Workload(
            name="scale-down",
            replicas=4,
            users=200,
            spec=_scaled(_QUICK, minReplicas=3),
            play=_scale_down,
        ),
        Workload(
            name="node-loss",
            replicas=3,
            users=90,
            spec=_steady(_PROMPT),
            play=_lose_a_node,
            has_own_nodes=True,
            # Whether the node is known to be off by the end of the delay: if not, it is tried.
            optional=frozenset({"GatewayDraining"}),
        ),
        _interrupted("by-hand", _scale_by_hand),
        _interrupted("autoscaler", _have_an_autoscaler),
        _interrupted("window", _open_a_window),
        _interrupted("edit", _edit_the_spec),
        _interrupted("delete", _delete_the_cluster),
        Workload(
            name="emergency", replicas=3, users=90, spec=_steady(), play=_declare_an_emergency
        ),
    )
}
