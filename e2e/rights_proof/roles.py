"""What the chart's roles grant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rights_proof.audit import CLUSTER, Use, place

if TYPE_CHECKING:
    from collections.abc import Iterable


def granted(objects: Iterable[dict[str, Any]]) -> frozenset[Use]:
    """Return all that the roles among these objects grant.

    A rule that is bound to names counts as one for all: to see that the names are right, it is
    enough that nothing was denied.
    """
    return frozenset(
        Use(place=_where(role), group=group, resource=resource, verb=verb)
        for role in objects
        if role["kind"] in {"Role", "ClusterRole"}
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def _where(role: dict[str, Any]) -> str:
    return CLUSTER if role["kind"] == "ClusterRole" else place(role["metadata"]["namespace"])
