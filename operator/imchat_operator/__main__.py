"""`python -m imchat_operator`: settings, the API session, the supervisor, kopf."""

import asyncio
import logging
import os
import sys

import kopf
from kubernetes.aio.config import ConfigException
from prometheus_client import start_http_server

from imchat_operator.models import API_VERSION
from imchat_operator.settings import Settings
from imchat_operator.shell.gateway import Gateways
from imchat_operator.shell.handlers import REGISTRY
from imchat_operator.shell.kube import Api, configured
from imchat_operator.shell.observe import Clients
from imchat_operator.shell.prometheus import Prometheus
from imchat_operator.shell.supervisor import Supervisor

_LOG = logging.getLogger("imchat_operator")
_CRD_PAUSE = 5.0


async def _crds_served(api: Api) -> None:
    for kind in ("ImChatCluster", "MaintenanceWindow"):
        while await api.resource(API_VERSION, kind) is None:
            _LOG.warning("the API server has no kind %s yet: kubectl apply -f crds/", kind)
            await asyncio.sleep(_CRD_PAUSE)


async def _run(settings: Settings) -> None:
    servers = {server.name: server for server in settings.prometheus}
    async with (
        Api.session(await configured()) as api,
        Gateways() as gateways,
        Prometheus(servers) as prometheus,
    ):
        await _crds_served(api)
        clients = Clients(api=api, gateways=gateways, prometheus=prometheus)
        async with Supervisor(clients, settings) as supervisor:
            health = f"http://{settings.address}:{settings.health_port}/healthz"
            await kopf.operator(
                registry=REGISTRY,
                memo=supervisor,
                standalone=True,
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                liveness_endpoint=health if settings.health_port else None,
            )


def main() -> int:
    """Run the operator until it is told to stop; return the exit code."""
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- there is no log yet
        return 2
    formats = {"text": kopf.LogFormat.FULL, "json": kopf.LogFormat.JSON}
    kopf.configure(log_format=formats[settings.log_format])
    for chatty in ("kopf.objects", "aiohttp.access"):  # a line per watch event, and per probe
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.address)
    try:
        asyncio.run(_run(settings))
    except ConfigException as error:
        print(f"set KUBECONFIG, or run in a pod: {error}", file=sys.stderr)  # noqa: T201 -- same
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
