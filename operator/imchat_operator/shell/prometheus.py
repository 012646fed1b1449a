"""The Prometheus servers that the administrator named: one instant query, its values.

A custom resource names a server and a query; address, token and CA are the operator's own
configuration. Redirects are not followed, answers are limited in size and time.
"""

import json
import math
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import aiohttp

from imchat_operator.http_session import HttpSession, TooLargeError, content
from imchat_operator.settings import PrometheusServer
from imchat_operator.shell.credentials import CredentialsError, authorization, trust_in

_LARGEST_ANSWER = 4 << 20
_LONGEST_REASON = 200

T = TypeVar("T")


class NoFiguresError(Exception):
    """A source gave no figures, with the reason in words."""


class Prometheus(HttpSession):
    """Client of all named servers; an async context manager."""

    def __init__(self, servers: Mapping[str, PrometheusServer]) -> None:
        super().__init__()
        self._servers = servers

    async def by_pod(
        self, server: str, query: str, namespace: str, *, within: timedelta, lookback: timedelta
    ) -> dict[str, float]:
        """Return a query's values by the label `pod`; values that are no numbers are left out.

        Args:
            server: name of a configured server.
            query: PromQL that gives an instant vector.
            namespace: who asks; series that say to be of another one are left out.
            within: how long the server may take.
            lookback: how old a sample may be to count, where the server heeds that.

        Raises:
            NoFiguresError: there is no such server, it did not answer, or not with such a vector.
        """
        # In seconds: of durations with a unit, Prometheus reads whole numbers only.
        fields = {
            "query": query,
            "timeout": str(within.total_seconds()),
            "lookback_delta": str(lookback.total_seconds()),
        }
        answer = await self._asked(server, fields, within, namespace)
        return _read(server, answer, partial(_by_pod, namespace=namespace))

    async def values(
        self, server: str, query: str, namespace: str, *, within: timedelta
    ) -> tuple[float, ...]:
        """Return all values of a query, NaN and infinite ones too; empty if it has none.

        Args:
            server: name of a configured server.
            query: PromQL that gives an instant vector or a scalar.
            namespace: who asks.
            within: how long the server may take.

        Raises:
            NoFiguresError: there is no such server, it did not answer, or not with such values.
        """
        fields = {"query": query, "timeout": str(within.total_seconds())}
        answer = await self._asked(server, fields, within, namespace)
        return _read(server, answer, _all_values)

    async def _asked(
        self, server: str, fields: dict[str, str], within: timedelta, namespace: str
    ) -> Any:
        servers = {
            name: one
            for name, one in self._servers.items()
            if not one.namespaces or namespace in one.namespaces
        }
        if server not in servers:
            names = ", ".join(sorted(servers)) or "none"
            raise NoFiguresError(
                f"the operator's configuration has no Prometheus {server!r} for this namespace "
                f"(it has {names})"
            )
        known = servers[server]
        try:
            async with self._session.post(
                f"{known.url.rstrip('/')}/api/v1/query",
                data=fields,
                headers=authorization(known.token_file),
                ssl=_trust(known),
                timeout=aiohttp.ClientTimeout(total=within.total_seconds()),
                allow_redirects=False,
            ) as answer:
                status, text = answer.status, await content(answer, _LARGEST_ANSWER)
        except CredentialsError as error:
            raise NoFiguresError(f"Prometheus {server} is not asked: {error}") from error
        except TooLargeError as error:
            raise NoFiguresError(f"Prometheus {server} answered with {error}") from error
        except TimeoutError as error:
            seconds = within.total_seconds()
            raise NoFiguresError(
                f"Prometheus {server} did not answer within {seconds:g}s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise NoFiguresError(
                f"Prometheus {server} can't be asked: {why}"[:_LONGEST_REASON]
            ) from error
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise NoFiguresError(f"Prometheus {server} answered HTTP {status}, no JSON") from error


def _trust(server: PrometheusServer) -> ssl.SSLContext | bool:
    return trust_in(server.ca_file) if server.ca_file else True


def _read(server: str, answer: Any, read: Callable[[Any], T]) -> T:
    if not isinstance(answer, dict) or answer.get("status") != "success":
        why = answer.get("error", "no reason given") if isinstance(answer, dict) else "no object"
        raise NoFiguresError(f"Prometheus {server} refused the query: {why}"[:_LONGEST_REASON])
    try:
        return read(answer["data"])
    except (AttributeError, LookupError, TypeError) as error:
        raise NoFiguresError(f"Prometheus {server} answered with no query's result") from error


def _all_values(data: Any) -> tuple[float, ...]:
    match data["resultType"]:
        case "vector":
            series = data["result"]
        case "scalar":
            series = [{"value": data["result"]}]
        case kind:
            raise NoFiguresError(f"the query gives a {kind}: have it give a vector or a scalar")
    try:
        return tuple(float(s["value"][1]) for s in series)
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        raise NoFiguresError("the query gives a value that is no number") from error


def _by_pod(data: Any, namespace: str) -> dict[str, float]:
    if data["resultType"] != "vector":
        raise NoFiguresError(
            f"the query gives a {data['resultType']}: have it give a vector, by (pod)"
        )
    found: dict[str, float] = {}
    for series in data["result"]:
        labels = series.get("metric", {})
        pod = labels.get("pod", "")
        if labels.get("namespace", namespace) != namespace:
            continue
        if not pod:
            raise NoFiguresError("the query's values have no label `pod`: aggregate with by (pod)")
        if pod in found:
            raise NoFiguresError(
                f"the query gives two values for pod {pod}: aggregate with by (pod)"
            )
        try:
            found[pod] = float(series["value"][1])
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            raise NoFiguresError(f"the query gives no number for pod {pod}") from error
    return {pod: value for pod, value in found.items() if math.isfinite(value) and value >= 0}
