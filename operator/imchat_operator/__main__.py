"""`python -m imchat_operator`: settings, the election, the API session, the supervisor, kopf."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import kopf
import uvloop
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from prometheus_client import start_http_server

from imchat_operator.models import API_VERSION
from imchat_operator.settings import Settings
from imchat_operator.shell import logs, telemetry
from imchat_operator.shell.audit import AuditFile
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.handlers import REGISTRY
from imchat_operator.shell.health import Health
from imchat_operator.shell.kube import FAILED, Api
from imchat_operator.shell.leadership import LEADING, Leadership, Mandate, Unopposed
from imchat_operator.shell.login import configured
from imchat_operator.shell.observe import Clients
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.supervisor import Supervisor

_LOG = logging.getLogger("imchat_operator")
_CRD_PAUSE = 5.0
_DEPOSED = 3


async def _crds_served(configuration: Configuration) -> None:
    """Wait for the API server, and until it has our two kinds."""
    async with Api.session(configuration) as api:
        for kind in ("ImChatCluster", "MaintenanceWindow"):
            while not await _is_served(api, kind):  # noqa: ASYNC110 -- nothing of ours tells
                await asyncio.sleep(_CRD_PAUSE)


async def _is_served(api: Api, kind: str) -> bool:
    try:
        if await api.resource(API_VERSION, kind) is not None:
            return True
        _LOG.warning("the API server has no kind %s yet: kubectl apply -f crds/", kind)
    except FAILED as error:
        _LOG.warning("the API server can't be asked for the kind %s: %r", kind, error)
    return False


@asynccontextmanager
async def _mandate(
    configuration: Configuration, settings: Settings, health: Health
) -> AsyncIterator[Mandate]:
    """Wait until this replica leads; end the process when it does no more, give back at the end."""
    if settings.lease is None:
        LEADING.set(1)
        yield Unopposed()
        return
    identity = f"{settings.identity or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    async with Api.session(configuration) as api:
        leadership = Leadership(api, *settings.lease, identity)
        health.is_ready = True  # to take over
        await leadership.gain()
        health.is_ready = False
        keeping = asyncio.create_task(leadership.keep())
        keeping.add_done_callback(_end)
        try:
            yield leadership
        finally:
            keeping.remove_done_callback(_end)
            keeping.cancel()
            await asyncio.wait([keeping])
            await leadership.give_back()


def _end(_: asyncio.Task[None]) -> None:
    # kopf's stop flag would have it wait for its own waiter.
    signal.raise_signal(signal.SIGTERM)


async def _run(settings: Settings, health: Health) -> int:
    """Serve until told to stop; return the exit code."""
    configuration = await configured()
    await _crds_served(configuration)
    async with _mandate(configuration, settings, health) as mandate:
        await _serve(configuration, settings, health, mandate)
        return 0 if mandate.is_held else _DEPOSED


async def _serve(
    configuration: Configuration, settings: Settings, health: Health, mandate: Mandate
) -> None:
    servers = {server.name: server for server in settings.prometheus}
    async with (
        Api.session(configuration, lambda: mandate.is_held) as api,
        Gateways(settings.gateways) as gateways,
        Prometheus(servers) as prometheus,
    ):
        audit = AuditFile(Path(settings.audit_log)) if settings.audit_log else None
        clients = Clients(
            api=api,
            gateways=gateways,
            prometheus=prometheus,
            networks=settings.gateway_networks,
            audit=audit,
        )
        async with Supervisor(clients, settings, mandate, health) as supervisor:
            ready = asyncio.create_task(_announced(supervisor, health))
            await kopf.operator(
                registry=REGISTRY,
                memo=supervisor,
                standalone=True,
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                # kopf would ask for its user's name, and in a container a user is a number.
                identity=settings.identity,  # type: ignore[arg-type]  # a str by a private name
            )
            ready.cancel()


async def _announced(supervisor: Supervisor, health: Health) -> None:
    await supervisor.synced()
    health.is_ready = True


async def _until_told(settings: Settings) -> int:
    """Run, with the health endpoint, until SIGTERM or Ctrl-C; return the exit code."""
    asyncio.get_running_loop().set_exception_handler(logs.tell_of_loop)
    health = Health()
    async with health.served(settings.address, settings.health_port):
        running = asyncio.create_task(_run(settings, health))
        # While it stands by; kopf takes the signals over once it serves.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        with suppress(asyncio.CancelledError):
            return await running
        return 0


def _spare_the_collector() -> None:
    """Have Python look for cycles of garbage less often, and not in what was imported.

    A pass makes hundreds of small objects and drops them, hardly any of them in a cycle. By
    default the collector takes a fifth of the time of a decision.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def main() -> int:
    """Run the operator until it is told to stop; return the exit code.

    0: as it was told to; 2: bad settings, or nothing says where the API server is; 3: another
    replica leads now.
    """
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- there is no log yet
        return 2
    logs.configure(settings.log_format)
    telemetry.tell_build()
    _spare_the_collector()
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.address)
    try:
        # Python's own loop needs a fifth more CPU for the same work, and 256 KiB for each TLS
        # connection: with a watch for each cluster, most of the memory (docs/benchmarks.md).
        return uvloop.run(_until_told(settings))
    except ConfigException as error:
        print(f"set KUBECONFIG, or run in a pod: {error}", file=sys.stderr)  # noqa: T201 -- same
        return 2


if __name__ == "__main__":
    sys.exit(main())
