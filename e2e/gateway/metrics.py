"""The Prometheus text of a gateway, written by hand: ten lines need no library at start.

What is of the process is named and counted as Prometheus' own client libraries do it.
"""

import os
import time
from pathlib import Path

from gateway.sessions import ClosedBy, Sessions

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_Family = tuple[str, str, str, dict[str, float]]
"""Name, type, meaning, and the samples by their labels."""


def exposition(
    sessions: Sessions, *, connections_max: int, messages: int, is_draining: bool
) -> str:
    """The body of `GET /metrics`, in Prometheus' text format 0.0.4."""
    own: tuple[_Family, ...] = (
        ("imchat_gateway_connections", "gauge", "Client sessions now.", {"": len(sessions)}),
        (
            "imchat_gateway_connections_max",
            "gauge",
            "Client sessions it takes at most.",
            {"": connections_max},
        ),
        ("imchat_gateway_messages_total", "counter", "Text messages echoed.", {"": messages}),
        (
            "imchat_gateway_connections_accepted_total",
            "counter",
            "Client sessions accepted since the start.",
            {"": sessions.accepted},
        ),
        (
            "imchat_gateway_connections_closed_total",
            "counter",
            "Client sessions ended since the start, by who ended them.",
            {f'{{reason="{reason}"}}': sessions.closed[reason] for reason in ClosedBy},
        ),
        (
            "imchat_gateway_errors_total",
            "counter",
            "Client sessions that ended in an error.",
            {"": sessions.closed[ClosedBy.ERROR]},
        ),
        (
            "imchat_gateway_draining",
            "gauge",
            "1 while it refuses new clients to drain.",
            {"": int(is_draining)},
        ),
    )
    lines = []
    for name, kind, meaning, samples in (*own, *_process()):
        lines.append(f"# HELP {name} {meaning}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(f"{name}{labels} {value}" for labels, value in samples.items())
    return "\n".join(lines) + "\n"


def _process() -> tuple[_Family, ...]:
    """CPU time since the start, user's and system's, and memory; the latter on Linux only."""
    cpu = (
        "process_cpu_seconds_total",
        "counter",
        "User and system CPU time.",
        {"": time.process_time()},
    )
    try:
        resident = int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except FileNotFoundError:
        return (cpu,)
    return (cpu, ("process_resident_memory_bytes", "gauge", "Resident memory.", {"": resident}))
