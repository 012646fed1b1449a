"""The Prometheus text of a gateway, written by hand: seven lines need no library at start."""

from gateway.sessions import ClosedBy, Sessions

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(
    sessions: Sessions, *, connections_max: int, messages: int, is_draining: bool
) -> str:
    """The body of `GET /metrics`, in Prometheus' text format 0.0.4."""
    families = (
        ("connections", "gauge", "Client sessions now.", {"": len(sessions)}),
        ("connections_max", "gauge", "Client sessions it takes at most.", {"": connections_max}),
        ("messages_total", "counter", "Text messages echoed.", {"": messages}),
        (
            "connections_accepted_total",
            "counter",
            "Client sessions accepted since the start.",
            {"": sessions.accepted},
        ),
        (
            "connections_closed_total",
            "counter",
            "Client sessions ended since the start, by who ended them.",
            {f'{{reason="{reason}"}}': sessions.closed[reason] for reason in ClosedBy},
        ),
        ("draining", "gauge", "1 while it refuses new clients to drain.", {"": int(is_draining)}),
    )
    lines = []
    for name, kind, meaning, samples in families:
        lines.append(f"# HELP imchat_gateway_{name} {meaning}")
        lines.append(f"# TYPE imchat_gateway_{name} {kind}")
        lines.extend(f"imchat_gateway_{name}{labels} {value}" for labels, value in samples.items())
    return "\n".join(lines) + "\n"
