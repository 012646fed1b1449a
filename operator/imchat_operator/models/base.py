"""What both custom resources share: group and version, the model, conditions, CEL rules."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from imchat_operator.units import Instant

GROUP = "imchat.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


def validations(*rules: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema extension that has the API server check CEL rules."""
    return {"x-kubernetes-validations": [dict(rule) for rule in rules]}


class Model(BaseModel):
    """Frozen, camelCase in JSON; unknown fields are dropped, so that a newer CRD does no harm."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )

    def to_json(self, *, sparse: bool = False) -> dict[str, Any]:
        """Return the JSON form as the API server stores it: no nulls, times in RFC 3339.

        Args:
            sparse: leave out what has its default, so that `kubectl describe` stays short.
        """
        return self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude_defaults=sparse
        )


class Condition(Model):
    """One aspect of the state, as Kubernetes' API conventions define it."""

    type: str = Field(max_length=64, description="The question.")
    status: Literal["True", "False", "Unknown"] = Field(description="The answer.")
    reason: str = Field(max_length=64, description="Why, in one word.")
    message: str = Field("", max_length=1024, description="Why, with the figures.")
    last_transition_time: Instant = Field(description="When the answer last changed.")
    observed_generation: int = Field(0, description="The spec's generation that it is about.")
