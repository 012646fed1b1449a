"""What happened in one trial, as frozen values: the API server's side, the proxy's, the gateways'.

Times are `time.monotonic()` of the process that ran the trial. Revisions are etcd's, one order for
all kinds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from faults.footprint import Footprint

Json = dict[str, Any]

CLUSTER, DEPLOYMENT, STATEFUL_SET, POD, EVENT, WINDOW = (
    "imchatclusters",
    "deployments",
    "statefulsets",
    "pods",
    "events",
    "maintenancewindows",
)
TARGETS = frozenset({DEPLOYMENT, STATEFUL_SET})

# Reasons of which each tells of one change; a state may be told again and again.
CHANGES = frozenset(
    {
        "ScalingUp",
        "ScalingDown",
        "ScaledDown",
        "GatewayDraining",
        "GatewayDrained",
        "GatewayEvicted",
        "GatewayDeleted",
        "GatewayReplaced",
        "RemediationVerified",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One revision of one object, from the API server itself.

    Attributes:
        change: ADDED, MODIFIED or DELETED.
    """

    at: float
    revision: int
    change: str
    kind: str
    body: Json = field(repr=False)

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The object's uid."""
        return str(self.body["metadata"]["uid"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One write of an operator that reached the API server, and its answer.

    Attributes:
        operator: which of the trial's operators, counted from 0.
        revision: of the object that was answered; 0 where it has none.
    """

    at: float
    operator: int
    method: str
    path: str
    body: Json | None = field(repr=False)
    status: int
    revision: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the API server did it."""
        return self.status < 300  # noqa: PLR2004 -- HTTP's own number

    @property
    def is_lease(self) -> bool:
        """Whether it is about who leads."""
        return "/coordination.k8s.io/" in self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A pod that was told to end, and what its gateway held when its node heard of it.

    Attributes:
        connections: that were cut by it.
        pace: how many a second it was told to close at the most.
        was_late: whether its drain's deadline had passed.
        was_ill: whether it could not be reached, or did not do as it was told.
    """

    at: float
    pod: str
    uid: str
    connections: int
    pace: float
    was_late: bool
    was_ill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When things happened that allowances count from.

    Attributes:
        begun: the workload's first step.
        disturbed: the last fault, restart or step.
        settled: the time from which the trial only watched.
        ended: its end.
    """

    begun: float
    disturbed: float
    settled: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is known of one trial; `seen` is in the order of the revisions.

    `footprints` are the operator's before the workload's first step and after all had settled, if
    it is the same process.
    """

    seen: tuple[Seen, ...]
    calls: tuple[Call, ...]
    endings: tuple[Ending, ...]
    moments: Moments
    crashes: tuple[str, ...] = ()
    footprints: tuple[Footprint, Footprint] | None = None

    def of(self, kind: str) -> Iterator[Seen]:
        """Yield the revisions of a kind."""
        return (one for one in self.seen if one.kind == kind)

    @property
    def writes(self) -> tuple[Call, ...]:
        """The writes that were done, those of the Lease aside."""
        return tuple(c for c in self.calls if c.is_done and not c.is_lease)
