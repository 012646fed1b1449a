"""The gateways' own HTTP endpoints: metrics and drain. See docs/gateway-contract.md.

A gateway is asked at its pod's address only (shell/addresses.py), redirects are not followed, and
answers are limited in size and time, so that a broken one costs no more than its time-out. Where
the administrator gave a namespace an authority, its gateways are asked over TLS, and only those
that prove their name are shown the token.
"""

import ssl
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp

from imchat_operator.core.decision import StartDrain
from imchat_operator.core.snapshot import Reported, Silent, Unreadable
from imchat_operator.exposition import values_of
from imchat_operator.http_session import HttpSession, TooLargeError, content
from imchat_operator.models import Metrics
from imchat_operator.settings import GatewayAccess
from imchat_operator.shell.addresses import Address
from imchat_operator.shell.credentials import CredentialsError, authorization, trust_in
from imchat_operator.shell.places import Places

_LARGEST_ANSWER = 1 << 20
_LONGEST_REASON = 200
_DRAIN_TIMEOUT = 5.0
_NO_SUCH_THING = {
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}
_AT_ONCE = 64
_LONGEST_PLACE = 0.25
_DRAINING = "imchat_gateway_draining"
ACCEPTED = "imchat_gateway_connections_accepted_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What a gateway's metrics say: its figures, the other values asked for, and in what time."""

    reading: Reported | Silent | Unreadable
    values: Mapping[str, float] = field(default_factory=dict)
    took: timedelta = timedelta()


class RefusedError(Exception):
    """A gateway did not do what it was asked, with the reason in words."""


class ImpossibleError(RefusedError):
    """A gateway can't do it, or may not be asked: asking again changes nothing."""


class UnansweredError(RefusedError):
    """A gateway did not answer at all."""


class Gateways(HttpSession):
    """Client of all gateways; an async context manager."""

    def __init__(self, access: Iterable[GatewayAccess] = ()) -> None:
        """Open it.

        Args:
            access: how gateways are asked, in namespaces where that is not plain HTTP.
        """
        # Waiting for the hung ones of others would count as a gateway's own silence.
        super().__init__(limit=0)
        # Thousands asked at once would keep this process busy until the first have run out of
        # time, and look silent.
        self._places = Places(_AT_ONCE, longest=_LONGEST_PLACE)
        self._access = {one.namespace: one for one in access}

    async def scrape(
        self, address: Address, metrics: Metrics, more: Collection[str] = ()
    ) -> Scrape:
        """Return a gateway's figures, or why it gave none.

        Args:
            address: where it answers.
            metrics: what its figures are called, and how long it may take.
            more: names of further metrics of interest.
        """
        async with self._places.one():
            return await self._scraped(address, metrics, more)

    async def _scraped(self, address: Address, metrics: Metrics, more: Collection[str]) -> Scrape:
        began = time.monotonic()
        try:
            seconds = metrics.timeout.total_seconds()
            text = await self._sent("GET", address, metrics.pods.path, seconds)
            took = timedelta(seconds=time.monotonic() - began)
            values = _values(text, {*_names(metrics), *more})
        except UnansweredError as error:
            return Scrape(reading=Silent(why=str(error)))
        except RefusedError as error:
            return Scrape(reading=Unreadable(why=str(error)))
        return Scrape(reading=_reading(values, metrics), values=values, took=took)

    async def start_drain(self, address: Address, action: StartDrain) -> None:
        """Have a gateway close its connections; asking again changes nothing.

        Raises:
            RefusedError: it did not agree.
            ImpossibleError: it has no drain, or may not be asked for it.
        """
        body = {
            "connectionsPerSecond": action.connections_per_second,
            "deadlineSeconds": action.deadline.total_seconds(),
        }
        if action.keep:
            body["keepConnections"] = action.keep
        await self._sent("POST", address, "/drain", _DRAIN_TIMEOUT, body)

    async def cancel_drain(self, address: Address) -> None:
        """Have a gateway take connections again.

        Raises:
            RefusedError: it did not agree.
        """
        await self._sent("DELETE", address, "/drain", _DRAIN_TIMEOUT)

    async def _sent(
        self,
        method: str,
        address: Address,
        path: str,
        seconds: float,
        body: dict[str, Any] | None = None,
    ) -> str:
        if address.refused:
            raise ImpossibleError(address.refused)
        try:
            async with self._session.request(
                method,
                json=body,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
                **self._secured(address, path),
            ) as answer:
                text = (await content(answer, _LARGEST_ANSWER)).decode(errors="replace")
                if answer.status != HTTPStatus.OK:
                    kind = ImpossibleError if answer.status in _NO_SUCH_THING else RefusedError
                    raise kind(f"answered HTTP {answer.status}")
                return text
        except CredentialsError as error:
            raise RefusedError(f"not asked: {error}") from error
        except TooLargeError as error:
            raise RefusedError(f"answered with {error}") from error
        except TimeoutError as error:
            raise UnansweredError(f"no answer within {seconds:g}s") from error
        except aiohttp.ClientSSLError as error:
            raise _untrusted(error) from error
        except aiohttp.ClientConnectorError as error:
            raise UnansweredError(f"can't be connected to: {error.os_error.strerror}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnansweredError(f"broke off: {type(error).__name__}") from error

    def _secured(self, address: Address, path: str) -> dict[str, Any]:
        """Return where to, and as its namespace wants it: whom to believe, and what to show."""
        access = self._access.get(address.namespace)
        if access is None:
            return {"url": address.url(path)}
        return {
            "url": address.url(path, "https"),
            "ssl": trust_in(access.ca_file),
            "server_hostname": access.server_name,
            "headers": authorization(access.token_file),
        }


def _untrusted(error: aiohttp.ClientSSLError) -> RefusedError:
    """Return what is wrong with a gateway's TLS: neither ill for that, nor believed."""
    cause = error.os_error
    why = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "no TLS"
    return RefusedError(f"not believed: {why}"[:_LONGEST_REASON])


def _names(metrics: Metrics) -> frozenset[str]:
    pods = metrics.pods
    return frozenset({pods.connections, pods.max_connections, _DRAINING, ACCEPTED})


def _values(text: str, wanted: Collection[str]) -> dict[str, float]:
    """Return the values of the metrics with these names, summed over their labels.

    Raises:
        RefusedError: this is no Prometheus text, or too much of it.
    """
    try:
        return values_of(text, wanted)
    except TooLargeError as error:
        raise RefusedError(f"its metrics have {error}") from error
    except ValueError as error:
        raise RefusedError(f"its metrics can't be read: {error}"[:_LONGEST_REASON]) from error


def _reading(values: Mapping[str, float], metrics: Metrics) -> Reported | Unreadable:
    try:
        connections = int(values[metrics.pods.connections])
        capacity = int(values[metrics.pods.max_connections])
    except KeyError as error:
        return Unreadable(why=f"its metrics lack {error.args[0]}")
    except (ValueError, OverflowError) as error:  # NaN; infinity
        return Unreadable(why=f"its metrics can't be read: {error}"[:_LONGEST_REASON])
    if connections < 0 or capacity < 0:
        return Unreadable(why=f"its metrics say {connections} of {capacity} connections")
    draining = values.get(_DRAINING, 0) > 0
    return Reported(connections=connections, capacity=capacity, draining=draining)
