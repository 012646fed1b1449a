"""Which gateway a new connection goes to, as a load balancer in front of them would choose.

The rule: of two ready gateways picked at random, the one with fewer connections of this fleet,
attempts under way included. A connection stays where it is until it ends.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

PROPAGATION_SECONDS = 0.2
"""How late a load balancer in a small cluster hears that a gateway's readiness changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One gateway: its name in reports, and where it listens."""

    name: str
    host: str
    port: int


class EndpointSource(Protocol):
    """Whatever knows which gateways are ready now."""

    def ready(self) -> tuple[Endpoint, ...]:
        """The ready gateways; empty if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedEndpoints:
    """A list of gateways that are taken for ready always."""

    endpoints: tuple[Endpoint, ...]

    def ready(self) -> tuple[Endpoint, ...]:
        """All of them."""
        return self.endpoints


class Balancer:
    """Hands out places on ready gateways."""

    def __init__(self, source: EndpointSource, dice: random.Random) -> None:
        self._source = source
        self._dice = dice
        self._taken: Counter[Endpoint] = Counter()

    @contextmanager
    def place(self) -> Iterator[Endpoint | None]:
        """A gateway for one connection from attempt to end; None where no gateway is ready."""
        ready = self._source.ready()
        if not ready:
            yield None
            return
        pair = self._dice.sample(ready, min(2, len(ready)))
        chosen = min(pair, key=lambda endpoint: self._taken[endpoint])
        self._taken[chosen] += 1
        try:
            yield chosen
        finally:
            self._taken[chosen] -= 1
            if not self._taken[chosen]:
                del self._taken[chosen]
