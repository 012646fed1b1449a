"""What is played: the parts of the traces, the speed, and every duration that is scaled with it.

A day can't be waited for. So all durations of policies, of the controllers and of the nodes are
divided by the same `SPEED`, as the trace is. It is chosen so that a gateway, which here is a Python
process that takes 1 to 2 s to be ready, takes 20 to 40 s of the trace for that, as in life.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SPEED = 20
CAPACITY = 25
"""Clients that a gateway takes."""
PEAK = 210
"""Clients at the trace's highest value: 12 gateways at 70 %."""
LEAST, MOST = 3, 16
"""Bounds of every subject's size."""
NODES = 4
"""Nodes of each subject."""
EVICTIONS_A_SECOND = 0.1 * SPEED
"""Nodes that the node controller gives up: its default, scaled."""
USERS = ("--interval", "5", "--patience", "5")
WARM_UP_SECONDS = 5.0
"""Not measured: all clients arrive at once, which no trace has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a trace, and when failures happen in it (shares of its length).

    Attributes:
        name: for the command line and the tables.
        title: of its table.
        file: in the folder of traces.
        start: its first row (naive, UTC).
        hours: how long it is.
        crash_at: when a gateway's process dies.
        node_lost_at: when a node dies, for good.
    """

    name: str
    title: str
    file: str
    start: datetime
    hours: float
    crash_at: float
    node_lost_at: float

    @property
    def seconds(self) -> float:
        """How long it takes to play."""
        return self.hours * 3600 / SPEED

    def arguments(self, folder: Path) -> tuple[str, ...]:
        """The options of the clients that play it."""
        return (
            *("--trace", str(folder / self.file), "--from", self.start.isoformat()),
            *("--hours", str(self.hours), "--speed", str(SPEED), "--peak", str(PEAK), *USERS),
        )


PARTS = (
    Part(
        name="worldcup",
        title="World Cup 98, 11 June, 15:00 to 18:00: two matches",
        file="worldcup98_requests_per_minute.csv",
        start=datetime(1998, 6, 11, 15),  # noqa: DTZ001 -- traces have no zone
        hours=3,
        crash_at=0.35,
        node_lost_at=0.55,
    ),
    Part(
        name="aapl",
        title="Messages about AAPL, 9 March 2015, 15:00 to 18:00: a product is shown",
        file="twitter_mentions_AAPL.csv",
        start=datetime(2015, 3, 9, 15),  # noqa: DTZ001 -- as above
        hours=3,
        crash_at=0.2,
        node_lost_at=0.6,
    ),
)


def scaled(seconds: float) -> str:
    """A duration of life as the control plane and the custom resource take it, at `SPEED`."""
    return f"{round(seconds * 1000 / SPEED)}ms"


def scaled_seconds(seconds: float) -> int:
    """The same where only whole seconds are taken, at least one."""
    return max(1, round(seconds / SPEED))
