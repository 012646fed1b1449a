"""The environment of a gateway process, read once at start."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.faults import Fault, fault_from_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a gateway process is told: its address, its size, its grace period in seconds."""

    name: str
    address: str
    port: int
    connections_max: int
    grace_seconds: float
    fault: Fault


def settings_from(environment: Mapping[str, str]) -> Settings:
    """The settings in POD_NAME, POD_IP and GATEWAY_*, with the contract's defaults.

    Raises:
        ValueError: one sentence that names the variable.
    """
    return Settings(
        name=environment.get("POD_NAME") or socket.gethostname(),
        address=environment.get("POD_IP") or "127.0.0.1",
        port=_whole_number(environment, "GATEWAY_PORT", 8080),
        connections_max=_whole_number(environment, "GATEWAY_MAX_CONNECTIONS", 1000),
        grace_seconds=_whole_number(environment, "GATEWAY_GRACE_SECONDS", 10),
        fault=_fault(environment),
    )


def _whole_number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal():
        raise ValueError(f"{name} is {text!r}, but must be a whole number")
    return int(text)


def _fault(environment: Mapping[str, str]) -> Fault:
    """The file's fault if the file is there, else the variable's."""
    path = environment.get("GATEWAY_FAULT_FILE")
    name, text = "GATEWAY_FAULT", environment.get("GATEWAY_FAULT", "")
    if path and Path(path).exists():
        name, text = f"the file that GATEWAY_FAULT_FILE names, {path}", Path(path).read_text()
    try:
        return fault_from_text(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
