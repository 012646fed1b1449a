"""Figures of pods, as the HPA controller and `kubectl top` read them: set by a test, in memory.

One server on loopback plays two aggregated APIs of a local control plane, in place of an adapter
and of metrics-server: `custom.metrics.k8s.io/v1beta2` (pods only) and `metrics.k8s.io/v1beta1`
(PodMetrics only).

    figures = Figures()
    figures.put(PodFigures(namespace="chat", pod="gateway-0", custom={"connections": 70_000}))
    with custom_metrics.running(control_plane.kubeconfig, figures):
        ...

The API server reaches it under the name `localhost`, so both have to be on one machine.
"""

from custom_metrics.figures import Figures, PodFigures, Source
from custom_metrics.serving import running, serving

__all__ = ["Figures", "PodFigures", "Source", "running", "serving"]
