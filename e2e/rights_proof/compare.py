"""What is wrong with the roles, judged by what was used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rights_proof.audit import CLUSTER, SERVED, Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rights_proof.audit import Findings

# What the suites can't bring about at will, and why the operator needs it.
UNREACHED: Final[Mapping[Use, str]] = {
    Use(SERVED, "imchat.dev", "imchatclusters", "get"): (
        "read again after somebody else wrote in between: a race"
    ),
    Use(SERVED, "imchat.dev", "maintenancewindows", "get"): (
        "read again after somebody else wrote in between: a race"
    ),
    Use(SERVED, "apps", "statefulsets", "get"): (
        "who else sets a StatefulSet's replicas: asked of Deployments by the same lines"
    ),
    Use(CLUSTER, "", "nodes", "get"): (
        "a node that the cache lacks is asked for before a gateway on it is given up: a race"
    ),
}

# A kind that a suite makes up to be scaled, and grants the operator itself.
_OF_SUITES: Final = "suite.imchat.dev"


def complaints(
    granted: frozenset[Use], found: Findings, unreached: Mapping[Use, str] = UNREACHED
) -> Iterator[str]:
    """Yield a sentence for each right too much, each one that is missing, and each idle excuse."""
    for use in sorted(granted - found.used - unreached.keys()):
        yield f"granted and never used: {use}: take it from the chart, or use it in a suite"
    for use in sorted(found.used - granted):
        if use.group != _OF_SUITES:
            yield f"used, and not granted by the chart: {use}: who granted it?"
    for use in sorted(found.denied):
        yield f"denied: {use}: grant it in the chart, or do without it"
    for use in sorted(unreached.keys() - granted):
        yield f"excused and not granted: {use}: take it from rights_proof.compare"
