"""What the API server was asked for, by its own audit log: who, what, and when it came in."""

import asyncio
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `at` is when the API server had it, in Unix seconds; `took` is in seconds."""

    user: str
    verb: str
    resource: str
    name: str
    code: int
    at: float
    took: float
    path: str
    agent: str

    @property
    def is_write(self) -> bool:
        """Whether it is to change something."""
        return self.verb not in {"get", "list", "watch"}


class AuditLog:
    """Reads an audit log from where it was last read to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def skip(self) -> None:
        """Leave out all that there is so far."""
        self._offset = self._file.stat().st_size

    def read(self, user: str) -> Iterator[Request]:
        """Yield the whole requests of users whose name ends so, since the last time."""
        with self._file.open("rb") as lines:
            lines.seek(self._offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                if user.encode() in line and (found := _request(json.loads(line), user)):
                    yield found

    async def first_writes(
        self, user: str, resource: str, wanted: Collection[str], *, every: float
    ) -> dict[str, float]:
        """Wait until each object was written once; when the API server had that, by its name.

        Args:
            user: what the user's name ends with.
            resource: such as `deployments/scale`.
            wanted: names of objects; others must not be written.
            every: seconds between two looks.
        """
        written: dict[str, float] = {}
        while len(written) < len(wanted):
            await asyncio.sleep(every)
            for request in self.read(user):
                if request.resource == resource and request.is_write:
                    written.setdefault(request.name, request.at)
        return written


def _request(entry: Json, user: str) -> Request | None:
    who = entry["user"].get("username", "")
    if not who.endswith(user) or entry["stage"] == "ResponseStarted":
        return None
    ref = entry.get("objectRef", {})
    sub = ref.get("subresource")
    at = datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()
    end = datetime.fromisoformat(entry["stageTimestamp"]).timestamp()
    return Request(
        user=who,
        verb=entry["verb"],
        resource=ref.get("resource", "") + (f"/{sub}" if sub else ""),
        name=ref.get("name", ""),
        code=entry.get("responseStatus", {}).get("code", 0),
        at=at,
        took=end - at,
        path=entry["requestURI"],
        agent=entry.get("userAgent", ""),
    )
