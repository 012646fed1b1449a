"""What befalls a fleet that has to be repaired, told second by second."""

from collections.abc import Mapping
from functools import cache

from tests.core.stories import POLICY, Story, told
from tests.core.world import World

from imchat_operator.models import Healing, Phase

QUICK = POLICY.model_copy(
    update={
        "healing": Healing.model_validate(
            {
                "unresponsiveFor": "3s",
                "notReadyFor": "4s",
                "recoveredFor": "5s",
                "evictWithin": "4s",
                "backoff": "5s",
            }
        )
    }
)
TIGHT = QUICK.model_copy(update={"min_replicas": 3})


def unready(world: World) -> None:
    if world.second == 1:
        world.pods[1].is_unready = True


def unready_past_a_budget(world: World) -> None:
    world.is_budget_spent = True
    unready(world)


def lost_and_fenced(world: World) -> None:
    """Lose the node of gateway 1, and have somebody say that it is off, a while later."""
    host = world.hosts["node-1"]
    host.is_lost = world.second >= 1
    host.is_fenced = world.second >= 12


def lost(world: World) -> None:
    """Lose the node of gateway 1, of which nobody knows whether it is off."""
    world.hosts["node-1"].is_lost = world.second >= 1


def cordoned(world: World) -> None:
    world.hosts["node-1"].is_cordoned = world.second >= 1


def cordoned_in_passing(world: World) -> None:
    """Cordon the node of gateway 1 until its connections are being closed."""
    host = world.hosts["node-1"]
    is_draining = any(d.phase is Phase.DRAINING for d in world.status.drains)
    host.is_cordoned = world.second == 1 or (host.is_cordoned and not is_draining)


def asked(world: World) -> None:
    if world.second == 1:
        world.pods[1].is_drain_requested = True


def kept(world: World) -> None:
    if world.second == 1:
        world.pods[1].quarantine = "INC-7"


def kept_for_a_while(world: World) -> None:
    kept(world)
    if any(d.phase is Phase.QUARANTINED for d in world.status.drains):
        world.pods[1].quarantine = None


HEALING: Mapping[str, Story] = {
    "an unready gateway": Story(loads=(400,) * 4, disturbance=unready, policy=QUICK),
    "an unready gateway of as few as may be": Story(
        loads=(400,) * 3, disturbance=unready, policy=TIGHT
    ),
    "an eviction that is refused": Story(
        loads=(400,) * 4, disturbance=unready_past_a_budget, policy=QUICK
    ),
    "a node that is lost and fenced": Story(
        loads=(400,) * 4, disturbance=lost_and_fenced, cut=400, policy=QUICK
    ),
    "a node that is lost": Story(loads=(400,) * 4, disturbance=lost, cut=400, policy=QUICK),
    "a cordon": Story(loads=(400,) * 3, disturbance=cordoned, policy=TIGHT),
    "a cordon in passing": Story(loads=(400,) * 4, disturbance=cordoned_in_passing, policy=QUICK),
    "a drain that is asked for": Story(loads=(400,) * 4, disturbance=asked, policy=QUICK),
    "a quarantine": Story(loads=(400,) * 3, disturbance=kept, policy=TIGHT),
    "a quarantine that ends": Story(loads=(400,) * 3, disturbance=kept_for_a_while, policy=TIGHT),
}


# With an end in which the replacement that was started first has clients of its own.
UNDONE_LATE = Story(loads=(400,) * 3, disturbance=cordoned_in_passing, policy=TIGHT)


@cache
def undisturbed(name: str) -> World:
    return told(HEALING[name], {})
