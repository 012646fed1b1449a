"""The operator's own configuration, read once: the environment, and the file of metric sources.

A ValueError names the variable and what to do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not url.isprintable() or " " in url:
        raise ValueError("is no address: write it like https://prometheus.monitoring.svc:9090")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("has more than host, port and path: a token belongs in tokenFile")
    return url


class _Entry(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )


class PrometheusServer(_Entry):
    """A Prometheus that ImChatClusters may name as their source.

    Attributes:
        namespaces: whose ImChatClusters may; empty for all. Who may ask it, may read it.
    """

    name: str = Field(min_length=1, max_length=63)
    url: Annotated[str, AfterValidator(_address)]
    token_file: str = ""
    ca_file: str = ""
    namespaces: tuple[str, ...] = ()


class GatewayAccess(_Entry):
    """How the gateways of a namespace are asked, where that is not plain HTTP.

    Attributes:
        ca_file: the authority that their certificates are from.
        server_name: the name that their certificates are for.
        token_file: what they are shown; empty for nothing.
    """

    namespace: str = Field(min_length=1, max_length=63)
    ca_file: str = Field(min_length=1)
    server_name: str = Field(min_length=1)
    token_file: str = ""


class _MetricSources(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    prometheus: tuple[PrometheusServer, ...] = ()
    gateways: tuple[GatewayAccess, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this operator runs.

    Attributes:
        namespaces: where ImChatClusters are served; empty for all namespaces.
        address: where its own metrics and health endpoint listens.
        metrics_port: port of its own Prometheus metrics; 0 for none.
        health_port: port of `/healthz`; 0 for none.
        log_format: `text` or `json`.
        audit_log: the file that audit lines are added to; empty for the log alone.
        prometheus: the metric sources that an ImChatCluster may name.
        lease: namespace and name of the Lease by which replicas elect their leader; empty where
            the operator is the only one.
        identity: what this replica is called in it.
        gateways: how gateways are asked, in namespaces where that is not plain HTTP.
        gateway_networks: where gateways may be; empty for wherever pods can.
    """

    namespaces: tuple[str, ...] = ()
    address: str = "0.0.0.0"  # noqa: S104 -- a pod's probes and scrapes come from outside it
    metrics_port: int = 9090
    health_port: int = 8081
    log_format: str = "text"
    audit_log: str = ""
    prometheus: tuple[PrometheusServer, ...] = ()
    lease: tuple[str, str] | None = None
    identity: str = ""
    gateways: tuple[GatewayAccess, ...] = ()
    gateway_networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings that `IMCHAT_*` variables give.

        Raises:
            ValueError: a variable has a value that means nothing.
        """
        default = cls()
        log_format = environment.get("IMCHAT_LOG_FORMAT", default.log_format)
        if log_format not in {"text", "json"}:
            raise ValueError(f"IMCHAT_LOG_FORMAT is {log_format!r}: set it to text or json")
        names = environment.get("IMCHAT_NAMESPACES", "").split(",")
        sources = _sources(environment.get("IMCHAT_METRIC_SOURCES", ""))
        return cls(
            namespaces=tuple(name.strip() for name in names if name.strip()),
            address=environment.get("IMCHAT_ADDRESS", default.address),
            metrics_port=_port(environment, "IMCHAT_METRICS_PORT", default.metrics_port),
            health_port=_port(environment, "IMCHAT_HEALTH_PORT", default.health_port),
            log_format=log_format,
            audit_log=_file(environment.get("IMCHAT_AUDIT_LOG", default.audit_log)),
            prometheus=sources.prometheus,
            gateways=sources.gateways,
            gateway_networks=_networks(environment.get("IMCHAT_GATEWAY_NETWORKS", "")),
            lease=_lease(environment.get("IMCHAT_LEASE", "")),
            identity=environment.get("IMCHAT_IDENTITY", default.identity),
        )


def _lease(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    namespace, _, name = text.partition("/")
    if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
        raise ValueError(
            f"IMCHAT_LEASE is {text!r}: set it to NAMESPACE/NAME of a Lease, "
            "or leave it out where one operator runs"
        )
    return namespace, name


def _sources(path: str) -> _MetricSources:
    if not path:
        return _MetricSources()
    try:
        text = Path(path).read_text(encoding="utf-8")
        found = _MetricSources.model_validate(yaml.safe_load(text) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"IMCHAT_METRIC_SOURCES: {path} can't be read: {why}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "the whole file"
        why = fault["msg"].removeprefix("Value error, ")
        raise ValueError(f"IMCHAT_METRIC_SOURCES: {path}: {field}: {why}") from error
    _unique(path, "prometheus", "name", "server", [s.name for s in found.prometheus])
    _unique(path, "gateways", "namespace", "entry", [g.namespace for g in found.gateways])
    return found


def _file(path: str) -> str:
    """Return the path of a file that is to be written, whose directory has to exist."""
    if path and not Path(path).parent.is_dir():
        folder = Path(path).parent
        raise ValueError(
            f"IMCHAT_AUDIT_LOG: there is no directory {folder}: make it, or correct the path"
        )
    return path


def _unique(path: str, field: str, key: str, what: str, names: list[str]) -> None:
    twice = [f"{field}.{n}.{key}" for n, name in enumerate(names) if name in names[:n]]
    if twice:
        why = f"another {what} has this {key}, choose one of its own"
        raise ValueError(f"IMCHAT_METRIC_SOURCES: {path}: {twice[0]}: {why}")


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(
            f"IMCHAT_GATEWAY_NETWORKS: {error}: write networks like 10.0.0.0/8,fd00::/8"
        ) from error


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 -- the largest port
        raise ValueError(f"{name} is {text!r}: set it to a port, or to 0 for none")
    return int(text)
