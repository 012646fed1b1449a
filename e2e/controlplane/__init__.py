"""A real Kubernetes control plane on loopback, for the demo, the tests and the benchmarks.

    with controlplane.running() as control_plane:
        kubernetes.config.load_kube_config(str(control_plane.kubeconfig))

docs/control-plane.md tells where its programs come from and what is guaranteed where.
"""

from .cluster import ControlPlane, running
from .errors import ControlPlaneError
from .kubectl import kubectl_path
from .progress import OnProgress, Progress
from .users import kubeconfig_of

__all__ = [
    "ControlPlane",
    "ControlPlaneError",
    "OnProgress",
    "Progress",
    "kubeconfig_of",
    "kubectl_path",
    "running",
]
