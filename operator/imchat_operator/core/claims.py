"""Which of several ImChatClusters that name the same workload acts on it: the oldest, alone.

Two that act would undo each other's drains, and each would count the other's changes of size as a
stranger's. The oldest is the one that the fleet is used to; which one is newer can be seen
and mended by whoever made it. The rest wait, and tell for whom.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a claim is about; two versions of one API group have the same workloads."""

    namespace: str
    group: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An ImChatCluster that names a workload, valid in all else or not."""

    uid: str
    name: str
    created_at: datetime
    workload: Workload


def elder(claims: Iterable[Claim], uid: str) -> Claim | None:
    """Return who has a workload before the ImChatCluster `uid`; None if that has it itself.

    One that is being deleted has it until it is gone: what it drained is given back until then.

    Args:
        claims: all on that workload.
        uid: of the one that asks.
    """
    first = min(claims, key=lambda c: (c.created_at, c.name, c.uid), default=None)
    return None if first is None or first.uid == uid else first
