"""The first process of a node: `python -I machine.py SETTINGS`, pid 1 in namespaces of its own.

SETTINGS is the JSON of `Machine`. It gives the node a /run and a /var of its own, starts
containerd, kubelet and kube-proxy, and ends when one of them does. When it ends, or is killed, the
kernel kills all that runs on the node: a power cut.

It imports the standard library only and runs as a file: nothing else is on its path.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_LISTENS_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a node is told."""

    name: str
    folder: str
    archives: list[str]
    containerd: list[str]
    kubelet: list[str]
    proxy: list[str]
    socket: str


def main() -> int:
    """Run the node until one of its programs ends; its exit status."""
    machine = Machine(**json.loads(sys.argv[1]))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    folder = Path(machine.folder)
    socket.sethostname(machine.name)
    _mount(folder)
    _allow_forwarding()
    programs = {_started(folder, machine.containerd): "containerd"}
    _wait_for(machine.socket)
    _import(folder, machine)
    programs[_started(folder, machine.kubelet)] = "kubelet"
    programs[_started(folder, machine.proxy)] = "kube-proxy"
    # As pid 1 it also inherits what a killed shim leaves behind.
    while True:
        pid, status = os.wait()
        if pid in programs:
            ended = os.waitstatus_to_exitcode(status)
            sys.stderr.write(f"{machine.name}: {programs[pid]} ended with exit status {ended}\n")
            return 1


def _mount(folder: Path) -> None:
    """Sockets, names and states go with a power cut; the disk, /var, stays."""
    disk = folder / "var"
    for name in ("lib", "log", "tmp", "cache"):
        (disk / name).mkdir(parents=True, exist_ok=True)
    if not (disk / "run").is_symlink():
        (disk / "run").symlink_to("/run")
    subprocess.run(["mount", "--bind", str(disk), "/var"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "node-run", "/run"], check=True)


def _allow_forwarding() -> None:
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        path = Path("/proc/sys", name)
        if path.exists():
            path.write_text("1", encoding="utf-8")


def _started(folder: Path, command: list[str]) -> int:
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    return process.pid


def _wait_for(path: str) -> None:
    deadline = time.monotonic() + _LISTENS_SECONDS
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path)
            except OSError:
                time.sleep(0.05)
            else:
                return
    sys.exit(f"containerd does not listen on {path}")


def _import(folder: Path, machine: Machine) -> None:
    """Give containerd the images, once in a disk's life."""
    done = folder / "var" / "images-are-there"
    if not done.exists():
        for archive in machine.archives:
            command = ["ctr", f"--address={machine.socket}", "--namespace=k8s.io"]
            subprocess.run(
                [*command, "images", "import", archive], check=True, stdout=subprocess.DEVNULL
            )
        done.touch()


if __name__ == "__main__":
    sys.exit(main())
