"""Whether what the gateways depend on is up: probes of `spec.dependencies`.

A Service is asked at the cluster IP that the API server gives for it, in the cluster's own
namespace; a metric, of a source that the administrator named. So nobody can point the operator at
an address. Redirects are not followed and no answer's body is read. What can't be judged is
unknown, and says why: a wrong declaration or a fault on our side is never an outage.
"""

import asyncio
import errno
import math
import os
import time
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from imchat_operator.core.snapshot import DependencyState
from imchat_operator.http_session import HttpSession
from imchat_operator.models import Dependency, HttpProbe, MetricProbe, TcpProbe
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.kube import Api, ApiError, Json, Resource
from imchat_operator.shell.prometheus import NoFiguresError, Prometheus

SERVICES = Resource(group="", version="v1", plural="services")

_LONGEST_REASON = 200
# What the other end, or the way to it, answers. Any other error is our own: no route, no sockets.
_UNCONNECTABLE = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ETIMEDOUT,
    }
)


class _DownError(Exception):
    """A dependency is down, with the reason in words."""


class _UnknownError(Exception):
    """A dependency can't be judged, with the reason in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What the probes found, of which declaration, and when (monotonic seconds)."""

    at: float
    declared: tuple[Dependency, ...]
    states: tuple[DependencyState, ...]


class _Web(HttpSession):
    """Client of the Services that speak HTTP."""

    async def get(self, url: str, seconds: float) -> None:
        """Return if a URL answers with a status from 200 to 399.

        Raises:
            _DownError: it does not.
            _UnknownError: that can't be told.
        """
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.get(url, timeout=timeout, allow_redirects=False) as answer:
                status = answer.status
        except TimeoutError as error:
            raise _DownError(f"no answer within {seconds:g}s") from error
        except aiohttp.ClientConnectorError as error:
            raise _unconnected(error.os_error) from error
        except (aiohttp.ServerConnectionError, OSError) as error:
            raise _DownError(f"broke off: {type(error).__name__}") from error
        except aiohttp.ClientError as error:
            raise _UnknownError("its answer is no HTTP: is the port the right one?") from error
        if not 200 <= status < 400:  # noqa: PLR2004 -- HTTP's own numbers
            raise _DownError(f"answered HTTP {status}")


class Dependencies:
    """What one cluster's gateways depend on; remembers the latest answers."""

    def __init__(
        self,
        api: Api,
        prometheus: Prometheus,
        namespace: str,
        *,
        within: timedelta = timedelta(seconds=2),
    ) -> None:
        """Begin without answers.

        Args:
            api: where Services are looked up.
            prometheus: the metric sources.
            namespace: the cluster's own; Services of no other one are asked.
            within: how long the API server may take, and then what is asked.
        """
        self._api = api
        self._prometheus = prometheus
        self._namespace = namespace
        self._seconds = within.total_seconds()
        self._latest: _Answers | None = None

    async def states(
        self, declared: tuple[Dependency, ...], longest: timedelta
    ) -> tuple[DependencyState, ...]:
        """Return the state of each dependency, in order; none is older than `longest`.

        They are asked side by side, and only if the latest answers are too old or of another
        declaration. A probe that fails is a state, never an error.
        """
        if not declared:
            return ()
        now, latest = time.monotonic(), self._latest
        is_recent = latest is not None and now - latest.at < longest.total_seconds()
        if latest is not None and is_recent and latest.declared == declared:
            return latest.states
        async with _Web() as web:
            states = tuple(await asyncio.gather(*(self._state(d, web) for d in declared)))
        self._latest = _Answers(at=now, declared=declared, states=states)
        return states

    async def _state(self, dependency: Dependency, web: _Web) -> DependencyState:
        try:
            await self._probe(dependency, web)
        except _DownError as error:
            return DependencyState(name=dependency.name, up=False, why=str(error))
        except _UnknownError as error:
            why = str(error)[:_LONGEST_REASON]
            return DependencyState(name=dependency.name, up=None, why=why)
        return DependencyState(name=dependency.name, up=True)

    async def _probe(self, dependency: Dependency, web: _Web) -> None:
        """Return if a dependency is up.

        Raises:
            _DownError: it is not.
            _UnknownError: that can't be told.
        """
        match dependency:
            case Dependency(tcp=TcpProbe() as probe):
                await _connect(await self._address(probe), self._seconds)
            case Dependency(http=HttpProbe() as probe):
                address = await self._address(probe)
                await web.get(address.url(probe.path), self._seconds)
            case Dependency(metric=MetricProbe() as probe):
                await self._query(probe)
            case _:
                raise _UnknownError("spec.dependencies: needs exactly one of tcp, http and metric")

    async def _address(self, probe: TcpProbe | HttpProbe) -> Address:
        name = probe.service
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._api.request("GET", SERVICES.path(self._namespace, name))
        except ApiError as error:
            raise _UnknownError(_refusal(name, error)) from error
        except TimeoutError as error:
            why = f"the API server did not answer within {self._seconds:g}s"
            raise _UnknownError(f"Service {name} can't be read: {why}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = f"the API server does not answer ({type(error).__name__})"
            raise _UnknownError(f"Service {name} can't be read: {why}") from error
        return _cluster_address(name, found, probe.port)

    async def _query(self, probe: MetricProbe) -> None:
        within = timedelta(seconds=self._seconds)
        try:
            values = await self._prometheus.values(
                probe.source, probe.query, self._namespace, within=within
            )
        except NoFiguresError as error:
            raise _UnknownError(str(error)) from error
        if not values:
            raise _UnknownError("the query has no value")
        which = "its value" if len(values) == 1 else f"one of its {len(values)} values"
        if 0 in values:
            raise _DownError(f"{which} is 0")
        if any(map(math.isnan, values)):
            raise _DownError(f"{which} is NaN")


async def _connect(address: Address, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError as error:
        raise _DownError(f"no answer within {seconds:g}s") from error
    except OSError as error:
        raise _unconnected(error) from error
    writer.close()


def _unconnected(error: OSError) -> _DownError | _UnknownError:
    if error.errno in _UNCONNECTABLE:
        return _DownError(f"can't be connected to: {os.strerror(error.errno)}")
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    return _UnknownError(f"the operator can't connect to it: {why}")


def _refusal(service: str, error: ApiError) -> str:
    match error.status:
        case 404:
            why = f"there is no Service {service}: create it or correct the name"
        case 403:
            why = f"the operator may not read Service {service}: grant it `get` on services"
        case _:
            return f"Service {service} can't be read: the API server refused ({error})"
    return f"spec.dependencies: {why}"


def _cluster_address(service: str, found: Json, port: int) -> Address:
    spec = found.get("spec", {})
    advice = "name a Service with a cluster IP"
    if spec.get("type") == "ExternalName":
        why = f"Service {service} is of type ExternalName, which is not followed: {advice}"
        raise _UnknownError(f"spec.dependencies: {why}")
    host = spec.get("clusterIP", "")
    if host in {"", "None"}:
        raise _UnknownError(f"spec.dependencies: Service {service} has no cluster IP: {advice}")
    ports = [p["port"] for p in spec.get("ports", ()) if p.get("protocol", "TCP") == "TCP"]
    if port not in ports:
        known = ", ".join(map(str, ports)) or "none"
        why = f"correct the port: Service {service} has no TCP port {port}, it has {known}"
        raise _UnknownError(f"spec.dependencies: {why}")
    return Address(host=host, port=port)
