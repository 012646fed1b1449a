"""The same pods in an operator that leaves them to kopf: `@kopf.index` and a handler of events."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Final

from controlplane.leashed import Child
from scale_bench import fleet
from scale_bench.figures import Figure
from scale_bench.stage import Stage, usage

_HANDLERS: Final = Path(__file__).with_name("kopf_index.py")
_LONGEST: Final = 400.0
_SETTLING_SECONDS: Final = 20.0
_TICK_SECONDS: Final = 0.1


async def indexed(stage: Stage, size: int) -> list[Figure]:
    """What kopf needs to know so many pods; no figure of its start where that took too long."""
    log = stage.folder / f"kopf-{size}.log"
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", fleet.NAMESPACE]
    environment = {**os.environ, "KUBECONFIG": str(stage.kubeconfig)}
    found: dict[str, float] = {}
    began = time.monotonic()
    child = Child("kopf", [*command, str(_HANDLERS)], log, environment=environment)
    try:
        while "indexed" not in log.read_text():  # its own words, for which it has a file
            await asyncio.sleep(_TICK_SECONDS)
            if time.monotonic() - began > _LONGEST:
                break
        else:
            found["kopf-cold-start"] = time.monotonic() - began
            await asyncio.sleep(_SETTLING_SECONDS)
            used = usage(child.pid)
            found["kopf-memory-steady"], found["kopf-memory-peak"] = used.resident, used.peak
    finally:
        child.kill()
    return [Figure(name=n, size=size, values=(v,)) for n, v in found.items()]
