"""Manifests from files: the policy, the windows, and an autoscaler to compare with.

Unknown fields are refused, as `kubectl apply` does, and sizes and thresholds that contradict each
other; other CEL rules of the CRDs are the API server's to check. Every error is a ValueError with
one sentence that names file and field.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from imchat_operator.core.snapshot import Cluster, Window
from imchat_operator.models import (
    API_VERSION,
    ImChatClusterSpec,
    MaintenanceWindowSpec,
    MetricsSource,
    Signal,
    SignalType,
)
from imchat_operator.simulation.replay import Policy
from imchat_operator.units import Instant

_Spec = TypeVar("_Spec", bound=BaseModel)
_SHORTEST = timedelta(minutes=1)
_TIME: TypeAdapter[datetime] = TypeAdapter(Instant)


def policy_of(path: Path, windows: tuple[Path, ...], start: datetime) -> Policy:
    """Return the policy of an ImChatCluster's manifest, under the windows of others.

    Whatever signals it names, the trace is taken for its connections.

    Args:
        path: the file with the ImChatCluster.
        windows: files with one MaintenanceWindow each.
        start: when the objects count as created, unless their manifest tells.

    Raises:
        ValueError: a file can't be read, is another kind of object, or has a field that is wrong.
    """
    found = manifest(path, "ImChatCluster", API_VERSION)
    spec = valid(path, ImChatClusterSpec, found)
    _check_order(path, spec)
    meta = found.get("metadata") or {}
    cluster = Cluster(
        namespace=str(meta.get("namespace", "default")),
        name=str(meta.get("name", path.stem)),
        uid="simulated",
        generation=1,
        labels=tuple(sorted((meta.get("labels") or {}).items())),
        created_at=_created(path, meta, start),
    )
    return Policy(
        cluster=cluster,
        spec=_by_connections(spec),
        windows=tuple(window_of(window, start) for window in windows),
    )


def _by_connections(spec: ImChatClusterSpec) -> ImChatClusterSpec:
    """Return the spec with the one signal that a replay has: the trace stands for all."""
    metrics = spec.metrics.model_copy(update={"source": MetricsSource.PODS, "prometheus": None})
    signals = (Signal(type=SignalType.CONNECTIONS),)
    scaling = spec.scaling.model_copy(update={"signals": signals})
    return spec.model_copy(update={"metrics": metrics, "scaling": scaling})


def manifest(path: Path, kind: str, api_version: str) -> dict[str, Any]:
    """Return the only object of a file, which has to be of a kind.

    Raises:
        ValueError: one sentence that says what the file has instead.
    """
    found = documents(path)
    if len(found) != 1:
        raise ValueError(f"{path} has {len(found)} objects: put one {kind} into a file of its own")
    return of_kind(path, found[0], kind, api_version)


def documents(path: Path) -> list[Any]:
    """Return the YAML documents of a file.

    Raises:
        ValueError: one sentence that says why it can't be read.
    """
    try:
        return [d for d in yaml.safe_load_all(path.read_text("utf-8")) if d is not None]
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} can't be read: it is not UTF-8") from None
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise ValueError(f"{path} is no YAML: {where}") from None


def of_kind(path: Path, found: Any, kind: str, api_version: str) -> dict[str, Any]:
    """Return an object, which has to be of a kind.

    Raises:
        ValueError: it is of another one.
    """
    has = (found.get("apiVersion"), found.get("kind")) if isinstance(found, dict) else None
    if has != (api_version, kind):
        raise ValueError(f"{path} is no {kind}: it must have apiVersion {api_version}, kind {kind}")
    checked: dict[str, Any] = found
    return checked


def valid(
    path: Path,
    model: type[_Spec],
    found: Mapping[str, Any],
    *,
    extra: Literal["forbid", "ignore"] = "forbid",
) -> _Spec:
    """Return an object's spec.

    Args:
        path: its file.
        model: what the spec has to be.
        found: the object.
        extra: whether unknown fields are an error.

    Raises:
        ValueError: one sentence that names the first field that is wrong.
    """
    try:
        return model.model_validate(found.get("spec") or {}, extra=extra)
    except ValidationError as error:
        first = error.errors()[0]
        field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
        match first["type"]:
            case "extra_forbidden":
                why = "is no field of this API: correct or remove it"
            case "missing":
                why = "is missing: add it"
            case _:
                why = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{path}: spec{field}: {why}") from None


def _check_order(path: Path, spec: ImChatClusterSpec) -> None:
    """Refuse sizes and thresholds that contradict each other, as the CRD's CEL rules do."""
    scaling = spec.scaling
    lowest_up = min((rule.above for rule in scaling.scale_up), default=101)
    highest_down = max((rule.below for rule in scaling.scale_down), default=0)
    if spec.min_replicas > spec.max_replicas:
        raise ValueError(f"{path}: spec.minReplicas: must not be above maxReplicas")
    if highest_down >= lowest_up:
        raise ValueError(
            f"{path}: spec.scaling.scaleDown: below must be lower than every scaleUp[].above"
        )
    if not highest_down <= scaling.target < lowest_up:
        raise ValueError(
            f"{path}: spec.scaling.target: must lie between scaleDown[].below and scaleUp[].above"
        )


def window_of(path: Path, start: datetime) -> Window:
    """Return the only MaintenanceWindow of a file.

    Raises:
        ValueError: one sentence that names the file and the field.
    """
    return window(path, manifest(path, "MaintenanceWindow", API_VERSION), start)


def window(path: Path, found: Mapping[str, Any], start: datetime) -> Window:
    """Return a MaintenanceWindow of a file; it counts as created at `start` unless it says when.

    Raises:
        ValueError: one sentence that names the file and the field.
    """
    meta = found.get("metadata") or {}
    spec = valid(path, MaintenanceWindowSpec, found)
    for fault in faults(spec):
        raise ValueError(f"{path}: {fault}")
    return Window(
        name=str(meta.get("name", path.stem)),
        uid=str(meta.get("uid", path)),
        created_at=_created(path, meta, start),
        spec=spec,
    )


def faults(spec: MaintenanceWindowSpec) -> Iterator[str]:
    """Yield what the CRD's CEL rules would refuse about schedules, with their fields."""
    for number, schedule in enumerate(spec.schedules):
        field, once, rule = f"spec.schedules[{number}]", schedule.once, schedule.recurring
        if (once is None) == (rule is None):
            yield f"{field}: needs either once or recurring"
        if once is not None and once.end - once.start < _SHORTEST:
            yield f"{field}.once.end: must be at least a minute later than start"
        if rule is not None and (rule.rrule is None) == (rule.cron is None):
            yield f"{field}.recurring: needs either rrule or cron"
        if rule is not None and (rule.rrule is None) != (rule.start_time is None):
            yield f"{field}.recurring.startTime: goes with rrule; cron tells the time of day itself"


def _created(path: Path, meta: Mapping[str, Any], start: datetime) -> datetime:
    """Return an object's creation: RRULEs with INTERVAL or COUNT count from there."""
    created = meta.get("creationTimestamp", start)
    try:
        return _TIME.validate_python(created)
    except ValidationError:
        why = "must be a time with its offset, or left out"
        raise ValueError(f"{path}: metadata.creationTimestamp: {why}") from None
