"""What a user would feel, in figures.

Counts run from the start of the fleet. Two sums always hold:

    opened == connected + left + sum(closed) + dropped
    sent   == echoed + lost + those whose echo is still awaited (at most one a client)
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The fleet at one moment. Counts are totals since its start; times are seconds."""

    target: int
    """Clients that there should be."""
    connected: int
    """Clients with an open connection."""
    opened: int
    """Handshakes that succeeded."""
    returned: int
    """Those of them by clients that had had a connection before."""
    returns: Mapping[int, int]
    """Those of the last minute, by the whole second of the machine's monotonic clock."""
    left: int
    """Connections that the client ended, with a close frame that the gateway answered."""
    closed: Mapping[int, int]
    """Connections that the gateway ended with a close frame, by close code."""
    dropped: int
    """Connections that ended without a close frame of the gateway, silent ones included: those on
    which a ping stayed unanswered."""
    refused: int
    """Connection attempts that failed, those included that found no ready gateway at all."""
    sent: int
    """Messages sent."""
    echoed: int
    """Messages whose echo came in time on the same connection."""
    lost: int
    """Messages without an echo in time, or whose connection was gone before it."""
    without_service_seconds: float
    """Sum over all clients: from arrival or loss to the next connection, and from the first
    unanswered message to the next echo."""
    without_service_max_seconds: float
    """The same for the one client that lacked it longest in all."""
    by_gateway: Mapping[str, int]
    """Open connections per gateway."""

    def as_json(self) -> dict[str, Any]:
        """The report as the command line prints it, in camelCase."""
        return {
            "target": self.target,
            "connected": self.connected,
            "opened": self.opened,
            "returned": self.returned,
            "returns": {str(second): count for second, count in sorted(self.returns.items())},
            "left": self.left,
            "closed": {str(code): count for code, count in sorted(self.closed.items())},
            "dropped": self.dropped,
            "refused": self.refused,
            "sent": self.sent,
            "echoed": self.echoed,
            "lost": self.lost,
            "withoutServiceSeconds": round(self.without_service_seconds, 3),
            "withoutServiceMaxSeconds": round(self.without_service_max_seconds, 3),
            "byGateway": dict(sorted(self.by_gateway.items())),
        }


@dataclass(slots=True, kw_only=True)
class Tally:
    """The running counts that all clients of a fleet write to."""

    opened: int = 0
    returned: int = 0
    returns: Counter[int] = field(default_factory=Counter)
    left: int = 0
    closed: Counter[int] = field(default_factory=Counter)
    dropped: int = 0
    refused: int = 0
    sent: int = 0
    echoed: int = 0
    lost: int = 0
    by_gateway: Counter[str] = field(default_factory=Counter)
