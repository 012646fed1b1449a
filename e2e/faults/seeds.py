"""A trial by its number: the same number, the same workload and the same faults.

What a seed repeats is the plan; in which order the processes get there differs from run to run.
"""

import random

from faults.gateways import Ailment
from faults.plans import (
    LONG,
    OF_EVENTS,
    OF_GATEWAYS,
    OF_READS,
    OF_WRITES,
    Channel,
    Fault,
    Kind,
)
from faults.trial import Plan
from faults.workloads import WORKLOADS

_MOST_FAULTS = 3
# About as many of each as a run without faults has.
_REACH = {
    Channel.WRITE: 24,
    Channel.READ: 60,
    Channel.EVENT: 60,
    Channel.POD: 8,
    Channel.FIGURES: 60,
    Channel.ORDER: 2,
}
_WRITES = tuple(k for k in OF_WRITES if k not in LONG)
_IN_DRAINS = (Ailment.IGNORES_DRAIN, Ailment.HANGS_IN_DRAIN, Ailment.DIES_IN_DRAIN)
_SHARE_OF_GATEWAYS = 0.1


def plan_of(seed: int) -> Plan:
    """Return the plan that a seed stands for."""
    chance = random.Random(seed)  # noqa: S311 -- no secret
    workload = chance.choice(tuple(WORKLOADS.values()))
    kinds = [chance.choice(chance.choice((_WRITES, _WRITES, OF_READS, OF_EVENTS, OF_GATEWAYS)))]
    while len(kinds) < chance.randint(1, _MOST_FAULTS):
        kinds.append(chance.choice((*_WRITES, *OF_READS, *OF_EVENTS, *OF_GATEWAYS)))
    ailment = Ailment.NONE
    if workload.name == "heal" and chance.random() < _SHARE_OF_GATEWAYS:
        ailment = chance.choice(_IN_DRAINS)
    faults = tuple(_fault(kind, chance) for kind in kinds)
    return Plan(workload=workload, faults=faults, gateways=ailment)


def _fault(kind: Kind, chance: random.Random) -> Fault:
    reach = _REACH[Fault(kind=kind, at=1).channel]
    return Fault(kind=kind, at=chance.randint(1, reach))
