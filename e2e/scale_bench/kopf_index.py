"""Pods as kopf's users have them: an index, and a handler of events. Run by `kopf run`."""

from typing import Any

import kopf


@kopf.index("pods")
async def pods(uid: str, status: kopf.Status, **_: Any) -> dict[str, Any]:
    """Keep of each pod what the operator needs at least."""
    ready = any(c["type"] == "Ready" for c in status.get("conditions", ()))
    return {uid: (status.get("podIP"), ready)}


@kopf.on.event("pods")
async def seen(**found: Any) -> None:
    """Tell how many are indexed: kopf calls handlers of events only when all are."""
    print("indexed", len(found["pods"]), flush=True)  # noqa: T201 -- to the benchmark
