"""A process's wall clock, to be set and sped up while it runs, by libfaketime.

The monotonic clock stays true, as it does where an administrator or NTP sets a machine's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Where Debian, Ubuntu, Fedora and Arch have it (package faketime or libfaketime).
_PLACES: Final = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
)


def library() -> Path | None:
    """Return libfaketime's shared library; None where it is not installed."""
    found = (at for place in _PLACES for at in sorted(Path("/").glob(place.lstrip("/"))))
    return next(found, None)


@dataclass(frozen=True, slots=True)
class FakeClock:
    """The clock of the processes that are started with `environment`."""

    library: Path
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to have this clock."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
        }

    def set_off(self, seconds: int, *, rate: float = 1.0) -> None:
        """Have the clock be so many seconds off from now on, and run at a rate."""
        following = self.file.with_suffix(".next")
        following.write_text(f"{seconds:+d}s x{rate:g}\n", encoding="ascii")
        following.replace(self.file)
