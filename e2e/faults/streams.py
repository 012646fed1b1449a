"""What goes wrong with the events of one watch.

A watch never loses an event and goes on; what an operator may miss is what lies between two lists.
So events are only swallowed up to a 410, and events of one object always keep their order.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from faults.plans import Channel, Course, Kind
from faults.refusals import status

_SECONDS = 3.0
_LONGEST_SECONDS = 15.0
_KEPT_SECONDS = 1.0
GONE = json.dumps({"type": "ERROR", "object": status(410)}).encode() + b"\n"


class Stream:
    """One watch.

    Attributes:
        is_broken: whether the connection has to be cut now.
        is_gone: whether nothing can be watched on from here: 410 until it is listed again.
        is_told: whether that is told in the stream, not by HTTP.
        is_forgotten: whether etcd has to forget what was until now.
        disturbed: when something went wrong last.
    """

    def __init__(self, course: Course, *, is_of_pods: bool = False) -> None:
        self._course = course
        self._is_of_pods = is_of_pods
        self._swallows_until = 0.0
        self._misses_a_deletion = False
        self._kept = b""
        self.is_broken = False
        self.is_gone = False
        self.is_told = True
        self.is_forgotten = False
        self.disturbed = 0.0

    @property
    def patience(self) -> float | None:
        """Seconds after which `overdue` is due, if no line comes before."""
        if self._swallows_until:
            return max(0.0, self._swallows_until - time.monotonic())
        return _KEPT_SECONDS if self._kept else None

    def overdue(self) -> bytes:
        """Return what reaches the operator though no line came."""
        if self._swallows_until:
            self.is_broken = self.is_gone = True
            self.disturbed = time.monotonic()
            return GONE
        kept, self._kept = self._kept, b""
        return kept

    async def delivered(self, line: bytes) -> AsyncIterator[bytes]:  # noqa: C901, PLR0912 -- one line for each fault
        """Yield what reaches the operator once the API server has sent this line."""
        if self._swallows_until:
            is_missed = self._misses_a_deletion and _is_deletion(line)
            if is_missed or not self.patience:
                yield self.overdue()
            return
        fault = self._next() if not line.startswith(b'{"type":"BOOKMARK"') else None
        if fault is not None:
            self.disturbed = time.monotonic()
        match fault:
            case Kind.WATCH_GONE | Kind.PODS_GONE:
                self.is_broken = self.is_gone = True
                yield GONE
            case Kind.WATCH_GONE_HTTP | Kind.PODS_GONE_HTTP:
                self.is_broken = self.is_gone = True
                self.is_told = False
            case Kind.WATCH_CUT:
                self.is_broken = True
            case Kind.COMPACTED:
                self.is_broken = self.is_forgotten = True
            case Kind.WATCH_HELD:
                await asyncio.sleep(_SECONDS)
                self.disturbed = time.monotonic()
                yield line
            case Kind.WATCH_SWALLOWED:
                self._swallows_until = self.disturbed = time.monotonic() + _SECONDS
            case Kind.WATCH_MISSED:
                self._swallows_until = self.disturbed = time.monotonic() + _LONGEST_SECONDS
                self._misses_a_deletion = True
                if _is_deletion(line):
                    yield self.overdue()
            case Kind.WATCH_SWAPPED:
                self._kept = line
            case _:
                for one in self._in_order(line):
                    yield one

    def _next(self) -> Kind | None:
        fault = self._course.next(Channel.EVENT)
        return (self._is_of_pods and self._course.next(Channel.POD)) or fault

    def _in_order(self, line: bytes) -> tuple[bytes, ...]:
        """Return a line and what was kept back for it, an object's own events in their order."""
        kept, self._kept = self._kept, b""
        if kept and _uid(kept) == _uid(line):
            return kept, line
        return (line, kept) if kept else (line,)


def _is_deletion(line: bytes) -> bool:
    return line.startswith(b'{"type":"DELETED"')


def _uid(line: bytes) -> str:
    return str(json.loads(line)["object"]["metadata"].get("uid", ""))
