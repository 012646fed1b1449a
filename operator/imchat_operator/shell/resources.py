"""The two custom resources: whatever was stored, under any rules and by anybody, as frozen values.

A definition of another version may have let anything in, and a status is written by whoever has the
right to. Nothing here takes a shape for granted but that of the metadata.
"""

import logging

from pydantic import ValidationError

from imchat_operator.core.claims import Claim, Workload
from imchat_operator.core.snapshot import Cluster, Window
from imchat_operator.models import (
    GROUP,
    ImChatClusterStatus,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
    TargetRef,
)
from imchat_operator.shell.kube import Json
from imchat_operator.shell.objects import time_of

_LOG = logging.getLogger(__name__)

_MOST_FAULTS = 3
# Far more than there ever are; one more still fits into a Lease's counter. A later one was made up,
# and would have every leader yield to nobody.
_LAST_EPOCH = 1_000_000_000


def slim(body: Json) -> Json:
    """Return an object without its managedFields, a third of it, which nobody here reads.

    An update that has none leaves them as they are.
    """
    meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return {**body, "metadata": meta}


def cluster_of(body: Json) -> Cluster:
    """Return an ImChatCluster's identity."""
    meta = body["metadata"]
    return Cluster(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        labels=tuple(sorted(meta.get("labels", {}).items())),
        annotations=tuple(
            sorted((k, v) for k, v in meta.get("annotations", {}).items() if k.startswith(GROUP))
        ),
        created_at=time_of(meta["creationTimestamp"]),
    )


def claim_of(body: Json) -> Claim | None:
    """Return which workload an ImChatCluster names; None where that can't be understood."""
    spec, meta = body.get("spec"), body["metadata"]
    try:
        ref = TargetRef.model_validate(spec.get("targetRef") if isinstance(spec, dict) else None)
    except ValidationError:
        return None
    return Claim(
        uid=meta["uid"],
        name=meta["name"],
        created_at=time_of(meta["creationTimestamp"]),
        workload=Workload(
            namespace=meta["namespace"],
            group=ref.api_version.rpartition("/")[0],
            kind=ref.kind,
            name=ref.name,
        ),
    )


def epoch_of(body: Json) -> int:
    """Return which leader wrote an ImChatCluster's status; 0 where that can't be told."""
    status = body.get("status")
    found = status.get("epoch", 0) if isinstance(status, dict) else 0
    return found if isinstance(found, int) and 0 < found <= _LAST_EPOCH else 0


def refusal(error: ValidationError, part: str = "spec") -> str:
    """Return what is wrong with a part of an object, naming the first fields that are."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    told = [f"{part}{_field(fault['loc'])}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]]
    more = len(faults) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)


def _field(path: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts)


def lost(sent: object, stored: object, path: str = "") -> str:
    """Return the path of a field that was sent and not stored; empty if there is none."""
    if sent == stored:
        return ""
    match sent, stored:
        case dict(), dict():
            missing = (f"{path}.{name}" for name in sent if name not in stored)
            deeper = (lost(sent[n], stored[n], f"{path}.{n}") for n in sent if n in stored)
            return next((found for found in (*missing, *deeper) if found), "")
        case list(), list():
            pairs = zip(sent, stored, strict=False)
            return next((f for a, b in pairs if (f := lost(a, b, f"{path}[]"))), "")
        case _:
            return "" if type(sent) is type(stored) else path or " as a whole"


def history_of(body: Json) -> ImChatClusterStatus:
    """Return an ImChatCluster's status; an unreadable one counts as none, so that all is undone."""
    try:
        return ImChatClusterStatus.model_validate(body.get("status") or {})
    except ValidationError as error:
        name = body["metadata"]["name"]
        _LOG.warning("status of %s can't be read, begins anew: %s", name, refusal(error, "status"))
        return ImChatClusterStatus()


def window(found: Json) -> Window:
    """Return a MaintenanceWindow as the core sees it.

    Raises:
        pydantic.ValidationError: the object was stored under other rules than today's.
    """
    meta = found["metadata"]
    return Window(
        name=meta["name"],
        uid=meta["uid"],
        created_at=time_of(meta["creationTimestamp"]),
        spec=MaintenanceWindowSpec.model_validate(found.get("spec")),
        generation=meta["generation"],
        status=window_status_of(found),
    )


def window_status_of(found: Json) -> MaintenanceWindowStatus:
    """Return a window's status; an unreadable one counts as none, so that all is told anew."""
    try:
        return MaintenanceWindowStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        name = found["metadata"]["name"]
        why = refusal(error, "status")
        _LOG.warning("status of window %s can't be read, begins anew: %s", name, why)
        return MaintenanceWindowStatus()
