"""Whether the rest of a fleet can do without a gateway."""

from imchat_operator.core.load import Utilization
from imchat_operator.core.scaling import is_too_much_for
from imchat_operator.core.snapshot import Gateway, Silent
from imchat_operator.core.stage import Facts


def lacks_room(facts: Facts, gateway: Gateway) -> bool:
    """Return whether the others would be too few, or too full, without a gateway that serves.

    One that serves nobody is missed already: to wait for another first would only take longer.
    A load that is not known could be anything.
    """
    if not is_serving(gateway):
        return False
    ill = {p.gateway.uid for p in facts.patients if p.is_ill}
    others = [g for g in facts.members if g.uid not in ill | {gateway.uid}]
    return not can_carry(facts, len(others))


def is_serving(gateway: Gateway) -> bool:
    """Return whether somebody is connected to a gateway, or may be sent to it."""
    is_unheard = isinstance(gateway.reading, Silent)
    return not is_unheard and (gateway.ready or gateway.connections > 0)


def can_carry(facts: Facts, count: int) -> bool:
    """Return whether so many gateways are enough for what the fleet has to carry."""
    spec, load = facts.snapshot.spec, facts.load
    if count < spec.min_replicas or not isinstance(load, Utilization):
        return False
    signals = (load, *load.others)
    return not any(is_too_much_for(one.most, one, count, spec) for one in signals)
