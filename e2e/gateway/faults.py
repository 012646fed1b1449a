"""The ways in which a gateway can be told to fail.

A fault is what `POST /fault` takes as its JSON body and what GATEWAY_FAULT and
GATEWAY_FAULT_FILE hold: either that JSON object or the bare word of its kind.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.bodies import json_object, number

DEFAULT_SLOW_SECONDS = 1.0


class FaultKind(StrEnum):
    """What is broken."""

    NONE = "none"
    CRASH = "crash"
    """The process exits with status 1 at once, without close frames."""
    FLAKY = "flaky"
    """Each client is cut without a close frame soon after its next message is answered."""
    HANG = "hang"
    """The process lives and answers nothing any more; only SIGKILL ends it."""
    REFUSE = "refuse"
    """New WebSocket connections get 503 although /readyz says 200."""
    SLOW = "slow"
    """Every HTTP answer, handshake and echo takes `seconds` longer."""
    UNREADY = "unready"
    """/readyz says 503; the clients are served as ever."""
    ZOMBIE = "zombie"
    """Ready and connected, but messages are swallowed: no echo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; `seconds` is how much longer a slow gateway takes for each answer."""

    kind: FaultKind = FaultKind.NONE
    seconds: float = DEFAULT_SLOW_SECONDS


def fault_of(document: dict[str, Any]) -> Fault:
    """The fault that a parsed JSON body describes.

    Raises:
        ValueError: one sentence that names the field.
    """
    kind = document.get("kind")
    if kind not in list(FaultKind):
        raise ValueError(f"kind is {kind!r}, but must be one of {', '.join(FaultKind)}")
    seconds = number(document, "seconds", least=0, most=3600, default=DEFAULT_SLOW_SECONDS)
    return Fault(kind=FaultKind(kind), seconds=seconds)


def fault_from_text(text: str) -> Fault:
    """The fault that a variable or a file names: a bare kind or a JSON object.

    Raises:
        ValueError: one sentence that names the field.
    """
    word = text.strip()
    return fault_of(json_object(word) if word.startswith("{") else {"kind": word or "none"})
