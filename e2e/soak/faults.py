"""What goes wrong, at random: by a seed, the same again on every run."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness import Namespace, OperatorProcess, Users
from harness.namespace import KubectlError
from loopback_node import CUT_OFF, DEAD


class Kind(StrEnum):
    """The faults."""

    CRASH = "gateway crashes"
    HANG = "gateway hangs"
    NODE = "node dies"
    OPERATOR = "operator is killed"
    API = "API server stands still"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A fault to come.

    Attributes:
        after: seconds from the beginning.
        kind: what fails.
        seconds: how long it lasts.
        choice: from 0 to 1, which gateway.
    """

    after: float
    kind: Kind
    seconds: float
    choice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A fault that was: the gateways that failed by it and the clients that they held at most."""

    kind: Kind
    at: float
    seconds: float
    victims: tuple[str, ...] = ()
    held: int = 0


_GAP = (15.0, 45.0)
_LASTS: Mapping[Kind, tuple[float, float]] = {
    Kind.CRASH: (0.0, 0.0),
    Kind.HANG: (0.0, 0.0),
    Kind.NODE: (15.0, 40.0),
    Kind.OPERATOR: (0.0, 8.0),
    Kind.API: (2.0, 15.0),
}
_SHORT_PAUSE_SECONDS = 6.0
"""Of the API server, once the operator is to live on: it gives up its Lease after 10 s."""
CALM_SECONDS = 60.0
"""Before the end nothing fails any more."""


def plan(seconds: float, kills: float, seed: int) -> tuple[Planned, ...]:
    """The faults of a run; the operator is killed in its first `kills` seconds only.

    Then one process lives long enough for its memory to tell something.
    """
    dice = random.Random(seed)  # noqa: S311 -- chance, no secret
    found, at = [], dice.uniform(*_GAP)
    while at < seconds - CALM_SECONDS - _LASTS[Kind.NODE][1]:
        kinds = [k for k in Kind if k is not Kind.OPERATOR or at < kills]
        kind = dice.choice(kinds)
        lasts = dice.uniform(*_LASTS[kind])
        if kind is Kind.API and at >= kills:
            lasts = min(lasts, _SHORT_PAUSE_SECONDS)
        found.append(Planned(after=at, kind=kind, seconds=lasts, choice=dice.random()))
        at += lasts + dice.uniform(*_GAP)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theatre:
    """What faults happen to; `api_pid` is the API server's."""

    namespace: Namespace
    users: Users
    operator: OperatorProcess
    api_pid: int
    happened: list[Happened] = field(default_factory=list)

    def strike(self, planned: Planned) -> None:
        """Let a fault happen, and last."""
        at = time.monotonic()
        victims = _DEEDS[planned.kind](self, planned)
        held = self._held(victims, since=at - 3)
        self.happened.append(
            Happened(
                kind=planned.kind,
                at=at,
                seconds=round(planned.seconds, 1),
                victims=victims,
                held=held,
            )
        )

    def _held(self, victims: tuple[str, ...], since: float) -> int:
        """The most that these gateways held of late."""
        counts = [each["byGateway"] for at, each in self.users.history if at >= since]
        return sum(max((c.get(name, 0) for c in counts), default=0) for name in victims)


def tried(pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the fleet that is tried."""
    return [pod for pod in pods if pod["metadata"]["labels"].get("app") == "gateway"]


def _gateways(theatre: Theatre) -> list[tuple[str, str]]:
    """Names and nodes of the ready gateways, in order."""
    return sorted(
        (pod["metadata"]["name"], pod["spec"]["nodeName"])
        for pod in tried(theatre.namespace.ready_pods())
    )


def _fault(kind: str) -> Callable[[Theatre, Planned], tuple[str, ...]]:
    def have_one_fail(theatre: Theatre, planned: Planned) -> tuple[str, ...]:
        found = _gateways(theatre)
        if not found:
            return ()
        name, _ = found[int(planned.choice * len(found))]
        with suppress(AssertionError, OSError):  # it has gone since it was seen
            theatre.namespace.fault(name, kind)
        return (name,)

    return have_one_fail


def _lose_node(theatre: Theatre, planned: Planned) -> tuple[str, ...]:
    found = _gateways(theatre)
    if not found:
        return ()
    _, node = found[int(planned.choice * len(found))]
    pods = theatre.namespace.items("/api/v1", "pods")
    victims = tuple(p["metadata"]["name"] for p in pods if p["spec"].get("nodeName") == node)
    theatre.namespace.kubectl("annotate", "node", node, f"{CUT_OFF}={DEAD}")
    time.sleep(planned.seconds)
    _give_back(theatre, node)
    return victims


def _give_back(theatre: Theatre, node: str) -> None:
    for _ in range(10):
        try:
            theatre.namespace.kubectl("annotate", "node", node, f"{CUT_OFF}-")
        except KubectlError:
            time.sleep(1)
        else:
            return


def _kill_operator(theatre: Theatre, planned: Planned) -> tuple[str, ...]:
    theatre.operator.kill()
    time.sleep(planned.seconds)
    theatre.operator.start()
    return ()


def _stop_api(theatre: Theatre, planned: Planned) -> tuple[str, ...]:
    os.kill(theatre.api_pid, signal.SIGSTOP)
    try:
        time.sleep(planned.seconds)
    finally:
        os.kill(theatre.api_pid, signal.SIGCONT)
    return ()


_DEEDS: Mapping[Kind, Callable[[Theatre, Planned], tuple[str, ...]]] = {
    Kind.CRASH: _fault("crash"),
    Kind.HANG: _fault("hang"),
    Kind.NODE: _lose_node,
    Kind.OPERATOR: _kill_operator,
    Kind.API: _stop_api,
}
