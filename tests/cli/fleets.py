"""An ImChatCluster in the middle of things, as the API server has it, with all around it."""

from typing import Any

ROOT = "/apis/imchat.dev/v1alpha1/namespaces/chat/imchatclusters"
PODS = "/api/v1/namespaces/chat/pods"
SCALE = "/apis/apps/v1/namespaces/chat/deployments/gateway/scale"
EVENTS = "/api/v1/namespaces/chat/events"
METRICS = (
    'imchat_gateway_connections{shard="a"} 100\nimchat_gateway_connections{shard="b"} 20\n'
    "imchat_gateway_connections_max 500\nother 1\n"
)


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    """Return a condition."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-03-01T11:00:00Z",
    }


def cluster(**status: Any) -> dict[str, Any]:
    """Return an ImChatCluster that drains a gateway for a scale-down; `status` replaces fields."""
    usual = {
        "replicas": 3,
        "readyReplicas": 2,
        "desiredReplicas": 2,
        "observedAt": "2026-03-01T12:00:00Z",
        "streaks": [
            {
                "rule": "below 30% for 1h",
                "since": "2026-03-01T11:15:00Z",
                "last": "2026-03-01T12:00:00Z",
            }
        ],
        "drains": [
            {
                "id": "d1",
                "pod": "gateway-a",
                "uid": "uid-a",
                "purpose": "ScaleDown",
                "cause": "below 30% for 1h",
                "phase": "Draining",
                "phaseSince": "2026-03-01T11:59:00Z",
                "suspectedAt": "2026-03-01T11:58:00Z",
                "startedAt": "2026-03-01T11:58:00Z",
                "connections": 480,
            }
        ],
        "sizing": {
            "by": "below 30% for 1h",
            "loads": [
                {
                    "signal": "connections",
                    "percent": 24,
                    "limit": 80,
                    "load": "360",
                    "unit": "connections",
                    "capacity": "500",
                    "gateways": 3,
                }
            ],
            "steps": [
                {
                    "reason": "TargetUtilization",
                    "size": 1,
                    "why": "360 connections at 500 a gateway need 1 for 60%",
                },
                {"reason": "AtMinimum", "size": 2, "why": "minReplicas is 2"},
            ],
            "obstacles": [
                {
                    "direction": "ScaleUp",
                    "reason": "Paused",
                    "why": "scaling up is paused: ask Ana",
                }
            ],
        },
        "conditions": [
            condition("Ready", "True", "FleetReady", "2 of 3 gateways take connections"),
            condition(
                "MetricsAvailable", "True", "MetricsAvailable", "the gateways report their load"
            ),
            condition("MaintenanceActive", "False", "WindowClosed", "no window"),
            condition("Scaling", "True", "ScalingDown", "3 → 2 gateways, below 30% for 1h"),
            condition("Healing", "False", "AllHealthy", "no gateway shows a sign of trouble"),
        ],
    }
    return {
        "metadata": {
            "namespace": "chat",
            "name": "web",
            "annotations": {"imchat.dev/pause-scale-up": "ask Ana"},
        },
        "spec": {"targetRef": {"name": "gateway"}, "maxReplicas": 6},
        "status": {**usual, **status},
    }


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    """Return a gateway's pod that is ready."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name[-1]}", **metadata},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def event(reason: str, time: str) -> dict[str, Any]:
    """Return an Event on the ImChatCluster."""
    return {
        "metadata": {"name": f"web.{reason}", "creationTimestamp": "2026-03-01T01:00:00Z"},
        "type": "Normal",
        "reason": reason,
        "message": "3 → 2 gateways",
        "lastTimestamp": time,
    }


def answers(body: dict[str, Any]) -> dict[str, Any]:
    """Return all that a look at that cluster asks for."""
    pods = [pod("gateway-a"), pod("gateway-b", deletionTimestamp="2026-03-01T12:00:00Z")]
    return {
        ROOT: {"items": [body]},
        f"{ROOT}/web": body,
        "/apis/apps/v1": {
            "resources": [
                {"name": "deployments", "kind": "Deployment"},
                {"name": "deployments/scale", "kind": "Scale"},
            ]
        },
        SCALE: {"status": {"selector": "app=gateway"}},
        PODS: {"items": pods},
        f"{PODS}/gateway-a": pods[0],
        f"{PODS}/gateway-a:8080/proxy/metrics": METRICS,
        f"{PODS}/gateway-b:8080/proxy/metrics": METRICS,
        EVENTS: {
            "items": [
                event("ScalingDown", "2026-03-01T11:58:00Z"),
                event("FleetReady", "2026-03-01T11:00:00Z"),
            ]
        },
    }
