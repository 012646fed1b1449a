"""Loopback addresses for nodes and pods: one /16 block of 127.0.0.0/8 for each node process.

A block is chosen at random and claimed by a listening socket, so that two node processes on one
machine never share one and the claim ends with its process. 127.0.0.0/16 (everybody's) and
127.1.0.0/16 (the service addresses) are never chosen. Addresses are given out in turn and not
again before the whole block has been round.
"""

from __future__ import annotations

import errno
import random
import socket
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLOCKS = range(2, 255)
_CLAIM_PORT = 64999
_POD_ADDRESSES = 250 * 254
_NODE_ROW = 254


class AddressesExhaustedError(Exception):
    """No loopback address is left."""


class AddressBlock:
    """A claimed block; `close()` gives it back."""

    def __init__(self) -> None:
        blocks = list(_BLOCKS)
        random.shuffle(blocks)
        for self._number in blocks:
            claim = _listener(f"127.{self._number}.255.254", _CLAIM_PORT)
            if claim:
                self._claim = claim
                break
        else:
            raise AddressesExhaustedError(
                "every block of 127.0.0.0/8 is taken: stop other loopback nodes"
            )
        self._turn = 0
        self._taken: set[str] = set()

    def __str__(self) -> str:
        """The block in CIDR notation."""
        return f"127.{self._number}.0.0/16"

    def node_address(self, index: int) -> str:
        """The address of the node with this index, 0 to 199."""
        return f"127.{self._number}.{_NODE_ROW}.{index + 1}"

    def take(self, ports: Iterable[int]) -> str:
        """An address that no pod has and where these ports can be bound."""
        ports = tuple(ports)
        for _ in range(_POD_ADDRESSES):
            row, column = divmod(self._turn, 254)
            self._turn = (self._turn + 1) % _POD_ADDRESSES
            address = f"127.{self._number}.{row}.{column + 1}"
            if address not in self._taken and all(_is_free(address, port) for port in ports):
                self._taken.add(address)
                return address
        raise AddressesExhaustedError(f"no address in {self} has its ports {ports} free")

    def give_back(self, address: str) -> None:
        """Let the address be taken again when its turn comes."""
        self._taken.discard(address)

    def close(self) -> None:
        """End the claim."""
        self._claim.close()


def _is_free(address: str, port: int) -> bool:
    listener = _listener(address, port)
    if listener is None:
        return False
    with closing(listener):
        return True


def _listener(address: str, port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Without it a connection of an earlier owner in TIME_WAIT would count as taken.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(1)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return listener
