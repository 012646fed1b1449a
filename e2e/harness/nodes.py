"""Nodes that fail and come back: the suites share them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from harness.namespace import Namespace, is_true

_CUT_OFF = "loopback.imchat.dev/cut-off"


@contextmanager
def cut_off(namespace: Namespace, node: str, pods: Literal["dead", "alive"]) -> Iterator[None]:
    """Cut a node off, with its pods dead or alive; it is ready again for the next fleet."""
    namespace.kubectl("annotate", "node", node, f"{_CUT_OFF}={pods}")
    try:
        yield
    finally:
        namespace.kubectl("annotate", "node", node, f"{_CUT_OFF}-")
    path = f"/api/v1/nodes/{node}"
    namespace.wait_until(lambda: (found := namespace.get(path)) and is_true(found, "Ready"))
