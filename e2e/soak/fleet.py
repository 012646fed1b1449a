"""The objects of a soak: a fleet that is tried, one that remembers, and two windows.

The one that remembers has a load that never changes, and a rule that is met all along: any break
of that rule's streak is something that was lost.
"""

from harness.manifests import Manifest, cluster, gateways, window
from soak.weeks import WINDOW_EVERY, WINDOW_MINUTES

CAPACITY = 40
GATEWAYS = 3
LASTING, LASTING_CLIENTS = "lasting", 12
"""The fleet that remembers, and its clients: 15 % of what its two gateways hold."""
_ZONE = "Europe/Berlin"
_METRICS = {"interval": "1s", "timeout": "2s", "maxGap": "3m"}
_HEALING = {
    "unresponsiveFor": "8s",
    "notReadyFor": "20s",
    "restarts": 3,
    "restartSpan": "1m",
    "stormCooldown": "5s",
    "recoveredFor": "5s",
    "backoff": "5s",
    "failedFor": "10s",
    "terminatingFor": "20s",
    "evictWithin": "10s",
    "replaceWithin": "30s",
    "maxPerHour": 120,
}


def manifests() -> list[Manifest]:
    """What is applied at the beginning."""
    tried = cluster(
        maxReplicas=8,
        metrics=_METRICS,
        scaling={
            "scaleUp": [{"above": 70, "for": "6s"}],
            "scaleDown": [{"below": 45, "for": "8s"}],
            "target": 60,
            "cooldown": {"scaleDown": "5s"},
        },
        draining={"connectionsPerSecond": 20, "deregisterDelay": "1s", "deadline": "60s"},
        healing=_HEALING,
    )
    return [*_fleet("gateway", GATEWAYS), tried, *_lasting(), *_windows()]


def _fleet(name: str, replicas: int) -> list[Manifest]:
    """Gateways and their budget by another name."""
    deployment, budget = gateways(replicas=replicas, capacity=CAPACITY)
    labels = {"app": name}
    deployment["metadata"] = {"name": name, "labels": labels}
    deployment["spec"]["selector"]["matchLabels"] = labels
    template = deployment["spec"]["template"]
    template["metadata"]["labels"] = labels
    probe = template["spec"]["containers"][0]["readinessProbe"]
    probe["timeoutSeconds"] = 3  # of a machine that has other work
    budget["metadata"]["name"] = name
    budget["spec"]["selector"]["matchLabels"] = labels
    # Else the gateways of a node that died keep each other.
    budget["spec"]["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    return [deployment, budget]


def _lasting() -> list[Manifest]:
    remembers = cluster(
        targetRef={"kind": "Deployment", "name": LASTING},
        minReplicas=1,  # a fleet of minReplicas keeps no streak towards less
        metrics=_METRICS,
        scaling={
            "scaleUp": [{"above": 90, "for": "12h"}],
            "scaleDown": [{"below": 50, "for": "12h"}],
            "target": 60,
        },
        healing=_HEALING,
    )
    remembers["metadata"] = {"name": LASTING}
    return [*_fleet(LASTING, 2), remembers]


def _windows() -> list[Manifest]:
    """One in which nothing is repaired or made smaller, one in which connections may be shared."""
    quiet = [_hourly(minute, WINDOW_MINUTES) for minute in range(0, 60, WINDOW_EVERY)]
    moves = [_hourly(minute, 2) for minute in range(2, 60, WINDOW_EVERY)]
    return [
        window("quiet", *quiet, effect="Silence", notice=[]),
        window("moves", *moves, effect="Permit", actions=["Rebalance"], notice=[]),
    ]


def _hourly(minute: int, minutes: int) -> Manifest:
    cron = f"{minute} * * * *"
    return {"recurring": {"cron": cron, "duration": f"{minutes}m", "timeZone": _ZONE}}
