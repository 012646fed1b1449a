"""Runs Helm on the chart: the machine's or the control plane's Helm, with no state in the home."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from controlplane.programs import find_helm
from controlplane.progress import OnProgress, silent
from controlplane.versions import KUBERNETES

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "helm" / "imchat-operator"
CONFIG: Final = ROOT / "config"
NAMESPACE: Final = "imchat-system"
RELEASE: Final = "imchat-operator"

Values = dict[str, Any]


class HelmError(Exception):
    """Helm failed; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The chart and a Helm to use it with."""

    helm: Path

    @classmethod
    def found(cls, on_progress: OnProgress = silent) -> Chart:
        """The chart with the Helm that is found, or got: that may take minutes."""
        return cls(helm=find_helm(on_progress))

    def lint(self, values: Values | None = None) -> str:
        """Check the chart as `helm lint --strict` does; what it says."""
        return self._run("lint", "--strict", str(CHART), values=values)

    def template(
        self, values: Values | None = None, *, namespace: str = NAMESPACE
    ) -> list[dict[str, Any]]:
        """The objects that an installation would make.

        Raises:
            HelmError: the values are refused, or a template fails.
        """
        text = self._run(
            *("template", RELEASE, str(CHART)),
            f"--namespace={namespace}",
            f"--kube-version={KUBERNETES}",
            values=values,
        )
        return [found for found in yaml.safe_load_all(text) if found]

    def run(
        self, command: str, *arguments: str, kubeconfig: Path, values: Values | None = None
    ) -> str:
        """Run a Helm command on a cluster; what it prints.

        Raises:
            HelmError: it failed.
        """
        return self._run(command, *arguments, f"--kubeconfig={kubeconfig}", values=values)

    def _run(self, *arguments: str, values: Values | None) -> str:
        with TemporaryDirectory(prefix="imchat-helm-") as home:
            folders = {f"HELM_{kind}_HOME": home for kind in ("CACHE", "CONFIG", "DATA")}
            done = subprocess.run(
                [str(self.helm), *arguments, *(["--values=-"] if values is not None else [])],
                input=json.dumps(values or {}),
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, **folders},
            )
        if done.returncode:
            raise HelmError(done.stderr.strip() or done.stdout.strip())
        return done.stdout
