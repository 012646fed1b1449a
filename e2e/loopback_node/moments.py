"""Points in time as the API writes them: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now_text() -> str:
    """Now, to the second: metav1.Time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro_text() -> str:
    """Now, to the microsecond: metav1.MicroTime, as leases have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
