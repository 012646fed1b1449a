"""The annotation that cuts a Node off."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopback_node.api import Json

log = logging.getLogger(__name__)

CUT_OFF = "loopback.imchat.dev/cut-off"
ALIVE = "alive"
DEAD = "dead"


def cut_off(node: Json) -> str | None:
    """How a Node's annotation cuts it off, `ALIVE` or `DEAD`, or None."""
    metadata = node["metadata"]
    value: str | None = metadata.get("annotations", {}).get(CUT_OFF)
    if value not in {None, ALIVE, DEAD}:
        log.warning("ignored node=%s %s=%s: say alive or dead", metadata["name"], CUT_OFF, value)
        return None
    return value
