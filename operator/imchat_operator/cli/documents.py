"""What `status` and `explain` print for programs: plain values, camelCase, times in RFC 3339."""

from typing import Any

from imchat_operator.cli.fleet import Fleet, Gateway, Run
from imchat_operator.models import Condition
from imchat_operator.units import instant_text

Document = dict[str, Any]


def status_document(found: Fleet) -> Document:
    """Return all that `status` shows."""
    status = found.status
    return {
        **_head(found),
        "gateways": [_gateway(g) for g in found.gateways],
        "loads": _loads(found),
        "streaks": [run_document(r) for r in found.runs],
        "window": status.window,
        "paused": [{"what": p.what, "reason": p.reason, "by": p.by} for p in found.paused],
        "conditions": [_condition(c) for c in status.conditions],
        "latest": [
            {"at": instant_text(t.at), "type": t.type, "reason": t.reason, "message": t.message}
            for t in found.told
        ],
        "notes": list(found.notes),
    }


def explanation_document(found: Fleet) -> Document:
    """Return all that `explain` shows."""
    sizing, spec = found.status.sizing, found.spec
    modes = {"scaling": str(spec.scaling.mode), "healing": str(spec.healing.mode)}
    kinds = ("Scaling", "Healing", "RemediationBlocked", "MaintenanceActive", "Deferred")
    found_kinds = [c for k in kinds if (c := found.condition(k)) is not None]
    return {
        **_head(found),
        "modes": modes,
        "loads": _loads(found),
        "streaks": [run_document(r) for r in found.runs],
        "by": sizing.by if sizing else "",
        "steps": [s.to_json() for s in sizing.steps] if sizing else [],
        "obstacles": [o.to_json() for o in sizing.obstacles] if sizing else [],
        "conditions": [_condition(c) for c in found_kinds],
    }


def run_document(run: Run) -> Document:
    """Return how far a streak has come."""
    return {
        "rule": run.rule,
        "since": instant_text(run.since),
        "last": instant_text(run.last),
        "completeAt": instant_text(run.complete_at),
        "seconds": run.seconds,
        "ofSeconds": run.of_seconds,
    }


def _head(found: Fleet) -> Document:
    status = found.status
    return {
        "namespace": found.namespace,
        "name": found.name,
        "observedAt": instant_text(status.observed_at) if status.observed_at else None,
        "ready": found.is_ready,
        "replicas": status.replicas,
        "readyReplicas": status.ready_replicas,
        "desiredReplicas": status.desired_replicas,
        "minReplicas": found.spec.min_replicas,
        "maxReplicas": found.spec.max_replicas,
    }


def _loads(found: Fleet) -> list[Document]:
    sizing = found.status.sizing
    return [load.to_json(sparse=True) for load in sizing.loads] if sizing else []


def _gateway(gateway: Gateway) -> Document:
    drain = gateway.drain
    return {
        "name": gateway.name,
        "state": gateway.state,
        "node": gateway.node,
        "connections": gateway.connections,
        "capacity": gateway.capacity,
        "drain": drain.to_json(sparse=True) if drain else None,
    }


def _condition(condition: Condition) -> Document:
    return condition.to_json()
