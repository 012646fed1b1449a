"""A TCP connection between an operator and its API server that a test can pull out."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class Cable:
    """Forwards connections to a port on loopback, byte by byte.

    Attributes:
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._ends: list[socket.socket] = []
        self._joints: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port: int = self._listener.getsockname()[1]

    @classmethod
    @contextmanager
    def laid(cls, to: int) -> Iterator[Self]:
        """Forward for as long as the block lasts."""
        cable = cls(to)
        cable._thread.start()
        try:
            yield cable
        finally:
            # shutdown() wakes the thread that waits in accept(); close() does not.
            with suppress(OSError):
                cable._listener.shutdown(socket.SHUT_RDWR)
            cable._thread.join()
            cable._listener.close()
            cable.pull()
            for thread in cable._joints:
                thread.join()

    def pull(self) -> None:
        """Cut every connection there is; new ones are forwarded."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._ends += [near, far]
            joint = threading.Thread(target=_joined, args=(near, far), daemon=True)
            self._joints.append(joint)
            joint.start()


def _joined(near: socket.socket, far: socket.socket) -> None:
    with near, far:
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
