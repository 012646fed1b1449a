"""Which versions make up the control plane: read from go.mod, the one place that says it.

Helm and kwok are built by themselves: in one go.mod with Kubernetes, each would choose the other's
libraries.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).resolve().parent
"""The folder of the tool go.mod, from which the programs can be built."""

# Each program and the Go package that is its main; each package is a `tool` line of go.mod.
PROGRAMS: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
# What real nodes need besides; only `full_node` asks for them.
NODE_PROGRAMS: Final = {
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
}
PACKAGES: Final = PROGRAMS | NODE_PROGRAMS


def required_version(module: str, go_mod: str) -> str:
    """The version, such as "v1.2.3", at which the text of a go.mod requires a module.

    Raises:
        ValueError: the module is not required there.
    """
    line = re.search(rf"^\s*(?:require\s+)?{re.escape(module)}\s+(v?\d\S*)", go_mod, re.MULTILINE)
    if line is None:
        raise ValueError(f"go.mod does not require {module}; add it with `go get`")
    return line.group(1)


_GO_MOD: Final = (SOURCES / "go.mod").read_text(encoding="utf-8")
KUBERNETES: Final = required_version("k8s.io/kubernetes", _GO_MOD)
ETCD: Final = required_version("go.etcd.io/etcd/server/v3", _GO_MOD)
GO: Final = required_version("go", _GO_MOD).removesuffix(".0")
HELM: Final = "v4.3.1"
KWOK: Final = "v0.8.0"
