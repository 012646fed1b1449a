"""A loopback node: plays kubelet on 127.0.0.0/8, with real processes as containers.

`running()` plays some Nodes for as long as its block lasts; `python -m loopback_node` does until it
is stopped:

    with loopback_node.running(kubeconfig, nodes=3) as nodes:
        ...

docs/loopback-node.md says what it does as a kubelet would, and what it does not.
"""

from __future__ import annotations

from loopback_node.cutoff import ALIVE, CUT_OFF, DEAD
from loopback_node.session import LoopbackNodes, NotReadyError, running

__all__ = ["ALIVE", "CUT_OFF", "DEAD", "LoopbackNodes", "NotReadyError", "running"]
