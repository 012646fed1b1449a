"""Where it is measured: a control plane with an audit log, kwok's nodes, and one gateway server."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import controlplane
from harness import Namespace, OperatorProcess
from loopback_node.api import Api, connected
from scale_bench import fleet, kwok
from scale_bench.audit import AuditLog
from scale_bench.gateways import Gateways, answering

USER: Final = f"system:serviceaccount:{fleet.NAMESPACE}:imchat-operator"
_NODES: Final = 10
_POLL_SECONDS: Final = 0.05
_START_SECONDS: Final = 300.0
_CALL_SECONDS: Final = 120.0
"""An API server that is kept busy by thousands of pods answers late."""
# Making the fleets is not what is measured.
_FLAGS: Final = {
    "kube-controller-manager": (
        "--controllers=-horizontal-pod-autoscaler-controller",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--concurrent-deployment-syncs=20",
        "--concurrent-replicaset-syncs=20",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all measurements use."""

    kubeconfig: Path
    version: str
    api: Api
    audit: AuditLog
    gateways: Gateways
    folder: Path

    def shape(self, gateways: int = 5) -> fleet.Shape:
        """How large each fleet is."""
        return fleet.Shape(port=self.gateways.port, gateways=gateways, nodes=_NODES)

    @asynccontextmanager
    async def operator(self, name: str) -> AsyncIterator[OperatorProcess]:
        """The operator, from its start until it is killed, with a log of that name."""
        log = self.folder / f"{name}.log"
        process = OperatorProcess(self.kubeconfig, fleet.NAMESPACE, log)
        await asyncio.to_thread(process.start)
        try:
            yield process
        finally:
            await asyncio.to_thread(process.kill)

    async def until_asked(self, wanted: list[str], each: int) -> None:
        """Wait until so many gateways of each of these clusters were asked.

        Raises:
            TimeoutError: they were not.
        """
        async with asyncio.timeout(_START_SECONDS):
            while any(  # noqa: ASYNC110 -- it would cost each answer more than this does
                len(self.gateways.sampled.get(name, ())) < each for name in wanted
            ):
                await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Set all up, for as long as the block lasts."""
    with controlplane.running(audit=True, flags=_FLAGS) as plane:
        everywhere = Namespace(kubeconfig=plane.kubeconfig, name="default")
        everywhere.install_crds()
        Namespace(kubeconfig=plane.kubeconfig, name=fleet.NAMESPACE).create()
        assert plane.audit_log is not None, "the control plane has no audit log"
        async with (
            connected(plane.kubeconfig, seconds=_CALL_SECONDS) as api,
            answering() as gateways,
            kwok.nodes(api, plane.kubeconfig, folder, fleet.node_names(_NODES)),
        ):
            yield Stage(
                kubeconfig=plane.kubeconfig,
                version=plane.version,
                api=api,
                audit=AuditLog(plane.audit_log),
                gateways=gateways,
                folder=folder,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used: megabytes of memory now and at most, seconds of CPU."""

    resident: float
    peak: float
    cpu: float


def usage(pid: int | None) -> Usage:
    """What a process has used so far."""
    folder = Path(f"/proc/{pid}")
    pairs = (s.split(":", 1) for s in (folder / "status").read_text().splitlines())
    kilobytes = {k: int(v.split()[0]) for k, v in pairs if k in {"VmRSS", "VmHWM"}}
    times = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(times[11]) + int(times[12])
    return Usage(
        resident=kilobytes["VmRSS"] / 1024,
        peak=kilobytes["VmHWM"] / 1024,
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
    )
