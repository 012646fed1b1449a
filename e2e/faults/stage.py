"""What all trials share: one control plane, its records, one fleet, the way to start operators."""

import asyncio
import os
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

import controlplane
from controlplane.credentials import Authority
from faults.fleet import Fleet
from faults.levers import Upstream
from faults.operators import Forkserver
from faults.pulse import Pulse
from faults.records import Records
from faults.storage import Storage
from harness.namespace import Namespace
from harness.rights import operator_kubeconfig
from loopback_node.api import Api, connected

SOURCE = Path(__file__).resolve().parents[2] / "operator"
# A lost node is noticed in time for a trial to wait for it.
_FLAGS = {
    "kube-controller-manager": [
        "--node-monitor-grace-period=10s",
        "--node-monitor-period=1s",
        "--horizontal-pod-autoscaler-sync-period=1s",
    ],
}
# Go's garbage collector took a tenth of the control plane's time; there is memory enough.
_LAZY_COLLECTOR = ("GOGC", "400")
# With its cache the API server answers watches from revisions that etcd has forgotten.
_UNCACHED = {"kube-apiserver": ["--watch-cache=false"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a trial is played on; `patience` is how long each of its steps may take, in seconds."""

    api: Api
    records: Records
    fleet: Fleet
    pulse: Pulse
    forkserver: Forkserver
    upstream: Upstream
    storage: Storage
    administrator: Path
    authority: Path
    folder: Path
    patience: float = 180.0

    async def kubeconfigs(self, namespace: str, ports: Sequence[int]) -> list[Path]:
        """Grant operators the rights of an installation; return their ways through a proxy."""
        granted = await asyncio.to_thread(
            operator_kubeconfig, Namespace(kubeconfig=self.administrator, name=namespace)
        )
        return [self._kubeconfig(granted, f"{namespace}-{port}", port) for port in ports]

    def _kubeconfig(self, granted: str, name: str, port: int) -> Path:
        config: dict[str, Any] = yaml.safe_load(granted)
        for each in config["clusters"]:
            each["cluster"] = {
                "server": f"https://127.0.0.1:{port}",
                "certificate-authority": str(self.authority),
            }
        written = self.folder / f"{name}.kubeconfig"
        written.touch(mode=0o600)
        written.write_text(yaml.safe_dump(config), encoding="utf-8")
        return written


@asynccontextmanager
async def staged(folder: Path, *, is_cached: bool = True) -> AsyncIterator[Stage]:
    """Yield a stage; uncached, each watch is answered by etcd itself."""
    async with AsyncExitStack() as stack:
        flags = _FLAGS if is_cached else {**_FLAGS, **_UNCACHED}
        os.environ.setdefault(*_LAZY_COLLECTOR)
        plane = stack.enter_context(controlplane.running(flags=flags))
        Namespace(kubeconfig=plane.kubeconfig, name="default").install_crds()
        api = await stack.enter_async_context(connected(plane.kubeconfig, folder))
        fleet = Fleet(api)
        stack.push_async_callback(fleet.close)
        records = Records(api, fleet.heard)
        pulse = Pulse()
        for work in (records.run(), fleet.run(), pulse.run()):
            stack.push_async_callback(_ended, asyncio.create_task(work))
        proxies = Authority(folder, "imchat-faults", "proxy-ca")
        served = proxies.signed("proxy")
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(served.certificate, served.key)
        session = await stack.enter_async_context(_session(plane.kubeconfig))
        storage = Storage.of_apiserver(plane.pids["kube-apiserver"])
        stack.push_async_callback(storage.close)
        forkserver = await stack.enter_async_context(Forkserver.running(SOURCE))
        yield Stage(
            api=api,
            records=records,
            fleet=fleet,
            pulse=pulse,
            forkserver=forkserver,
            upstream=Upstream(session=session, server=plane.server, serving=serving),
            storage=storage,
            administrator=plane.kubeconfig,
            authority=proxies.identity.certificate,
            folder=folder,
        )


def _session(kubeconfig: Path) -> aiohttp.ClientSession:
    """Return a session that believes the API server, and has no user of its own."""
    cluster = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    context = ssl.create_default_context(cadata=_pem(cluster["certificate-authority-data"]))
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        auto_decompress=True,
    )


def _pem(encoded: str) -> str:
    return b64decode(encoded).decode()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
