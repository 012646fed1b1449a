"""What is wrong with a gateway, and whether now is the time to repair it.

A repair needs three consents: the ailment has lasted long enough, the storm gate is open (most of
the fleet is healthy), and fewer than `maxConcurrent` repairs are under way. One ill gateway alone
is never a storm, or a fleet of two could not be healed.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from imchat_operator.core.snapshot import Gateway, Silent, Snapshot, Target
from imchat_operator.models import Healing, Phase, Purpose, Suspect
from imchat_operator.units import duration_text


class Ailment(StrEnum):
    """What can be wrong with a gateway."""

    CRASH_LOOPING = "CrashLooping"
    NODE_LOST = "NodeLost"
    NODE_NOT_READY = "NodeNotReady"
    UNRESPONSIVE = "Unresponsive"
    NOT_READY = "NotReady"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """An ailment, the evidence in words, and how long to wait for it to pass."""

    ailment: Ailment
    evidence: str
    patience: timedelta


def diagnosis(gateway: Gateway, policy: Healing) -> Diagnosis | None:
    """Return what is wrong with a gateway, the most certain ailment first; None if nothing is."""
    silent = gateway.reading if isinstance(gateway.reading, Silent) else None
    if gateway.waiting == "CrashLoopBackOff" and gateway.restarts >= policy.restarts:
        return Diagnosis(
            ailment=Ailment.CRASH_LOOPING,
            evidence=f"restarted {gateway.restarts} times and is in back-off",
            patience=timedelta(),
        )
    if not gateway.node_ready and silent:
        return Diagnosis(
            ailment=Ailment.NODE_LOST,
            evidence=f"node {gateway.node} is not ready and the gateway does not answer "
            f"({silent.why})",
            patience=timedelta(),
        )
    if not gateway.node_ready and gateway.node:
        return Diagnosis(
            ailment=Ailment.NODE_NOT_READY,
            evidence=f"node {gateway.node} is not ready, though the gateway answers",
            patience=policy.not_ready_for,
        )
    # One that never answered and is not ready yet is starting: its probe decides, with more time.
    is_up = gateway.containers_ready or (silent and silent.last_connections is not None)
    if gateway.running and silent and is_up:
        return Diagnosis(
            ailment=Ailment.UNRESPONSIVE,
            evidence=f"runs but does not answer ({silent.why})",
            patience=policy.unresponsive_for,
        )
    if gateway.running and not gateway.containers_ready:
        return Diagnosis(
            ailment=Ailment.NOT_READY,
            evidence="runs but fails its readiness probe",
            patience=policy.not_ready_for,
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An ill gateway, since when it is suspected, and what is wrong with it."""

    gateway: Gateway
    suspect: Suspect
    diagnosis: Diagnosis
    due: bool

    @property
    def cause(self) -> str:
        """The evidence with its figures, as Events and conditions show it."""
        return f"{self.diagnosis.ailment}: {self.diagnosis.evidence}"


def patients(snapshot: Snapshot, drained: frozenset[str]) -> tuple[Patient, ...]:
    """Return the ill gateways that are not being drained already, longest suspected first."""
    before = {(s.uid, s.ailment): s for s in snapshot.history.suspects}
    found = []
    for gateway in snapshot.gateways:
        what = diagnosis(gateway, snapshot.spec.healing)
        if what is None or gateway.terminating or gateway.uid in drained:
            continue
        suspect = before.get((gateway.uid, what.ailment)) or Suspect(
            pod=gateway.name, uid=gateway.uid, ailment=what.ailment, since=snapshot.now
        )
        due = snapshot.now - suspect.since >= what.patience
        found.append(Patient(gateway=gateway, suspect=suspect, diagnosis=what, due=due))
    return tuple(sorted(found, key=lambda p: (p.suspect.since, p.gateway.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Too much of the fleet looks ill for the gateways to be the cause."""

    healthy: int
    expected: int
    min_healthy: int

    @property
    def message(self) -> str:
        """The figures, and what they mean."""
        return (
            f"{self.healthy} of {self.expected} gateways are healthy, less than {self.min_healthy}%"
            ": the cause is likely elsewhere, no repair is begun"
        )


def storm(snapshot: Snapshot, target: Target, ill: tuple[Patient, ...]) -> Storm | None:
    """Return the storm that forbids new repairs; None while most of the fleet is healthy."""
    under_repair = sum(
        drain.purpose is Purpose.HEALING and drain.phase is not Phase.REPLACING
        for drain in snapshot.history.drains
    )
    count = len(ill) + under_repair
    healthy = max(0, target.replicas - count)
    min_healthy = snapshot.spec.healing.min_healthy
    if count <= 1 or healthy * 100 >= min_healthy * target.replicas:
        return None
    return Storm(healthy=healthy, expected=target.replicas, min_healthy=min_healthy)


def waiting_text(patient: Patient, snapshot: Snapshot) -> str:
    """Return how long a gateway has been ill, and how long it may be."""
    lasted = snapshot.now - patient.suspect.since
    return (
        f"{patient.gateway.name} {patient.cause}, for {_rounded(lasted)} "
        f"of {duration_text(patient.diagnosis.patience)}"
    )


def _rounded(duration: timedelta) -> str:
    return duration_text(timedelta(seconds=int(duration.total_seconds())))
