"""A real Prometheus on 127.0.0.1 that scrapes the gateways of one namespace.

    with prometheus_server.running(kubeconfig, "default") as prometheus:
        prometheus.url                                  # http://127.0.0.1:PORT
        prometheus.query("sum(imchat_gateway_connections)")
        prometheus.stop()                               # as Kubernetes would: SIGTERM
        prometheus.start()                              # same port, same data

The program is looked for on the PATH and in the cache; else it is fetched (see `program`).
"""

from __future__ import annotations

from prometheus_server.program import PrometheusError, find_prometheus, find_promtool
from prometheus_server.server import PrometheusServer, running

__all__ = ["PrometheusError", "PrometheusServer", "find_prometheus", "find_promtool", "running"]
