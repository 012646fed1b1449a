"""What goes wrong in a trial, and when: `conflict@3` is a conflict at the third write.

Writes (the Lease's aside), reads, watch events, and those of pods are counted apart, and so are
questions and orders to gateways, from the workload's first step on.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    """What is counted."""

    WRITE = "write"
    READ = "read"
    EVENT = "watch event"
    POD = "watch event of a pod"
    FIGURES = "question to a gateway"
    ORDER = "order to a gateway"


class Kind(StrEnum):
    """What goes wrong."""

    CONFLICT = "conflict"
    """The write is refused with 409; one that creates is done by somebody else first."""
    TOUCHED = "touched"
    """Somebody else changes the object just before the write arrives."""
    THROTTLED = "throttled"
    """429, with Retry-After."""
    BROKEN = "broken"
    """500."""
    UNAVAILABLE = "unavailable"
    """503."""
    CUT = "cut"
    """The connection breaks before the write is sent on."""
    LOST = "lost"
    """The write is done, the connection breaks before its answer."""
    SILENT = "silent"
    """The write is done, and nobody ever answers."""
    SLOW = "slow"
    """The write waits for 3 s before it is sent on."""
    KILL_BEFORE = "kill-before"
    """`kill -9` before the write is sent on; a new operator starts."""
    KILL_COMMITTED = "kill-committed"
    """`kill -9` after the write is done, before its answer."""
    KILL_ANSWERED = "kill-answered"
    """`kill -9` after the answer."""
    KILL_STALE = "kill-stale"
    """The same; for 2 s the new operator's first lists are 20 revisions old, its watches mute."""
    KILL_DISORDERED = "kill-disordered"
    """The same, and the new operator is told of the windows 6 s later than of all else."""
    AWAY = "away"
    """The API server is away for 5 s, beginning with this write."""
    AWAY_LONG = "away-long"
    """The same for 120 s."""
    DOWN = "down"
    """All that is asked of the API server for 5 s is answered with 503, new watches too."""
    DOWN_LONG = "down-long"
    """The same for 60 s."""
    TWIN = "twin"
    """Another operator starts that believes that it leads too: from this write on, two act."""
    FROZEN = "frozen"
    """The leader stops, with the write on its way, until another one leads by the Lease and has
    written; then the write arrives, and the first one wakes up."""
    READ_THROTTLED = "read-throttled"
    READ_BROKEN = "read-broken"
    READ_CUT = "read-cut"
    READ_SLOW = "read-slow"
    WATCH_GONE = "gone"
    """The watch says 410 Gone in its stream, and the next ones do, until it is listed again."""
    WATCH_GONE_HTTP = "gone-http"
    """The watch breaks off; the next ones are answered with HTTP 410 until it is listed again."""
    PODS_GONE = "pods-gone"
    PODS_GONE_HTTP = "pods-gone-http"
    """The same two, at an event of a gateway's pod."""
    WATCH_CUT = "watch-cut"
    """The watch breaks off before the event is delivered."""
    WATCH_HELD = "watch-held"
    """Nothing is delivered for 3 s, then all of it."""
    WATCH_SWALLOWED = "watch-swallowed"
    """What happens within 3 s is never delivered; then 410, so that only its end is seen."""
    WATCH_MISSED = "watch-missed"
    """What happens to the gateways' pods is never delivered until one was deleted, or for 15 s."""
    WATCH_SWAPPED = "watch-swapped"
    """The event comes after the next one of another object."""
    COMPACTED = "compacted"
    """The watch breaks off, and etcd forgets all revisions before it is taken up again."""
    FIGURES_CUT = "figures-cut"
    """For 2 s each connection breaks on which a gateway is asked for its figures."""
    FIGURES_SILENT = "figures-silent"
    """For 2 s nobody is answered who asks a gateway for its figures."""
    FIGURES_BROKEN = "figures-broken"
    """For 2 s gateways answer with 500."""
    FIGURES_ABSENT = "figures-absent"
    """For 2 s there are no figures in what gateways answer."""
    FIGURES_NAN = "figures-nan"
    """For 2 s each figure is NaN."""
    FIGURES_STALE = "figures-stale"
    """For 2 s gateways answer what they answered before."""
    FIGURES_PARTIAL = "figures-partial"
    """For 2 s there are no figures in what one gateway answers, the one that was asked."""
    ORDER_CUT = "order-cut"
    """The connection breaks before a gateway has the order, to drain or to end that."""
    ORDER_LOST = "order-lost"
    """The gateway does it, the connection breaks before its answer."""
    ORDER_SILENT = "order-silent"
    """The gateway does it, and never answers."""
    ORDER_BROKEN = "order-broken"
    """500."""
    ORDER_UNAVAILABLE = "order-unavailable"
    """503."""
    ORDER_SLOW = "order-slow"
    """The order comes 2 s late."""


RESTARTS = (Kind.KILL_STALE, Kind.KILL_DISORDERED)
KILLS = (Kind.KILL_BEFORE, Kind.KILL_COMMITTED, Kind.KILL_ANSWERED)
OF_READS = (Kind.READ_THROTTLED, Kind.READ_BROKEN, Kind.READ_CUT, Kind.READ_SLOW)
OF_EVENTS = (
    Kind.WATCH_GONE,
    Kind.WATCH_GONE_HTTP,
    Kind.PODS_GONE,
    Kind.PODS_GONE_HTTP,
    Kind.WATCH_CUT,
    Kind.WATCH_HELD,
    Kind.WATCH_SWALLOWED,
    Kind.WATCH_MISSED,
    Kind.WATCH_SWAPPED,
)
# They are counted by the events of pods alone.
OF_PODS = (Kind.PODS_GONE, Kind.PODS_GONE_HTTP, Kind.WATCH_MISSED)
OF_FIGURES = (
    Kind.FIGURES_CUT,
    Kind.FIGURES_SILENT,
    Kind.FIGURES_BROKEN,
    Kind.FIGURES_ABSENT,
    Kind.FIGURES_NAN,
    Kind.FIGURES_STALE,
    Kind.FIGURES_PARTIAL,
)
OF_ORDERS = (
    Kind.ORDER_CUT,
    Kind.ORDER_LOST,
    Kind.ORDER_SILENT,
    Kind.ORDER_BROKEN,
    Kind.ORDER_UNAVAILABLE,
    Kind.ORDER_SLOW,
)
OF_GATEWAYS = (*OF_FIGURES, *OF_ORDERS)
# They take minutes by their nature.
LONG = (Kind.AWAY_LONG, Kind.DOWN_LONG, Kind.SILENT)
# It is for all trials of a control plane at a time, and a watch cache would answer in its place.
OF_STORAGE = (Kind.COMPACTED,)
OF_WRITES = tuple(k for k in Kind if k not in {*OF_READS, *OF_EVENTS, *OF_STORAGE, *OF_GATEWAYS})
_CHANNELS = {
    **dict.fromkeys(OF_WRITES, Channel.WRITE),
    **dict.fromkeys(OF_READS, Channel.READ),
    **dict.fromkeys((*OF_EVENTS, *OF_STORAGE), Channel.EVENT),
    **dict.fromkeys(OF_PODS, Channel.POD),
    **dict.fromkeys(OF_FIGURES, Channel.FIGURES),
    **dict.fromkeys(OF_ORDERS, Channel.ORDER),
}

_TEXT = re.compile(r"([a-z-]+)@([1-9][0-9]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, at the n-th of what its kind counts."""

    kind: Kind
    at: int

    def __str__(self) -> str:
        """The fault as a word of the command line."""
        return f"{self.kind}@{self.at}"

    @property
    def channel(self) -> Channel:
        """What is counted."""
        return _CHANNELS[self.kind]


def fault_of(text: str) -> Fault:
    """Return the fault that a word of the command line is.

    Raises:
        ValueError: one sentence that says what to write.
    """
    match = _TEXT.fullmatch(text)
    if match is None or match[1] not in list(Kind):
        raise ValueError(f"{text!r} is no fault: write KIND@N with one of {', '.join(Kind)}")
    return Fault(kind=Kind(match[1]), at=int(match[2]))


class Course:
    """A plan that is being carried out.

    Attributes:
        counts: how many of each channel there were.
    """

    def __init__(self, plan: tuple[Fault, ...]) -> None:
        self._due = {(fault.channel, fault.at): fault for fault in plan}
        self._is_armed = False
        self.counts = dict.fromkeys(Channel, 0)

    def arm(self) -> None:
        """Begin to count."""
        self._is_armed = True

    def next(self, channel: Channel) -> Kind | None:
        """Count one; return what goes wrong with it."""
        if not self._is_armed:
            return None
        self.counts[channel] += 1
        fault = self._due.pop((channel, self.counts[channel]), None)
        return fault.kind if fault else None

    @property
    def rest(self) -> tuple[Fault, ...]:
        """What has not happened yet."""
        return tuple(self._due.values())
