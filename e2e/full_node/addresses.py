"""Who has which address. None of them is known outside of the run's own network namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HUB: Final = "10.200.0.1"
"""Where the control plane and the tests are, and the router between nodes."""
HUB_BRIDGE: Final = "imchat-hub"
_PREFIX_LENGTH: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    """The addresses of the node with an index from 0 to 99."""

    index: int

    @property
    def name(self) -> str:
        """The node's name, which is its network namespace's name too."""
        return f"imchat-node-{self.index}"

    @property
    def address(self) -> str:
        """The node's own address."""
        return f"10.200.0.{10 + self.index}"

    @property
    def pods(self) -> str:
        """Where its pods are."""
        return f"10.201.{self.index}.0/{_PREFIX_LENGTH}"

    @property
    def cable(self) -> str:
        """The name of the hub's end of the cable to it."""
        return f"imchat-{self.index}"


def with_prefix(address: str) -> str:
    """An address of the network between hub and nodes, as `ip` takes it."""
    return f"{address}/{_PREFIX_LENGTH}"
