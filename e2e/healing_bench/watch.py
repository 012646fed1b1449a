"""Looking at a fleet and its users, and what a row of such looks says. Pure but for `Watch`."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Namespace, Users
from harness.namespace import is_true

NEWCOMERS = 2
"""How many clients may be on their way in at a time."""
_CALM = {"AllHealthy", "Watching", "NotBlocked"}
_VERDICTS = ("Healing", "RemediationBlocked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of a gateway: a restart of its container, or another pod, is another life."""

    uid: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A pod as it was seen; `is_leaving`: marked for deletion."""

    life: Life
    node: str
    is_ready: bool
    is_leaving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Fleet and users at one moment.

    Attributes:
        at: monotonic seconds.
        gateways: by the names of their pods.
        replicas: how many gateways are wanted.
        report: of the users (clients.report.Report as JSON), empty before their first.
        verdict: a reason that the operator's conditions give and that is not calm, or nothing.
        is_busy: whether the operator has a gateway on its way out.
    """

    at: float
    gateways: Mapping[str, Gateway]
    replicas: int
    report: Mapping[str, Any]
    verdict: str = ""
    is_busy: bool = False

    @property
    def serving(self) -> frozenset[Life]:
        """The lives that new connections go to."""
        return frozenset(g.life for g in self.gateways.values() if g.is_ready and not g.is_leaving)

    @property
    def without_connection(self) -> int:
        """How many clients have none."""
        return max(0, int(self.report.get("target", 0)) - int(self.report.get("connected", 0)))

    @property
    def harm(self) -> tuple[int, int]:
        """Connections cut and messages lost so far."""
        return int(self.report.get("dropped", 0)), int(self.report.get("lost", 0))

    @property
    def moved(self) -> int:
        """Connections that gateways have ended with a close frame so far."""
        return sum(self.report.get("closed", {}).values())


class Watch:
    """Looks at one namespace and its users, and keeps what it saw."""

    def __init__(self, namespace: Namespace, users: Users) -> None:
        self._namespace = namespace
        self._users = users
        self.samples: list[Sample] = []

    def look(self) -> Sample:
        """Look once more."""
        pods = self._namespace.items("/api/v1", "pods")
        status = self._namespace.status()
        sample = Sample(
            at=time.monotonic(),
            gateways={p["metadata"]["name"]: gateway(p) for p in pods},
            replicas=self._namespace.replicas(),
            report=self._users.report(),
            verdict=verdict(status),
            is_busy=bool(status.get("drains")),
        )
        self.samples.append(sample)
        return sample

    def write(self, file: Path, begun: float) -> None:
        """Write all samples, one JSON object a line, with seconds since a monotonic moment."""
        lines = (json.dumps(line(sample, begun)) for sample in self.samples)
        file.write_text("".join(f"{each}\n" for each in lines))

    def is_steady(self, seconds: float) -> bool:
        """Look once more; whether all has been well for so long, and the operator is at rest."""
        sample = self.look()
        since = whole_since(self.samples, frozenset())
        is_at_rest = not sample.verdict and not sample.is_busy
        return is_at_rest and since is not None and sample.at - since >= seconds


def line(sample: Sample, begun: float) -> dict[str, Any]:
    """A sample as a line of a log."""
    cut, lost = sample.harm
    return {
        "at": round(sample.at - begun, 1),
        "ready": len(sample.serving),
        "pods": len(sample.gateways),
        "withoutConnection": sample.without_connection,
        "cut": cut,
        "moved": sample.moved,
        "lost": lost,
        "verdict": sample.verdict,
    }


def gateway(pod: dict[str, Any]) -> Gateway:
    """A pod of the API server as it counts here."""
    metadata, status = pod["metadata"], pod.get("status", {})
    containers = status.get("containerStatuses", ())
    return Gateway(
        life=Life(uid=metadata["uid"], restarts=sum(c["restartCount"] for c in containers)),
        node=pod["spec"].get("nodeName", ""),
        is_ready=is_true(pod, "Ready"),
        is_leaving="deletionTimestamp" in metadata,
    )


def verdict(status: Mapping[str, Any]) -> str:
    """The first reason of an ImChatCluster's conditions on healing that is not calm."""
    conditions = {c["type"]: c["reason"] for c in status.get("conditions", ())}
    reasons = (conditions.get(kind, "") for kind in _VERDICTS)
    return next((r for r in reasons if r and r not in _CALM), "")


def whole_since(samples: Sequence[Sample], ill: frozenset[Life]) -> float | None:
    """Since when all has been well up to the last sample; None if it is not.

    Well is: every client but newcomers is connected, as many gateways as wanted take connections,
    none of those that are `ill` among them, and nobody has lost a connection or a message since.
    """
    since = None
    for sample in reversed(samples):
        if not _is_whole(sample, ill) or sample.harm != samples[-1].harm:
            break
        since = sample.at
    return since


def _is_whole(sample: Sample, ill: frozenset[Life]) -> bool:
    serving = sample.serving
    return (
        bool(sample.report)
        and sample.without_connection <= NEWCOMERS
        and len(serving) == sample.replicas
        and not serving & ill
    )


def reaction(samples: Sequence[Sample]) -> tuple[float, str] | None:
    """When Kubernetes first did something, and what; the first sample is the one before."""
    before = samples[0]
    for sample in samples[1:]:
        if what := _what_happened(before, sample):
            return sample.at, what
    return None


def _what_happened(before: Sample, sample: Sample) -> str:
    for name, old in before.gateways.items():
        new = sample.gateways.get(name)
        if new is None or new.is_leaving:
            return "deleted"
        if new.life != old.life:
            return "restarted"
    return "replaced" if sample.gateways.keys() - before.gateways.keys() else ""


def cleared_at(samples: Sequence[Sample], names: frozenset[str]) -> float | None:
    """When none of these pods was there any more."""
    return next((s.at for s in samples if not names & s.gateways.keys()), None)


def verdict_at(samples: Sequence[Sample]) -> tuple[float, str] | None:
    """When the operator's conditions first showed something, and what."""
    return next(((s.at, s.verdict) for s in samples if s.verdict), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The names of those pods of the beginning that are not as they were."""

    deleted: frozenset[str]
    restarted: frozenset[str]


def touched(before: Sample, after: Sample) -> Touched:
    """What has been done to the pods between two samples."""
    deleted, restarted = set(), set()
    for name, old in before.gateways.items():
        new = after.gateways.get(name)
        if new is None or new.is_leaving:
            deleted.add(name)
        elif new.life != old.life:
            restarted.add(name)
    return Touched(deleted=frozenset(deleted), restarted=frozenset(restarted))
