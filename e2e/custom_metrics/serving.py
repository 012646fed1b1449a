"""Runs the server and makes the API server ask it, for as long as a block lasts.

Two APIServices point at a Service of type ExternalName `localhost`. Both sides show certificates:
the server a new one of its own, which the APIServices carry, and the API server that of its front
proxy, whose authority it publishes in `kube-system`; nobody else gets in.
"""

import asyncio
import ipaddress
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from custom_metrics.api import (
    CUSTOM,
    CUSTOM_VERSION,
    RESOURCE,
    RESOURCE_VERSION,
    application,
)
from custom_metrics.figures import Source
from loopback_node.api import Api, ApiError, connected

_NAMESPACE = "kube-system"
_NAME = "imchat-e2e-metrics"
_SERVICES = f"/api/v1/namespaces/{_NAMESPACE}/services"
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_AUTHENTICATION = f"/api/v1/namespaces/{_NAMESPACE}/configmaps/extension-apiserver-authentication"
_START_SECONDS = 30.0
_POLL_SECONDS = 0.1
_GROUPS = ((CUSTOM, CUSTOM_VERSION), (RESOURCE, RESOURCE_VERSION))


@asynccontextmanager
async def serving(kubeconfig: Path, source: Source) -> AsyncIterator[None]:
    """Serve a source's figures through a cluster's API server, in the running event loop.

    Raises:
        ApiError: the cluster has one of the APIs already, or may not be changed.
        TimeoutError: the API server does not reach the server.
    """
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(connected(kubeconfig))
        authority = (await api.get(_AUTHENTICATION))["data"]["requestheader-client-ca-file"]
        certificate, context = _tls(authority)
        port = await stack.enter_async_context(_listening(source, context))
        await stack.enter_async_context(_registered(api, port, certificate))
        yield


@contextmanager
def running(kubeconfig: Path, source: Source) -> Iterator[None]:
    """Serve a source's figures as `serving` does, from a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="custom-metrics")
    thread.start()
    server = serving(kubeconfig, source)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def _listening(source: Source, context: ssl.SSLContext) -> AsyncIterator[int]:
    runner = web.AppRunner(application(source), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        # The API server keeps connections for later; a polite end of TLS would outlive the loop.
        for connection in runner.server.connections if runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()


@asynccontextmanager
async def _registered(api: Api, port: int, certificate: bytes) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        await _create(stack, api, _SERVICES, _service(port))
        for group, version in _GROUPS:
            await _create(
                stack, api, _API_SERVICES, _api_service(group, version, port, certificate)
            )
        async with asyncio.timeout(_START_SECONDS):
            for group, version in _GROUPS:
                while not await _is_available(api, group, version):  # noqa: ASYNC110 - nothing tells us
                    await asyncio.sleep(_POLL_SECONDS)
        yield


async def _create(stack: AsyncExitStack, api: Api, path: str, body: dict[str, Any]) -> None:
    await api.create(path, body)
    stack.push_async_callback(_delete, api, f"{path}/{body['metadata']['name']}")


async def _delete(api: Api, path: str) -> None:
    # The API server may have gone before us, and everything with it.
    with suppress(OSError, ApiError):
        await api.delete(path)


async def _is_available(api: Api, group: str, version: str) -> bool:
    """Whether the API server says that it reaches the server, and passes a request on to it."""
    found = await api.get(f"{_API_SERVICES}/{version}.{group}")
    conditions = found.get("status", {}).get("conditions", [])
    if not any(c["type"] == "Available" and c["status"] == "True" for c in conditions):
        return False
    try:
        await api.get(f"/apis/{group}/{version}")
    except ApiError as error:
        if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE}:
            return False
        raise
    return True


def _service(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _NAME},
        "spec": {
            "type": "ExternalName",
            "externalName": "localhost",
            "ports": [{"port": port, "protocol": "TCP"}],
        },
    }


def _api_service(group: str, version: str, port: int, certificate: bytes) -> dict[str, Any]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": _NAMESPACE, "name": _NAME, "port": port},
            "caBundle": b64encode(certificate).decode(),
        },
    }


def _tls(client_authority: str) -> tuple[bytes, ssl.SSLContext]:
    """A new certificate (PEM), and a context that shows it and lets the API server in only."""
    key = ec.generate_private_key(ec.SECP256R1())
    # The name that the API server expects of a Service's server.
    host = f"{_NAME}.{_NAMESPACE}.svc"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=client_authority)
    with TemporaryDirectory() as folder:  # ssl reads keys from files only
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_bytes(private + certificate)
        context.load_cert_chain(file)
    return certificate, context
