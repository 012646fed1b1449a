"""The operator's own configuration, read once from the environment.

A ValueError names the variable and what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this operator runs.

    Attributes:
        namespaces: where ImChatClusters are served; empty for all namespaces.
        address: where its own metrics and health endpoint listens.
        metrics_port: port of its own Prometheus metrics; 0 for none.
        health_port: port of `/healthz`; 0 for none.
        log_format: `text` or `json`.
    """

    namespaces: tuple[str, ...] = ()
    address: str = "0.0.0.0"  # noqa: S104 -- a pod's probes and scrapes come from outside it
    metrics_port: int = 9090
    health_port: int = 8081
    log_format: str = "text"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings that `IMCHAT_*` variables give.

        Raises:
            ValueError: a variable has a value that means nothing.
        """
        default = cls()
        log_format = environment.get("IMCHAT_LOG_FORMAT", default.log_format)
        if log_format not in {"text", "json"}:
            raise ValueError(f"IMCHAT_LOG_FORMAT is {log_format!r}: set it to text or json")
        names = environment.get("IMCHAT_NAMESPACES", "").split(",")
        return cls(
            namespaces=tuple(name.strip() for name in names if name.strip()),
            address=environment.get("IMCHAT_ADDRESS", default.address),
            metrics_port=_port(environment, "IMCHAT_METRICS_PORT", default.metrics_port),
            health_port=_port(environment, "IMCHAT_HEALTH_PORT", default.health_port),
            log_format=log_format,
        )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 -- the largest port
        raise ValueError(f"{name} is {text!r}: set it to a port, or to 0 for none")
    return int(text)
