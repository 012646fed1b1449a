"""The signals of `spec.scaling.signals`: from a source's figures to percent of capacity.

Three sources: the gateways' own metrics (already scraped for their readings), a named Prometheus,
and metrics.k8s.io. A source that fails makes its signals unmeasured, with the reason; nothing here
stands in for a figure that is missing.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imchat_operator.core.load import CONNECTIONS, max_age, signal_name
from imchat_operator.core.snapshot import Figure, Measured, Measurement, Unmeasured
from imchat_operator.models import (
    ImChatClusterSpec,
    Metrics,
    MetricsSource,
    ResourceBase,
    Signal,
    SignalType,
)
from imchat_operator.shell.kube import POD_METRICS, UNANSWERED, Api, ApiError, Json
from imchat_operator.shell.objects import Pod, Resources, time_of
from imchat_operator.shell.prometheus import NoFiguresError, Prometheus
from imchat_operator.units import parsed_quantity

_MIB = 1024.0 * 1024.0
_UNITS = {
    SignalType.CONNECTIONS: CONNECTIONS,
    SignalType.CPU: "cores",
    SignalType.MEMORY: "MiB",
    SignalType.NETWORK: "bytes/s",
    SignalType.DISK: "bytes",
    SignalType.QUERY: "",
}
_COUNTER = "_total"
_OWN_METRICS = {
    SignalType.CPU: "process_cpu_seconds_total",
    SignalType.MEMORY: "process_resident_memory_bytes",
}


def own_metric(signal: Signal) -> str:
    """Return the metric of the gateway's own endpoint that tells a signal."""
    return signal.query or _OWN_METRICS.get(signal.type, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose signals: the gateways of one cluster, by its spec."""

    spec: ImChatClusterSpec
    namespace: str
    selector: str
    pods: tuple[Pod, ...]

    @property
    def metrics(self) -> Metrics:
        """Where they come from."""
        return self.spec.metrics


class Rates:
    """Counters to rates. A counter that was reset, or is seen for the first time, has no rate."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[float, datetime]] = {}
        self._rates: dict[tuple[str, str], float] = {}

    def rate(
        self, uid: str, name: str, value: float, at: datetime, *, least: timedelta
    ) -> float | None:
        """Return a counter's rate a second, over at least so long; the last one until then."""
        if not math.isfinite(value):
            return None
        key = (uid, name)
        before = self._seen.get(key)
        if before is not None and timedelta() <= at - before[1] < least:
            return self._rates.get(key)
        self._seen[key] = (value, at)
        self._rates.pop(key, None)
        if before is not None and value >= before[0] and at > before[1]:
            self._rates[key] = (value - before[0]) / (at - before[1]).total_seconds()
        return self._rates.get(key)

    def forget_all_but(self, uids: frozenset[str]) -> None:
        """Forget the counters of gateways that are gone."""
        self._seen = {key: seen for key, seen in self._seen.items() if key[0] in uids}
        self._rates = {key: rate for key, rate in self._rates.items() if key[0] in uids}


class Signals:
    """Measurements of one cluster's gateways; remembers counters between two samples."""

    def __init__(self, api: Api, prometheus: Prometheus) -> None:
        self._api = api
        self._prometheus = prometheus
        self._rates = Rates()

    async def measured(
        self,
        asked: Asked,
        scraped: Mapping[str, Mapping[str, float]],
        times: Mapping[str, datetime],
    ) -> tuple[Measurement, ...]:
        """Return what the source tells of every signal that the readings do not tell.

        Args:
            asked: whose signals.
            scraped: values of the gateways' own metrics, by pod uid and name.
            times: when each of them was scraped, by pod uid.
        """
        match asked.metrics.source:
            case MetricsSource.PODS:
                own = [
                    s for s in asked.spec.scaling.signals if s.type is not SignalType.CONNECTIONS
                ]
                self._rates.forget_all_but(frozenset(scraped))
                return tuple(self._own(asked, s, scraped, times) for s in own)
            case MetricsSource.PROMETHEUS:
                found = (self._queried(asked, s) for s in asked.spec.scaling.signals)
                return tuple(await asyncio.gather(*found))
            case MetricsSource.RESOURCE:
                return await self._by_usage(asked)

    def _own(
        self,
        asked: Asked,
        signal: Signal,
        scraped: Mapping[str, Mapping[str, float]],
        times: Mapping[str, datetime],
    ) -> Measurement:
        name = own_metric(signal)
        values: dict[str, float] = {}
        for pod in asked.pods:
            value = scraped.get(pod.uid, {}).get(name)
            if value is not None and name.endswith(_COUNTER):
                least = asked.metrics.interval / 2
                value = self._rates.rate(pod.uid, name, value, times[pod.uid], least=least)
            if value is not None and math.isfinite(value) and value >= 0:
                values[pod.name] = value
        if not values:
            what = f"a rate of {name} yet" if name.endswith(_COUNTER) else name
            why = f"no gateway tells {what}"
            return Unmeasured(signal=signal_name(signal), why=why)
        at = {pod.name: times[pod.uid] for pod in asked.pods if pod.name in values}
        return _measurement(asked, signal, values, at)

    async def _queried(self, asked: Asked, signal: Signal) -> Measurement:
        if not asked.pods:
            return _measurement(asked, signal, {}, {})
        at = datetime.now(UTC)
        queries = [promql(asked, signal)]
        if signal.type is SignalType.CONNECTIONS and signal.capacity is None:
            most = asked.metrics.pods.max_connections
            queries.append(f"max by (pod) ({_of_ours(asked, most)})")
        try:
            values, *more = await asyncio.gather(*(self._by_pod(asked, q) for q in queries))
        except NoFiguresError as error:
            return Unmeasured(signal=signal_name(signal), why=str(error))
        if not values.keys() & {p.name for p in asked.pods}:
            why = "the query gives no value for any of the gateways"
            return Unmeasured(signal=signal_name(signal), why=why)
        capacities = more[0] if more else {}
        return _measurement(asked, signal, values, dict.fromkeys(values, at), capacities)

    async def _by_pod(self, asked: Asked, query: str) -> dict[str, float]:
        server = asked.metrics.prometheus
        return await self._prometheus.by_pod(
            server.name if server else "",
            query,
            asked.namespace,
            within=asked.metrics.timeout,
            lookback=max_age(asked.metrics),
        )

    async def _by_usage(self, asked: Asked) -> tuple[Measurement, ...]:
        signals = asked.spec.scaling.signals
        try:
            items = await self._listed(asked)
            times = {i["metadata"]["name"]: time_of(i["timestamp"]) for i in items}
            used = [_used(items, s.type) for s in signals]
        except NoFiguresError as error:
            why = str(error)
        except (AttributeError, LookupError, TypeError, ValueError):
            why = "metrics.k8s.io answered with no list of pod metrics"
        else:
            found = zip(signals, used, strict=True)
            return tuple(_measurement(asked, s, values, times) for s, values in found)
        return tuple(Unmeasured(signal=signal_name(s), why=why) for s in signals)

    async def _listed(self, asked: Asked) -> list[Json]:
        path, query = POD_METRICS.path(asked.namespace), {"labelSelector": asked.selector}
        try:
            async with asyncio.timeout(asked.metrics.timeout.total_seconds()):
                listed = await self._api.request("GET", path, query=query)
        except ApiError as error:
            why = f"metrics.k8s.io refused ({error}): is a metrics server installed?"
            raise NoFiguresError(why) from error
        except UNANSWERED as error:
            why = f"metrics.k8s.io does not answer ({type(error).__name__})"
            raise NoFiguresError(why) from error
        items: list[Json] = listed["items"]
        return items


def promql(asked: Asked, signal: Signal) -> str:
    """Return the query of a signal: its own, or what is usual for its type."""
    if signal.query:
        return signal.query
    match signal.type:
        case SignalType.CONNECTIONS:
            return f"sum by (pod) ({_of_ours(asked, asked.metrics.pods.connections)})"
        case SignalType.CPU:
            seconds = _of_ours(asked, "container_cpu_usage_seconds_total", 'container!=""')
            return f"sum by (pod) (rate({seconds}[2m]))"
        case SignalType.MEMORY:
            used = _of_ours(asked, "container_memory_working_set_bytes", 'container!=""')
            return f"sum by (pod) ({used})"
        case SignalType.NETWORK:
            received = _of_ours(asked, "container_network_receive_bytes_total")
            sent = _of_ours(asked, "container_network_transmit_bytes_total")
            return f"sum by (pod) (rate({received}[2m])) + sum by (pod) (rate({sent}[2m]))"
        case _:
            return ""


def _of_ours(asked: Asked, metric: str, *matchers: str) -> str:
    names = "|".join(p.name.replace(".", "[.]") for p in asked.pods)
    chosen = ", ".join((f'namespace="{asked.namespace}"', f'pod=~"{names}"', *matchers))
    return f"{metric}{{{chosen}}}"


def _used(items: Sequence[Json], kind: SignalType) -> dict[str, float]:
    name = kind.lower()
    usages = {i["metadata"]["name"]: [c["usage"] for c in i["containers"]] for i in items}
    return {
        pod: sum(parsed_quantity(usage[name]) for usage in containers)
        for pod, containers in usages.items()
        if containers and all(name in usage for usage in containers)
    }


def _measurement(
    asked: Asked,
    signal: Signal,
    values: Mapping[str, float],
    times: Mapping[str, datetime],
    capacities: Mapping[str, float] | None = None,
) -> Measurement:
    is_resource = signal.type in {SignalType.CPU, SignalType.MEMORY}
    capacity_of = {p.name: _capacity(p, signal, capacities or {}) for p in asked.pods}
    scale = _MIB if signal.type is SignalType.MEMORY else 1.0
    figures = [
        Figure(uid=p.uid, value=values[p.name] / scale, capacity=capacity / scale, at=times[p.name])
        for p in asked.pods
        if p.name in values and (capacity := capacity_of[p.name]) is not None
    ]
    limitless = [p.name for p in asked.pods if p.name in values and capacity_of[p.name] is None]
    if is_resource and limitless and not figures:
        base = signal.of.lower()
        why = f"the gateways set no {signal.type.lower()} {base}: add them to the pod's containers"
        return Unmeasured(signal=signal_name(signal), why=why)
    if limitless and not figures:
        why = "the source tells no maximum of connections: set capacity"
        return Unmeasured(signal=signal_name(signal), why=why)
    return Measured(
        signal=signal_name(signal),
        unit=_UNITS[signal.type] or signal_name(signal),
        figures=tuple(figures),
        base=signal.of.lower() if is_resource else "",
    )


def _capacity(pod: Pod, signal: Signal, told: Mapping[str, float]) -> float | None:
    if signal.capacity is not None:
        return parsed_quantity(signal.capacity)
    if signal.type is SignalType.CONNECTIONS:
        return told.get(pod.name)
    resources: Resources = pod.requests if signal.of is ResourceBase.REQUESTS else pod.limits
    # A request or limit of 0 is none.
    return (resources.cpu if signal.type is SignalType.CPU else resources.memory) or None


def wanted_metrics(signals: Sequence[Signal], source: MetricsSource) -> frozenset[str]:
    """Return the names to scrape from the gateways for signals of this source."""
    if source is not MetricsSource.PODS:
        return frozenset()
    return frozenset(filter(None, map(own_metric, signals)))
