"""The audit: one line of JSON for each action, and for each recommendation; lines are only added.

Each goes to the logger `imchat_operator.audit`, and to a file where one is set. The file is opened
for each line, so that it can be rotated, and synced after it. A file that can't be written stops
nothing: the line is in the log, and the loss is counted.
"""

import asyncio
import json
import os
import socket
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from imchat_operator.core.audit import DONE, Entry
from imchat_operator.core.snapshot import Cluster
from imchat_operator.shell import telemetry
from imchat_operator.shell.logs import redacted

_AUDIT = structlog.get_logger("imchat_operator.audit")
_LOG = structlog.get_logger("imchat_operator.shell.audit")
_PATIENCE = 5.0
_MODE = 0o640


class AuditFile:
    """A file that lines are added to, each on disk before the next; its directory must exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A thread of its own: a disk that hangs must not take those that resolve names.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
        self._pending: Future[None] | None = None
        self._is_torn = False

    async def add(self, line: str) -> None:
        """Add a line; one that can't be written in time is counted and told."""
        if self._pending is not None and not self._pending.done():
            self._lost("the disk still hangs")
            return
        self._pending = self._writer.submit(self._write, line)
        try:
            # Shielded: what a cancelled pass has begun to write is written to its end.
            async with asyncio.timeout(_PATIENCE):
                await asyncio.shield(asyncio.wrap_future(self._pending))
        except TimeoutError:
            self._lost(f"the disk has not answered for {_PATIENCE:g} s")
        except OSError as error:
            self._lost(f"{error.strerror or error}")

    def _write(self, line: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._path, flags, _MODE)
        try:
            # After a torn line the next begins on a line of its own.
            data = memoryview(f"{chr(10) * self._is_torn}{line}\n".encode())
            while data:
                self._is_torn = True
                data = data[os.write(file, data) :]
            self._is_torn = False
            if stat.S_ISREG(os.fstat(file).st_mode):
                os.fsync(file)
        finally:
            os.close(file)

    def _lost(self, why: str) -> None:
        telemetry.AUDIT_LOST.inc()
        _LOG.error(
            "an audit line is only in the log: make room, or correct IMCHAT_AUDIT_LOG",
            file=str(self._path),
            why=why,
        )


class Audit:
    """The audit of one cluster; an action that is repeated in the next pass is not told again."""

    def __init__(self, cluster: Cluster, file: AuditFile | None) -> None:
        self._cluster = cluster
        self._file = file
        self._before: set[tuple[object, ...]] = set()
        self._now: set[tuple[object, ...]] = set()

    async def tell(self, entry: Entry) -> None:
        """Write an entry, unless the pass before had the same."""
        self._now.add(entry.key)
        if entry.key in self._before:
            return
        fields = self._fields(entry)
        log = _AUDIT.warning if entry.refused else _AUDIT.info
        log(_text(entry), **fields)
        if self._file is not None:
            line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
            await self._file.add(json.dumps(redacted(line), ensure_ascii=False))

    def over(self) -> None:
        """Take note that a pass is over."""
        self._before, self._now = self._now, set()

    def _fields(self, entry: Entry) -> dict[str, Any]:
        who = {
            "by": f"imchat-operator/{socket.gethostname()}",
            "askedBy": entry.asked_by,
            "approvedBy": entry.approved_by,
            "window": entry.window,
        }
        given = {
            "namespace": self._cluster.namespace,
            "cluster": self._cluster.name,
            "decision": entry.decision,
            "origin": entry.origin,
            **{key: value for key, value in who.items() if value},
            "action": entry.action,
            "kind": entry.kind,
            "object": entry.name,
            "uid": entry.uid,
            **({"pod": entry.name} if entry.kind == "Pod" else {}),
            "reason": entry.reason,
            "why": entry.why,
            "before": dict(entry.before),
            "after": dict(entry.after),
            "outcome": entry.outcome,
        }
        return {**given, **({"refused": entry.refused} if entry.refused else {})}


def _text(entry: Entry) -> str:
    what = f"{entry.action} {entry.name}"
    return f"{what}: {entry.refused or ('done' if entry.outcome == DONE else 'recommended')}"
