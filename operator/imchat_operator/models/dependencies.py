"""ImChatCluster, `spec.dependencies`: what the gateways need, and how to ask whether it is up.

A probe names a Service of the cluster's own namespace, or a metric source of the administrator's;
never an address.
"""

from typing import Any

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations

_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class TcpProbe(Model):
    """Up while a connection to the Service can be opened."""

    service: str = Field(min_length=1, max_length=63, pattern=_LABEL, description="Its name.")
    port: int = Field(ge=1, le=65535, description="A port of the Service.")


class HttpProbe(Model):
    """Up while the Service answers with a status from 200 to 399."""

    service: str = Field(min_length=1, max_length=63, pattern=_LABEL, description="Its name.")
    port: int = Field(ge=1, le=65535, description="A port of the Service.")
    path: str = Field("/", max_length=256, pattern="^/", description="Path to ask for.")


class MetricProbe(Model):
    """Up while a query has values and none of them is 0."""

    source: str = Field(
        min_length=1, max_length=63, description="Name of a metric source of the operator's own."
    )
    query: str = Field(min_length=1, max_length=2048, description="PromQL, such as `pg_up`.")


class Dependency(Model):
    """One thing that the gateways need."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            {
                "rule": "[has(self.tcp), has(self.http), has(self.metric)]"
                ".filter(given, given).size() == 1",
                "message": "needs exactly one of tcp, http and metric",
            }
        )
    )

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=_LABEL,
        description="What it is called in conditions, such as database, kafka or auth-service.",
    )
    tcp: TcpProbe | None = Field(None, description="Open a connection to a Service.")
    http: HttpProbe | None = Field(None, description="Ask a Service over HTTP.")
    metric: MetricProbe | None = Field(None, description="Ask a metric source.")


def unique_names() -> dict[str, Any]:
    """Return the rule that no two dependencies have the same name."""
    return validations(
        {
            "rule": "self.all(one, self.exists_one(other, other.name == one.name))",
            "message": "every dependency needs a name of its own",
        }
    )
