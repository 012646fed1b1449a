"""Builders of fleets, and what tests do to them."""

from datetime import UTC, datetime, timedelta

from imchat_operator.core.decision import SetAccepting, StartDrain
from imchat_operator.simulation.fleet import Conditions, Fleet, Pod

START = datetime(2026, 3, 1, 18, tzinfo=UTC)
STARTUP = timedelta(seconds=30)
FOR_EVER = timedelta(days=100_000)
STICKY = Conditions(capacity=100, startup=STARTUP, session=FOR_EVER)


def fleet(replicas: int, wanted: int, conditions: Conditions = STICKY) -> Fleet:
    """Return a fleet in balance at the start."""
    return Fleet.of(conditions, START, replicas, wanted)


def held(of: Fleet) -> list[int]:
    """Return what each gateway holds."""
    return [pod.connections for pod in of.pods]


def pass_(of: Fleet, seconds: float) -> None:
    """Let seconds pass."""
    of.advance(of.now + timedelta(seconds=seconds))


def admit(of: Fleet) -> None:
    """Set the readiness gate of all gateways, as the operator does."""
    for pod in of.pods:
        of.perform(SetAccepting(pod=pod.name, uid=pod.uid, accepting=True))


def drain(pod: Pod, pace: int = 10, deadline: float = 600, keep: int = 0) -> StartDrain:
    """Return the order to drain a gateway, down to what it keeps."""
    return StartDrain(
        keep=keep,
        pod=pod.name,
        uid=pod.uid,
        connections_per_second=pace,
        deadline=timedelta(seconds=deadline),
    )


def isolate(of: Fleet, pod: Pod) -> None:
    """Take a gateway out of rotation."""
    of.perform(SetAccepting(pod=pod.name, uid=pod.uid, accepting=False))
