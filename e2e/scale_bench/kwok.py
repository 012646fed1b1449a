"""kwok as a process: the kubelet of nodes that do not exist, whose pods run once they are bound.

All pods have the address 127.0.0.1, where `gateways` answers for them. A pod is ready as soon as
kwok has seen it; what makes one ill later is written to its status by the benchmark.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from controlplane.leashed import Child
from controlplane.programs import find_kwok
from controlplane.progress import silent
from loopback_node.api import Api

LABEL: Final = {"imchat.dev/kwok": "true"}
_TICK_SECONDS: Final = 0.2
_START_SECONDS: Final = 120.0

_STAGES: Final = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - {key: '.status.phase', operator: NotIn, values: [Running]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - lastHeartbeatTime: {{ $now | Quote }}
        lastTransitionTime: {{ $now | Quote }}
        message: kwok runs
        reason: KwokReady
        status: "True"
        type: Ready
      allocatable: {cpu: 1k, memory: 1Ti, pods: 1M}
      capacity: {cpu: 1k, memory: 1Ti, pods: 1M}
      phase: Running
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.metadata.deletionTimestamp', operator: DoesNotExist}
    - {key: '.status.phase', operator: In, values: [Pending]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - {lastTransitionTime: {{ $now | Quote }}, status: "True", type: PodScheduled}
      - {lastTransitionTime: {{ $now | Quote }}, status: "True", type: Initialized}
      - {lastTransitionTime: {{ $now | Quote }}, status: "True", type: ContainersReady}
      - {lastTransitionTime: {{ $now | Quote }}, status: "True", type: Ready}
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        imageID: {{ .image | Quote }}
        containerID: "kwok://0"
        name: {{ .name | Quote }}
        ready: true
        started: true
        restartCount: 0
        state:
          running:
            startedAt: {{ $now | Quote }}
      {{ end }}
      hostIP: 127.0.0.1
      podIP: 127.0.0.1
      podIPs: [{ip: 127.0.0.1}]
      phase: Running
      startTime: {{ $now | Quote }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-delete}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: '.metadata.deletionTimestamp', operator: Exists}
  next: {delete: true}
"""


@asynccontextmanager
async def nodes(api: Api, kubeconfig: Path, folder: Path, names: list[str]) -> AsyncIterator[None]:
    """Play these nodes for as long as the block lasts; all are ready when it begins.

    Raises:
        TimeoutError: they did not become so.
    """
    config = folder / "kwok.yaml"
    config.write_text(_STAGES, encoding="utf-8")
    command = [
        str(find_kwok(silent)),
        f"--kubeconfig={kubeconfig}",
        f"--config={config}",
        f"--manage-nodes-with-label-selector={next(iter(LABEL))}=true",
        "--node-lease-duration-seconds=40",
        "--server-address=127.0.0.1:0",
    ]
    child = Child("kwok", command, folder / "kwok.log")
    try:
        for name in names:
            await api.create("/api/v1/nodes", {"metadata": {"name": name, "labels": LABEL}})
        async with asyncio.timeout(_START_SECONDS):
            while not await _are_ready(api, len(names)):
                assert child.exit_status is None, f"kwok ended:\n{child.last_lines()}"
                await asyncio.sleep(_TICK_SECONDS)
        yield
    finally:
        child.kill()


async def _are_ready(api: Api, count: int) -> bool:
    found = (await api.get("/api/v1/nodes", labelSelector=f"{next(iter(LABEL))}=true"))["items"]
    ready = [
        n
        for n in found
        if any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in n.get("status", {}).get("conditions", ())
        )
        and not n["spec"].get("taints")
    ]
    return len(ready) >= count
