"""Builders of loads: what the gateways' figures come to, signal by signal."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.core.fleet import NOON

from imchat_operator.core.load import Utilization
from imchat_operator.core.snapshot import Figure, Measured


def figure(name: str, value: float, capacity: float = 1000, at: datetime = NOON) -> Figure:
    """Return the figure of the gateway so named."""
    return Figure(uid=f"uid-{name}", value=value, capacity=capacity, at=at)


def figures(values: Iterable[float], at: datetime = NOON) -> tuple[Figure, ...]:
    """Return the figures of gateways `a`, `b` and so on."""
    return tuple(figure(chr(ord("a") + n), value, at=at) for n, value in enumerate(values))


def measured(signal: str, values: Iterable[float], at: datetime = NOON) -> Measured:
    """Return a signal in units of which a gateway has 1000."""
    return Measured(signal=signal, unit="units", figures=figures(values, at))


def load(connections: float, rotation: int = 4, **fields: Any) -> Utilization:
    """Return a load of connections, spread evenly over gateways that can hold 1000 each."""
    known: dict[str, Any] = {
        "signal": "connections",
        "unit": "connections",
        "load": connections,
        "least": connections,
        "capacity": 1000,
        "rotation": rotation,
        "limit": 80,
        "figures": figures([connections / rotation] * rotation),
    }
    return Utilization(**{**known, **fields})


def partly(values: Iterable[float], missing: int, **fields: Any) -> Utilization:
    """Return a load of which so many gateways tell nothing."""
    known = figures(values)
    least = sum(f.value for f in known)
    rotation = len(known) + missing
    estimate = least * rotation / len(known)
    return load(estimate, rotation, **{"least": least, "figures": known, **fields})
