"""Builders of what `imchat simulate` is called with: manifests, a trace, and the call."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from imchat_operator.cli.app import app

START = datetime(2026, 3, 1, 18, tzinfo=UTC)


def manifest(kind: str = "ImChatCluster", **fields: Any) -> dict[str, Any]:
    """Return a manifest of the operator's API."""
    return {
        "apiVersion": "imchat.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "chat"},
        "spec": {"targetRef": {"name": "gateway"}, "maxReplicas": 10, **fields},
    }


HPA: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "gateway"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "gateway"},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [
            {"type": "Pods", "pods": {"target": {"type": "AverageValue", "averageValue": "600"}}}
        ],
    },
}


def write_inputs(directory: Path) -> Path:
    """Write a policy, and a trace whose 60 fill one gateway; return the directory."""
    (directory / "policy.yaml").write_text(yaml.safe_dump(manifest()))
    values = [30] * 10 + [110] * 30 + [20] * 80
    rows = [f"{START + timedelta(minutes=n):%Y-%m-%d %H:%M:%S},{v}" for n, v in enumerate(values)]
    (directory / "trace.csv").write_text("\n".join(["timestamp,value", *rows]))
    return directory


def imchat(files: Path, *more: str | Path) -> Result:
    """Call `imchat simulate` with the files' policy and trace, and more options."""
    given = ("--policy", files / "policy.yaml", "--trace", files / "trace.csv", "--capacity", "60")
    return CliRunner().invoke(app, ["simulate", *map(str, (*given, *more))])
