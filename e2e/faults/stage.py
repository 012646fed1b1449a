"""What all trials share: one control plane, its records, one fleet, the way to start operators."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

import controlplane
from controlplane.credentials import Authority
from faults.fleet import Fleet
from faults.operators import Forkserver
from faults.proxy import Upstream
from faults.records import Records
from harness.namespace import Namespace
from harness.rights import operator_kubeconfig
from loopback_node.api import Api, connected

SOURCE = Path(__file__).resolve().parents[2] / "operator"
# A lost node is noticed in time for a trial to wait for it.
_FLAGS = {"kube-controller-manager": ["--node-monitor-grace-period=6s", "--node-monitor-period=1s"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a trial is played on."""

    api: Api
    records: Records
    fleet: Fleet
    forkserver: Forkserver
    upstream: Upstream
    administrator: Path
    authority: Path
    folder: Path

    async def kubeconfig(self, namespace: str, port: int) -> Path:
        """Grant an operator the rights of an installation; return its way through a proxy."""
        granted = await asyncio.to_thread(
            operator_kubeconfig, Namespace(kubeconfig=self.administrator, name=namespace)
        )
        config: dict[str, Any] = yaml.safe_load(granted)
        for each in config["clusters"]:
            each["cluster"] = {
                "server": f"https://127.0.0.1:{port}",
                "certificate-authority": str(self.authority),
            }
        written = self.folder / f"{namespace}.kubeconfig"
        written.touch(mode=0o600)
        written.write_text(yaml.safe_dump(config), encoding="utf-8")
        return written


@asynccontextmanager
async def staged(folder: Path, source: Path = SOURCE) -> AsyncIterator[Stage]:
    """Yield a stage whose operators are of the source tree `source`."""
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(controlplane.running(flags=_FLAGS))
        Namespace(kubeconfig=plane.kubeconfig, name="default").install_crds()
        api = await stack.enter_async_context(connected(plane.kubeconfig, folder))
        fleet = Fleet(api)
        stack.push_async_callback(fleet.close)
        records = Records(api, fleet.heard)
        for work in (records.run(), fleet.run()):
            stack.push_async_callback(_ended, asyncio.create_task(work))
        proxies = Authority(folder, "imchat-faults", "proxy-ca")
        served = proxies.signed("proxy")
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(served.certificate, served.key)
        session = await stack.enter_async_context(_session(plane.kubeconfig))
        forkserver = await stack.enter_async_context(Forkserver.running(source))
        yield Stage(
            api=api,
            records=records,
            fleet=fleet,
            forkserver=forkserver,
            upstream=Upstream(session=session, server=plane.server, serving=serving),
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
