"""The operator's own configuration, read once: the environment, and the file of metric sources.

A ValueError names the variable and what to do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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


class PrometheusServer(BaseModel):
    """A Prometheus that ImChatClusters may name as their source."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )

    name: str = Field(min_length=1, max_length=63)
    url: Annotated[str, AfterValidator(_address)]
    token_file: str = ""
    ca_file: str = ""


class _MetricSources(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    prometheus: tuple[PrometheusServer, ...] = ()


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
        return cls(
            namespaces=tuple(name.strip() for name in names if name.strip()),
            address=environment.get("IMCHAT_ADDRESS", default.address),
            metrics_port=_port(environment, "IMCHAT_METRICS_PORT", default.metrics_port),
            health_port=_port(environment, "IMCHAT_HEALTH_PORT", default.health_port),
            log_format=log_format,
            audit_log=_file(environment.get("IMCHAT_AUDIT_LOG", default.audit_log)),
            prometheus=_prometheus(environment.get("IMCHAT_METRIC_SOURCES", "")),
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


def _prometheus(path: str) -> tuple[PrometheusServer, ...]:
    if not path:
        return ()
    try:
        text = Path(path).read_text(encoding="utf-8")
        found = _MetricSources.model_validate(yaml.safe_load(text) or {}).prometheus
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"IMCHAT_METRIC_SOURCES: {path} can't be read: {why}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "the whole file"
        why = fault["msg"].removeprefix("Value error, ")
        raise ValueError(f"IMCHAT_METRIC_SOURCES: {path}: {field}: {why}") from error
    names = [server.name for server in found]
    twice = [f"prometheus.{n}.name" for n, name in enumerate(names) if name in names[:n]]
    if twice:
        why = "another server has this name, choose one of its own"
        raise ValueError(f"IMCHAT_METRIC_SOURCES: {path}: {twice[0]}: {why}")
    return found


def _file(path: str) -> str:
    """Return the path of a file that is to be written, whose directory has to exist."""
    if path and not Path(path).parent.is_dir():
        folder = Path(path).parent
        raise ValueError(
            f"IMCHAT_AUDIT_LOG: there is no directory {folder}: make it, or correct the path"
        )
    return path


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 -- the largest port
        raise ValueError(f"{name} is {text!r}: set it to a port, or to 0 for none")
    return int(text)
