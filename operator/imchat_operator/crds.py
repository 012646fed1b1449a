"""The CustomResourceDefinitions, made from the models by `python -m imchat_operator.crds DIR`.

pydantic's JSON schema is no structural schema (references, `anyOf` with null, titles), which the
API server refuses; `structural_schema` is the translation. The files under crds/ are checked in,
and a test compares them with what this module makes.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema

from imchat_operator.models import (
    GROUP,
    VERSION,
    ImChatClusterSpec,
    ImChatClusterStatus,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
    Model,
)
from imchat_operator.models.base import validations
from imchat_operator.units import duration_text

# What Kubernetes' structural schemas share with JSON Schema, and is taken over as it stands.
_KEPT = (
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "description",
    "default",
    "x-kubernetes-validations",
)


class _ApiJsonSchema(GenerateJsonSchema):
    """Writes defaults as the API does: `15s`, not ISO 8601, and camelCase names."""

    def encode_default(self, dft: Any) -> Any:
        match dft:
            case timedelta():
                return duration_text(dft)
            case Model():
                return dft.to_json()
            case tuple():
                return [self.encode_default(item) for item in dft]
            case _:
                return super().encode_default(dft)


def structural_schema(model: type[Model]) -> dict[str, Any]:
    """Return a model's OpenAPI v3 schema in the structural form that CRDs need."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_ApiJsonSchema)
    return _structural(schema, schema.get("$defs", {}))


def _structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    node = _resolved(node, definitions)
    out = {key: node[key] for key in _KEPT if key in node}
    if "const" in node:
        out["enum"] = [node["const"]]
    if "properties" in node:
        out["properties"] = {
            name: _structural(child, definitions) for name, child in node["properties"].items()
        }
    if "items" in node:
        out["items"] = _structural(node["items"], definitions)
    if isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if out.get("default", ...) is None:
        del out["default"]
    return out


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Merge what a node refers to into it; what the node says itself wins."""
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            node = {**option, **{k: v for k, v in node.items() if k != "anyOf"}}
    if "$ref" in node:
        base = _resolved(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
        node = {**base, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def _without_defaults(schema: Any) -> Any:
    """Leave status as it is written: the API server would add every empty list to it."""
    match schema:
        case dict():
            return {k: _without_defaults(v) for k, v in schema.items() if k != "default"}
        case list():
            return [_without_defaults(item) for item in schema]
        case _:
            return schema


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return {**column, "priority": priority} if priority else column


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_AGE = _column("Age", ".metadata.creationTimestamp", "date")


# Nobody would give back what is drained of a workload that is no longer looked at.
_NO_DRAIN_IS_LEFT = {
    "rule": "self.spec.targetRef == oldSelf.spec.targetRef || !has(self.status) || "
    "!has(self.status.drains) || self.status.drains.all(d, d.phase == 'Quarantined')",
    "message": "targetRef can't change while gateways are being drained (status.drains): try again "
    "when that is over, or delete this object, which undoes it, and create it anew",
    "fieldPath": ".spec.targetRef",
}


def _crd(
    names: tuple[str, str, str],
    spec: type[Model],
    status: type[Model],
    columns: list[dict[str, Any]],
    *rules: dict[str, str],
) -> dict[str, Any]:
    kind, plural, short = names
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": spec.__doc__,
                "required": ["spec"],
                **(validations(*rules) if rules else {}),
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": structural_schema(spec),
                    "status": _without_defaults(structural_schema(status)),
                },
            }
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["all", "imchat"],
            },
            "versions": [version],
        },
    }


def definitions() -> dict[str, dict[str, Any]]:
    """Return the CRDs by the name of the file each is kept in."""
    return {
        "imchatclusters.yaml": _crd(
            ("ImChatCluster", "imchatclusters", "imc"),
            ImChatClusterSpec,
            ImChatClusterStatus,
            [
                _column("Ready", _condition("Ready", "status")),
                _column("Gateways", ".status.readyReplicas", "integer"),
                _column("Desired", ".status.desiredReplicas", "integer"),
                _column("Scaling", _condition("Scaling", "reason")),
                _column("Healing", _condition("Healing", "reason")),
                _column("Window", ".status.window"),
                _column("Min", ".spec.minReplicas", "integer", 1),
                _column("Max", ".spec.maxReplicas", "integer", 1),
                _column("Waiting-for", _condition("Scaling", "message"), "string", 1),
                _AGE,
            ],
            _NO_DRAIN_IS_LEFT,
        ),
        "maintenancewindows.yaml": _crd(
            ("MaintenanceWindow", "maintenancewindows", "mwin"),
            MaintenanceWindowSpec,
            MaintenanceWindowStatus,
            [
                _column("State", ".status.state"),
                _column("Next", ".status.next"),
                _column("Ends", ".status.closes"),
                _column("Clusters", ".status.clusters"),
                _column("Effect", ".spec.effect"),
                _column("Type", ".spec.type", "string", 1),
                _column("Ticket", ".spec.ticket", "string", 1),
                _column("Why", _condition("Valid", "message"), "string", 1),
                _AGE,
            ],
        ),
    }


def as_yaml(definition: dict[str, Any]) -> str:
    """Return a CRD as the text that is checked in."""
    head = "# Made by `make crds` from operator/imchat_operator/models; edit that instead.\n"
    return head + yaml.safe_dump(definition, sort_keys=False, width=100)


if __name__ == "__main__":
    for name, definition in definitions().items():
        Path(sys.argv[1], name).write_text(as_yaml(definition))
