"""A container's environment: the downward API and `$(VAR)` as Kubernetes expands it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from loopback_node.api import Json

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


class UnsupportedError(Exception):
    """A manifest asks for what a loopback node does not have; its text is a sentence for users."""


def pod_fields(pod: Json, *, address: str, host_address: str) -> Mapping[str, str]:
    """The values that a fieldRef can name, by its fieldPath."""
    metadata, spec = pod["metadata"], pod["spec"]
    fields = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec["nodeName"],
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": host_address,
        "status.hostIPs": host_address,
    }
    for group in ("labels", "annotations"):
        for key, value in metadata.get(group, {}).items():
            fields[f"metadata.{group}['{key}']"] = value
    return fields


def environment(variables: Iterable[Json], fields: Mapping[str, str]) -> Mapping[str, str]:
    """The variables in order, each expanded by those before it.

    Raises `UnsupportedError` for a value from a ConfigMap, a Secret, a resource or a field that a
    loopback node does not have.
    """
    env: dict[str, str] = {}
    for variable in variables:
        env[variable["name"]] = _value(variable, env, fields)
    return env


def expanded(text: str, env: Mapping[str, str]) -> str:
    """`text` with `$(NAME)` replaced; `$$` is a dollar sign, an unknown name stays as written."""

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        return env.get(name, match.group(0))

    return _REFERENCE.sub(replacement, text)


def _value(variable: Json, env: Mapping[str, str], fields: Mapping[str, str]) -> str:
    match variable.get("valueFrom"):
        case None:
            return expanded(variable.get("value", ""), env)
        case {"fieldRef": {"fieldPath": path}} if path in fields:
            return fields[path]
        case {"fieldRef": {"fieldPath": str(path)}} if path.startswith(
            ("metadata.labels['", "metadata.annotations['")
        ):
            return ""
        case source:
            raise UnsupportedError(
                f"env {variable['name']}: a loopback node has no value for {source}: "
                "give a value or a fieldRef of the pod's metadata, status.podIP or spec.nodeName"
            )
