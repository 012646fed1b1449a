"""How busy the machine was meanwhile, from /proc/stat: shares of all cores' time."""

from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
_USER, _NICED, _SYSTEM, _IDLE, _WAIT = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Percent of the time of all cores.

    Attributes:
        idle: nobody's.
        niced: that of processes with a lower priority than usual, which is anybody's who wants it.
    """

    idle: float
    niced: float


class Meter:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._begin = _ticks()

    def read(self) -> Busy:
        """How busy it was since the last reading."""
        now = _ticks()
        spent = [later - earlier for earlier, later in zip(self._begin, now, strict=True)]
        self._begin, total = now, max(1, sum(spent))
        return Busy(
            idle=round(100 * (spent[_IDLE] + spent[_WAIT]) / total, 1),
            niced=round(100 * spent[_NICED] / total, 1),
        )


def _ticks() -> list[int]:
    first = _STAT.read_text(encoding="ascii").splitlines()[0]
    return [int(each) for each in first.split()[1:9]]
