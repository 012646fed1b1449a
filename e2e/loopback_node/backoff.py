"""How long a crashed container waits: kubelet's CrashLoopBackOff."""

from __future__ import annotations

from dataclasses import dataclass, field

_LONGEST = 300.0
_FORGET_AFTER = 600.0


@dataclass(slots=True, kw_only=True)
class BackOff:
    """Seconds to wait after each end: none after the first, then `base`, doubling up to 300.

    Ten minutes without an end and it starts afresh.
    """

    base: float
    _next: float = field(default=0.0, init=False)
    _last_end: float = field(default=0.0, init=False)

    def delay(self, ended: float) -> float:
        """The wait after a run that ended at `ended` (seconds of any steady clock)."""
        delay = self._next if ended - self._last_end <= _FORGET_AFTER else 0.0
        self._next = min(delay * 2 or self.base, _LONGEST)
        self._last_end = ended
        return delay
