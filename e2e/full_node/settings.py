"""The configuration files of one node's programs, as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from full_node.images import PAUSE
from full_node.requirements import CNI_PLUGINS

if TYPE_CHECKING:
    from pathlib import Path

    from full_node.addresses import NodeAddress

SOCKET: Final = "/run/containerd/containerd.sock"
LEASE_SECONDS: Final = 4
"""A kubelet renews its lease four times in that time: a lost node shows within seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFiles:
    """Where a node's configuration is."""

    folder: Path

    @property
    def kubelet(self) -> Path:
        """The kubelet's configuration."""
        return self.folder / "kubelet.yaml"

    @property
    def containerd(self) -> Path:
        """Containerd's configuration."""
        return self.folder / "containerd.toml"

    @property
    def network(self) -> Path:
        """The folder with the configuration of the pods' network."""
        return self.folder / "cni"

    @property
    def proxy(self) -> Path:
        """kube-proxy's configuration."""
        return self.folder / "kube-proxy.yaml"


def write(files: NodeFiles, node: NodeAddress, *, cgroup: str, proxy_kubeconfig: Path) -> None:
    """Write them all."""
    files.network.mkdir(parents=True, exist_ok=True)
    texts = {
        files.kubelet: _yaml(_kubelet(node, cgroup)),
        files.proxy: _yaml(_proxy(node, proxy_kubeconfig)),
        files.containerd: _containerd(files.network),
        files.network / "10-imchat.conflist": json.dumps(_pod_network(node), indent=2),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def _yaml(document: dict[str, Any]) -> str:
    return str(yaml.safe_dump(document, sort_keys=False))


def _kubelet(node: NodeAddress, cgroup: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        # Whoever reaches it is in the run's own network: `kubectl logs` needs no certificate.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "nodeLeaseDurationSeconds": LEASE_SECONDS,
        "resolvConf": "",  # there is no DNS
        "imageGCHighThresholdPercent": 100,  # nor a registry to fetch a dropped image from
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"},
    }


def _proxy(node: NodeAddress, kubeconfig: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "mode": "nftables",
        "hostnameOverride": node.name,
        "clusterCIDR": "10.201.0.0/16",
        "conntrack": {"maxPerCore": 0},  # the machine's own limits are not ours to change
    }


def _containerd(network: Path) -> str:
    return f"""\
version = 2
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{network}"
"""


def _pod_network(node: NodeAddress) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": node.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "1.0.0", "name": "imchat", "plugins": [bridge]}
