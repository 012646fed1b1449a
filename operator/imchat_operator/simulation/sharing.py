"""How whole connections are shared out: who takes those that arrive, and who loses those that end.

Nothing here draws lots: the same arguments give the same shares.
"""

from collections.abc import Sequence
from enum import StrEnum


class Balancing(StrEnum):
    """How the load balancer spreads new connections over the gateways in rotation."""

    ROUND_ROBIN = "round-robin"  # evenly, whatever they hold: what a Service does on average
    LEAST_CONNECTIONS = "least-connections"  # to whoever holds least


def arrivals(
    balancing: Balancing, held: Sequence[int], count: int, capacity: int, turn: int
) -> list[int]:
    """Return how many of `count` new connections each gateway takes; less than all if all are full.

    Args:
        balancing: how they are spread.
        held: connections that each gateway holds.
        count: connections that arrive.
        capacity: the most that a gateway holds; a client that one refuses tries the others.
        turn: the place in `held` whose turn it is; round robin goes on from there.
    """
    match balancing:
        case Balancing.ROUND_ROBIN:
            return _in_turns(held, count, capacity, turn)
        case Balancing.LEAST_CONNECTIONS:
            return _to_the_lowest(held, count, capacity)


def _in_turns(held: Sequence[int], count: int, capacity: int, turn: int) -> list[int]:
    shares = [0] * len(held)
    places = [(turn + n) % len(held) for n in range(len(held))]
    while count and (places := [p for p in places if held[p] + shares[p] < capacity]):
        each, rest = divmod(count, len(places))
        for number, place in enumerate(places):
            share = min(each + (number < rest), capacity - held[place] - shares[place])
            shares[place] += share
            count -= share
    return shares


def _to_the_lowest(held: Sequence[int], count: int, capacity: int) -> list[int]:
    shares = [0] * len(held)
    ranked = sorted(range(len(held)), key=lambda place: held[place])
    count = min(count, sum(max(0, capacity - h) for h in held))
    # The lowest are filled to one level: as many of them as the level then lies above.
    filled, total = 0, count
    for place in ranked:
        if filled and held[place] * filled >= total:
            break
        filled += 1
        total += held[place]
    if filled:
        level, rest = divmod(total, filled)
        for number, place in enumerate(ranked[:filled]):
            shares[place] = level + (number < rest) - held[place]
    return shares


def departures(held: Sequence[int], count: int, phase: float) -> list[int]:
    """Return how many of `count` connections end on each gateway: in proportion to what it holds.

    Args:
        held: connections that each gateway holds.
        count: connections that end, of all that are held.
        phase: 0 up to 1, where the rounding begins; spread over the calls it favours nobody.
    """
    total = sum(held)
    if total == 0:
        return [0] * len(held)
    offset = min(int(phase * total), total - 1)
    ended, below, shares = 0, 0, []
    for connections in held:
        below += connections
        upto = (below * count + offset) // total
        shares.append(upto - ended)
        ended = upto
    return shares
