"""One node: switched on, cut off, and off again."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controlplane.leashed import Child
from full_node import network, settings
from full_node.machine import Machine
from full_node.settings import NodeFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from full_node.addresses import NodeAddress

_MACHINE: Final = Path(__file__).with_name("machine.py")
# Everything that a machine has of its own; `--kill-child`: it goes with whoever started it.
_OWN_NAMESPACES: Final = (
    *("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"),
    *("--mount-proc", "--uts", "--ipc"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every node of a run is made of."""

    folder: Path
    cgroup: str
    programs: Mapping[str, Path]
    archives: tuple[Path, ...]
    proxy_kubeconfig: Path


class Node:
    """A machine that can be switched on and off."""

    def __init__(self, address: NodeAddress, kubeconfig: Path, parts: Parts) -> None:
        self.name = address.name
        self._address = address
        self._kubeconfig = kubeconfig
        self._parts = parts
        self._folder = parts.folder / address.name
        self._files = NodeFiles(folder=self._folder)
        self._child: Child | None = None
        self.was_cut = False
        self._is_frozen = False
        self._folder.mkdir(mode=0o700)
        settings.write(
            self._files,
            address,
            cgroup=f"{parts.cgroup}/{address.name}",
            proxy_kubeconfig=parts.proxy_kubeconfig,
        )

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.exit_status is None

    def switch_on(self) -> None:
        """Start it, with the disk that it had."""
        network.plug_in(self._address)
        spec = json.dumps(asdict(self._machine()))
        interpreter = (sys.executable, "-I", "-S", str(_MACHINE), spec)
        command = [*network.entered(self._address), *_OWN_NAMESPACES, *interpreter]
        self.was_cut = self._is_frozen = False
        self._child = Child(self.name, command, self._folder / "machine.log")

    def cut_power(self) -> None:
        """End it and all its pods at once; its disk stays."""
        if self._child is not None:
            self._child.kill()
        self._child = None
        self.was_cut = True
        network.unplug(self._address)

    def freeze_kubelet(self) -> None:
        """Have it tell and learn nothing any more, while its pods go on."""
        if not self._is_frozen:
            self._signal_kubelet(signal.SIGSTOP)
            self._is_frozen = True

    def thaw_kubelet(self) -> None:
        """Have the kubelet go on."""
        if self._is_frozen:
            self._signal_kubelet(signal.SIGCONT)
            self._is_frozen = False

    def last_words(self) -> str:
        """The ends of its logs."""
        logs = sorted(self._folder.glob("*.log"))
        tails = (path.read_text(encoding="utf-8", errors="replace")[-1500:] for path in logs)
        return "\n".join(f"--- {path.name}\n{tail}" for path, tail in zip(logs, tails, strict=True))

    def _machine(self) -> Machine:
        programs = self._parts.programs
        return Machine(
            name=self.name,
            folder=str(self._folder),
            archives=[str(archive) for archive in self._parts.archives],
            containerd=["containerd", f"--config={self._files.containerd}"],
            kubelet=[
                str(programs["kubelet"]),
                f"--config={self._files.kubelet}",
                f"--kubeconfig={self._kubeconfig}",
                f"--hostname-override={self.name}",
                f"--node-ip={self._address.address}",
            ],
            proxy=[str(programs["kube-proxy"]), f"--config={self._files.proxy}"],
            socket=settings.SOCKET,
        )

    def _signal_kubelet(self, number: signal.Signals) -> None:
        marker = f"--hostname-override={self.name}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it ended meanwhile
                continue
            if words[0].endswith(b"/kubelet") and marker in words:
                os.kill(int(entry.name), number)
