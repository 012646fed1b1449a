"""What the two sides of a supervisor's pipes say to each other, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .credentials import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a supervisor is told at start. `kubeconfig` None means one in its own folder.

    `address` is where the API server listens; nodes and pods elsewhere reach it there.
    """

    parent: int
    programs: Mapping[str, str]
    kubeconfig: str | None
    audit: bool
    flags: Mapping[str, Sequence[str]]
    address: str = LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a supervisor tells about itself when it is ready."""

    server: str
    kubeconfig: str
    folder: str
    audit_log: str | None
    version: str
    pids: Mapping[str, int]
    ports: Mapping[str, int]
