"""A control plane with real nodes, for as long as a block lasts."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import controlplane
from controlplane.leashed import Child
from controlplane.progress import OnProgress, step
from controlplane.workspace import workspace
from full_node import cgroups, network
from full_node.addresses import HUB, NodeAddress
from full_node.errors import FullNodeError
from full_node.node import Node, Parts
from harness import Namespace
from harness.namespace import is_true

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PREFIX: Final = "imchat-full-node-"
_CUT_OFF: Final = "loopback.imchat.dev/cut-off"
"""The loopback nodes know it too, so that suites need not know which nodes they have."""
_READY_SECONDS: Final = 240.0
_POLL_SECONDS: Final = 0.3
_DAY: Final = 86_400
_NODES: Final = "/api/v1/nodes"
# Seconds for what takes most of a minute by default, as in the suites on loopback nodes.
_FLAGS: Final = {
    "kube-controller-manager": ["--node-monitor-grace-period=8s", "--node-monitor-period=1s"]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FullCluster:
    """A cluster whose nodes can be switched on and off."""

    control_plane: controlplane.ControlPlane
    nodes: tuple[Node, ...]
    everywhere: Namespace

    def obey(self) -> None:
        """Do to each node what its annotation asks for: dead, alive but cut off, or neither.

        Raises:
            FullNodeError: a node ended by itself; the text has its last words.
        """
        wishes = {name: _wish(found) for name, found in self._found().items()}
        for node in self.nodes:
            match wishes.get(node.name, ""):
                case "dead" if node.is_on:
                    node.cut_power()
                case "dead":
                    pass
                case "alive" if node.is_on:
                    node.freeze_kubelet()
                case _ if node.is_on:
                    node.thaw_kubelet()
                case _ if node.was_cut:
                    node.switch_on()
                case _:
                    raise FullNodeError(f"{node.name} ended by itself:\n{node.last_words()}")

    def wait_until_ready(self) -> None:
        """Wait until all nodes take pods.

        Raises:
            FullNodeError: they don't; the text has the last words of one that does not.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while waiting := [
            n for n in self.nodes if not is_true(self._found().get(n.name, {}), "Ready")
        ]:
            late = time.monotonic() > deadline
            if late or not all(node.is_on for node in waiting):
                what = f"is not Ready after {_READY_SECONDS:.0f} s" if late else "ended by itself"
                raise FullNodeError(f"{waiting[0].name} {what}:\n{waiting[0].last_words()}")
            time.sleep(_POLL_SECONDS)

    def _found(self) -> dict[str, dict[str, Any]]:
        found = self.everywhere.get(_NODES) or {"items": []}
        return {item["metadata"]["name"]: item for item in found["items"]}


@contextmanager
def running(
    programs: Mapping[str, Path],
    archives: tuple[Path, ...],
    *,
    nodes: int,
    on_progress: OnProgress,
) -> Iterator[FullCluster]:
    """A cluster of so many nodes; this process has to be alone in its network namespace.

    Raises:
        FullNodeError: a node does not start, or not become Ready.
    """
    network.lay_hub()
    with ExitStack() as stack:
        folder = stack.enter_context(workspace(_PREFIX))
        _remove_leftovers(folder.parent)
        stack.callback(cgroups.remove, folder.name)
        plane = stack.enter_context(
            controlplane.running(on_progress=on_progress, audit=True, flags=_FLAGS, address=HUB)
        )
        stack.callback(_scheduler(plane, programs, folder).kill)
        parts = Parts(
            folder=folder,
            cgroup=folder.name,
            programs=programs,
            archives=archives,
            proxy_kubeconfig=controlplane.kubeconfig_of(plane, "system:kube-proxy", seconds=_DAY),
        )
        made = tuple(_node(NodeAddress(index=index), plane, parts, stack) for index in range(nodes))
        everywhere = Namespace(kubeconfig=plane.kubeconfig, name="default")
        cluster = FullCluster(control_plane=plane, nodes=made, everywhere=everywhere)
        with step(on_progress, f"Start {nodes} nodes"):
            cluster.wait_until_ready()
        yield cluster


def _node(
    address: NodeAddress, plane: controlplane.ControlPlane, parts: Parts, stack: ExitStack
) -> Node:
    cgroups.make(f"{parts.cgroup}/{address.name}")
    user = f"system:node:{address.name}"
    kubeconfig = controlplane.kubeconfig_of(plane, user, ["system:nodes"], seconds=_DAY)
    node = Node(address, kubeconfig, parts)
    stack.callback(node.cut_power)
    node.switch_on()
    return node


def _scheduler(
    plane: controlplane.ControlPlane, programs: Mapping[str, Path], folder: Path
) -> Child:
    kubeconfig = controlplane.kubeconfig_of(plane, "system:kube-scheduler", seconds=_DAY)
    command = [
        str(programs["kube-scheduler"]),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
    return Child("kube-scheduler", command, folder / "kube-scheduler.log")


def _remove_leftovers(folders: Path) -> None:
    """Remove the control groups of runs that were killed: their folders are gone by now."""
    for name in cgroups.leftovers(_PREFIX):
        if not (folders / name).exists():
            cgroups.remove(name)


def _wish(node: dict[str, Any]) -> str:
    return str(node["metadata"].get("annotations", {}).get(_CUT_OFF, ""))
