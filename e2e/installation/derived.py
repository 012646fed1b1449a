"""Files that are made of others: the chart's copies, and the manifests for those without Helm.

Helm reads nothing outside of a chart's folder, and some tools that package charts drop symbolic
links, so CRDs and policies are copied into it. The manifests of config/ are the chart's own output.
`python -m installation` writes them all; tests compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from installation.chart import CHART, CONFIG, NAMESPACE, ROOT, Chart

if TYPE_CHECKING:
    from pathlib import Path

_HEADER: Final = "# Made by `make chart` from helm/imchat-operator; edit that instead.\n"
# They say how an object came to be, which is not by Helm.
_HELMS_OWN: Final = ("helm.sh/chart", "app.kubernetes.io/managed-by")
# What kustomize takes from crds/ and policies/ themselves.
_ELSEWHERE: Final = {"crds": {"install": False}, "admissionPolicies": {"enabled": False}}


def copies() -> dict[Path, str]:
    """The chart's copies of crds/ and policies/: their text by path."""
    return {
        CHART / "files" / folder / source.name: source.read_text(encoding="utf-8")
        for folder in ("crds", "policies")
        for source in sorted((ROOT / folder).glob("*.yaml"))
    }


def rendered(chart: Chart) -> dict[Path, str]:
    """The manifests of config/: their text by path."""
    return {
        CONFIG / "operator.yaml": _manifests(chart, {}),
        CONFIG / "namespaced" / "operator.yaml": _manifests(
            chart, {"watchNamespaces": [NAMESPACE]}
        ),
    }


def _manifests(chart: Chart, values: dict[str, Any]) -> str:
    objects = chart.template({**_ELSEWHERE, **values})
    return _HEADER + yaml.safe_dump_all(map(_without_helm, objects), sort_keys=False, width=100)


def _without_helm(value: Any) -> Any:
    match value:
        case dict():
            return {k: _without_helm(v) for k, v in value.items() if k not in _HELMS_OWN}
        case list():
            return [_without_helm(v) for v in value]
        case _:
            return value
