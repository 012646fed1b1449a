"""The gateways' own HTTP endpoints: metrics and drain. See docs/gateway-contract.md.

A gateway is asked at its pod's address only, redirects are not followed, and answers are limited
in size and time, so that a broken one costs no more than its time-out.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from imchat_operator.core.decision import StartDrain
from imchat_operator.core.snapshot import Reported, Silent, Unreadable
from imchat_operator.http_session import HttpSession, TooLargeError, content
from imchat_operator.models import Metrics

_LARGEST_ANSWER = 1 << 20
_LONGEST_REASON = 200
_DRAIN_TIMEOUT = 5.0
_DRAINING = "imchat_gateway_draining"
ACCEPTED = "imchat_gateway_connections_accepted_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a gateway answers."""

    host: str
    port: int

    def url(self, path: str) -> str:
        """Return the URL of a path; IPv6 addresses are bracketed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What a gateway's metrics say: its figures, the other values asked for, and in what time."""

    reading: Reported | Silent | Unreadable
    values: Mapping[str, float] = field(default_factory=dict)
    took: timedelta = timedelta()


class RefusedError(Exception):
    """A gateway did not do what it was asked, with the reason in words."""


class UnansweredError(RefusedError):
    """A gateway did not answer at all."""


class Gateways(HttpSession):
    """Client of all gateways; an async context manager."""

    def __init__(self) -> None:
        # Waiting for the hung ones of others would count as a gateway's own silence.
        super().__init__(limit=0)

    async def scrape(
        self, address: Address, metrics: Metrics, more: Collection[str] = ()
    ) -> Scrape:
        """Return a gateway's figures, or why it gave none.

        Args:
            address: where it answers.
            metrics: what its figures are called, and how long it may take.
            more: names of further metrics of interest.
        """
        began = time.monotonic()
        try:
            url = address.url(metrics.pods.path)
            text = await self._sent("GET", url, metrics.timeout.total_seconds())
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
        """
        body = {
            "connectionsPerSecond": action.connections_per_second,
            "deadlineSeconds": action.deadline.total_seconds(),
        }
        if action.keep:
            body["keepConnections"] = action.keep
        await self._sent("POST", address.url("/drain"), _DRAIN_TIMEOUT, body)

    async def cancel_drain(self, address: Address) -> None:
        """Have a gateway take connections again.

        Raises:
            RefusedError: it did not agree.
        """
        await self._sent("DELETE", address.url("/drain"), _DRAIN_TIMEOUT)

    async def _sent(
        self, method: str, url: str, seconds: float, body: dict[str, Any] | None = None
    ) -> str:
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.request(
                method, url, json=body, timeout=timeout, allow_redirects=False
            ) as answer:
                text = (await content(answer, _LARGEST_ANSWER)).decode(errors="replace")
                if answer.status != 200:  # noqa: PLR2004 -- HTTP's own number
                    raise RefusedError(f"answered HTTP {answer.status}")
                return text
        except TooLargeError as error:
            raise RefusedError(f"answered with {error}") from error
        except TimeoutError as error:
            raise UnansweredError(f"no answer within {seconds:g}s") from error
        except aiohttp.ClientConnectorError as error:
            raise UnansweredError(f"can't be connected to: {error.os_error.strerror}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnansweredError(f"broke off: {type(error).__name__}") from error


def _names(metrics: Metrics) -> frozenset[str]:
    pods = metrics.pods
    return frozenset({pods.connections, pods.max_connections, _DRAINING, ACCEPTED})


def _values(text: str, wanted: Collection[str]) -> dict[str, float]:
    """Return the values of the metrics with these names, summed over their labels.

    Raises:
        RefusedError: this is no Prometheus text.
    """
    found: dict[str, float] = {}
    # The parser is slow, and a gateway may have a megabyte of other metrics.
    lines = "".join(f"{t}\n" for t in text.splitlines() if t.startswith(tuple(wanted)))
    try:
        for family in text_string_to_metric_families(lines):
            for sample in family.samples:
                if sample.name in wanted:
                    found[sample.name] = found.get(sample.name, 0) + sample.value
    except ValueError as error:
        raise RefusedError(f"its metrics can't be read: {error}"[:_LONGEST_REASON]) from error
    return found


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
