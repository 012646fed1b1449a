"""What happens in each workload: from a calm fleet, through one change, to a calm fleet."""

from datetime import UTC, datetime, timedelta

from faults.gateways import Ailment
from faults.history import CLUSTER, WINDOW, Json
from faults.records import AUTOSCALER, BUDGET
from faults.scene import NAME, Scene
from harness.manifests import autoscaler, budget, window
from imchat_operator.models import DRAIN

QUICK: Json = {"connectionsPerSecond": 50, "deregisterDelay": "2s", "deadline": "15s"}
"""Draining that is over in a moment."""
_SECOND = budget("second", maxUnavailable=1)


async def heal(scene: Scene) -> None:
    """Have a gateway fail its readiness until another has replaced it."""
    scene.strike(Ailment.UNREADY, scene.pods[0])
    await _replaced(scene)


async def heal_two(scene: Scene) -> None:
    """Have two gateways fail at a time; they are replaced one after the other."""
    scene.strike(Ailment.UNREADY, *scene.pods[:2])
    await scene.until(lambda: scene.times_told("GatewayReplaced") == 2, "two GatewayReplaced")  # noqa: PLR2004
    await scene.until(lambda: scene.is_calm(5), "five ready gateways, nothing under way")
    await scene.until(lambda: scene.times_told("RemediationVerified") == 2, "both verified")  # noqa: PLR2004


async def _replaced(scene: Scene) -> None:
    await scene.until(lambda: scene.has_told("GatewayReplaced"), "GatewayReplaced")
    await scene.until(lambda: scene.is_calm(3), "three ready gateways, nothing under way")
    await scene.until(lambda: scene.has_told("RemediationVerified"), "RemediationVerified")


async def lose_a_node(scene: Scene) -> None:
    """Have a node vanish with its gateway, and later its Node object too."""
    lost = scene.pods[0]
    await scene.lose_node(lost)
    await _replaced(scene)
    await scene.remove_node(lost)
    await scene.until(lambda: lost["metadata"]["name"] not in scene.names, "the pod gone by force")


async def have_a_storm(scene: Scene) -> None:
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


async def _allowed(scene: Scene) -> None:
    await scene.delete(BUDGET, _SECOND["metadata"]["name"])


async def _refused(scene: Scene) -> None:
    """Have two budgets select a gateway that is well, once it has begun to leave."""
    await scene.annotate(scene.pods[0], DRAIN, "true")
    await scene.until(lambda: bool(scene.phases()), "its drain")
    await scene.create(BUDGET, _SECOND)
    await scene.until(lambda: scene.has_told("EvictionBlocked"), "EvictionBlocked")


async def ask_in_vain(scene: Scene) -> None:
    """Ask for a gateway that is well to leave, which is never allowed."""
    await _refused(scene)
    await scene.until(
        lambda: scene.has_told("RemediationFailed") or scene.has_told("GatewaySurged"), "its end"
    )
    if scene.has_told("GatewaySurged"):  # for a load that was not known: it can't stay any more
        await _allowed(scene)
        await _replaced(scene)
        return
    await scene.annotate(scene.pods[0], DRAIN, None)
    await scene.until(lambda: scene.is_calm(3), "three ready gateways, nothing under way")


async def leave(scene: Scene) -> None:
    """Have a gateway leave that the others can't do without: another has its place first."""
    await scene.annotate(scene.pods[0], DRAIN, "true")
    await scene.until(lambda: scene.has_told("GatewaySurged"), "GatewaySurged")
    await _replaced(scene)


async def leave_late(scene: Scene) -> None:
    """Have the same, and two budgets select the pod until one of them is taken away."""
    await _refused(scene)
    await _allowed(scene)
    await _replaced(scene)


async def keep(scene: Scene) -> None:
    """Ask for a gateway to leave while it could not be evicted; then only by a replacement."""
    await scene.create(BUDGET, _SECOND)
    await scene.annotate(scene.pods[0], DRAIN, "true")
    await scene.until(
        lambda: scene.condition("RemediationBlocked").get("reason") == "EvictionBlocked", "a hold"
    )
    await _allowed(scene)
    await scene.until(lambda: scene.has_told("GatewaySurged"), "GatewaySurged")
    await _replaced(scene)


async def scale_up(scene: Scene) -> None:
    """Have more users than the fleet may grow for."""
    scene.want(190)  # four gateways' worth, and three is the most
    await scene.until(lambda: scene.has_told("ScalingUp"), "ScalingUp")
    await scene.until(
        lambda: scene.is_calm(3) and scene.least_held() > 40,  # noqa: PLR2004 -- of 63 on average
        "three ready gateways, connections shared out",
    )


async def scale_down(scene: Scene) -> None:
    """Have fewer users than the fleet may shrink for."""
    scene.want(50)  # two gateways' worth, and three is the least
    await scene.until(lambda: scene.has_told("ScaledDown"), "ScaledDown")
    await scene.until(lambda: scene.is_calm(3), "three ready gateways")


_BEGUN = {"Draining", "Removing"}


async def _draining(scene: Scene) -> None:
    scene.want(80)
    await scene.until(lambda: _BEGUN >= scene.phases() >= {"Draining"}, "a drain of each victim")


async def scale_by_hand(scene: Scene) -> None:
    """Do what `kubectl scale` does while a scale-down drains."""
    await _draining(scene)
    await scene.scale(5)
    await scene.until(lambda: scene.has_told("ResizeOvertaken"), "ResizeOvertaken")
    await scene.until(lambda: scene.has_told("ScaledDown"), "ScaledDown, from the new base")
    await scene.until(lambda: scene.is_calm(2), "two ready gateways")


async def have_an_autoscaler(scene: Scene) -> None:
    """Have a real HPA write the replicas too: it wants five at least."""
    await _draining(scene)
    wanted = autoscaler("rival")
    wanted["spec"]["minReplicas"] = 5
    await scene.create(AUTOSCALER, wanted)
    await scene.until(lambda: scene.replicas == 5, "five replicas, by the HPA")  # noqa: PLR2004
    await scene.until(
        lambda: scene.condition("Scaling").get("reason") == "ScalingConflict", "its conflict told"
    )
    await scene.change(CLUSTER, NAME, draining=QUICK)
    # With all there, nothing has to be shared out afterwards: before, that was as time had it.
    await scene.until(lambda: scene.is_calm(5), "five ready gateways")
    scene.want(200)  # a rule that is met has its streak written, for as long as it is
    await scene.until(lambda: scene.is_calm(5), "five ready gateways, nothing under way")


async def open_a_window(scene: Scene) -> None:
    """Open a maintenance window while a scale-down drains."""
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


async def edit_the_spec(scene: Scene) -> None:
    """Change minReplicas and the pace while a scale-down drains."""
    await _draining(scene)
    await scene.change(CLUSTER, NAME, minReplicas=3, draining=QUICK)
    await scene.until(lambda: scene.status.get("observedGeneration", 0) > 1, "the edit seen")
    await scene.until(
        lambda: scene.replicas == 3 and scene.is_calm(3),  # noqa: PLR2004 -- as asked for
        "three ready gateways",
    )


async def delete_the_cluster(scene: Scene) -> None:
    """Delete the ImChatCluster while a scale-down drains."""
    await _draining(scene)
    await scene.delete(CLUSTER, NAME)
    await scene.until(lambda: not scene.cluster, "the ImChatCluster gone")
    await scene.until(lambda: len(scene.ready) == 4, "four ready gateways")  # noqa: PLR2004


async def delete_without_a_place(scene: Scene) -> None:
    """Delete the ImChatCluster while a gateway drains whose place another has by then."""
    await scene.annotate(scene.pods[0], DRAIN, "true")
    await scene.until(lambda: scene.has_told("GatewaySurged"), "GatewaySurged")
    await scene.until(lambda: _BEGUN & scene.phases(), "its drain")
    await scene.delete(CLUSTER, NAME)
    await scene.until(lambda: not scene.cluster, "the ImChatCluster gone")
    await scene.until(lambda: len(scene.ready) == len(scene.names) == 3, "three gateways, ready")  # noqa: PLR2004


async def declare_an_emergency(scene: Scene) -> None:
    """Have an emergency approved, hold a repair, and be withdrawn."""
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
