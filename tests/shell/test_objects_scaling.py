"""What scaling reads of API objects: resources of pods, other autoscalers, and field managers."""

from typing import Any

import pytest

from imchat_operator.shell.objects import (
    Autoscaler,
    Resources,
    autoscaler,
    pod,
    replicas_manager,
)

GIB = 1024.0**3


def container(kind: str = "requests", **amounts: str) -> dict[str, Any]:
    return {"name": "c", "resources": {kind: amounts}}


def sidecar(**amounts: str) -> dict[str, Any]:
    return {**container(**amounts), "restartPolicy": "Always"}


def resources(kind: str, spec: dict[str, Any]) -> Resources:
    metadata = {
        "namespace": "chat",
        "name": "gateway-x",
        "uid": "uid-x",
        "creationTimestamp": "2026-11-23T12:00:00Z",
    }
    found = pod({"metadata": metadata, "spec": spec})
    return found.requests if kind == "requests" else found.limits


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"containers": [container(cpu="250m", memory="1Gi")]},
            Resources(cpu=0.25, memory=GIB),
            id="of one container",
        ),
        pytest.param(
            {"containers": [container(cpu="2", memory="1Gi"), container(cpu="500m", memory="1Gi")]},
            Resources(cpu=2.5, memory=2 * GIB),
            id="the sum over containers",
        ),
        pytest.param(
            {
                "containers": [container(cpu="1", memory="1Gi")],
                "initContainers": [sidecar(cpu="1", memory="1Gi")],
            },
            Resources(cpu=2.0, memory=2 * GIB),
            id="with its sidecar",
        ),
        pytest.param(
            {
                "containers": [container(cpu="1", memory="1Gi")],
                "initContainers": [container(cpu="8", memory="8Gi"), {"name": "plain"}],
            },
            Resources(cpu=1.0, memory=GIB),
            id="without what is over once it runs",
        ),
        pytest.param(
            {
                "containers": [container(cpu="1", memory="1Gi")],
                "initContainers": [sidecar(cpu="1")],
            },
            Resources(cpu=2.0, memory=None),
            id="a sidecar that does not say makes the sum unknown",
        ),
        pytest.param(
            {"containers": [container(cpu="1"), {"name": "c"}]},
            Resources(),
            id="so does a container",
        ),
        pytest.param(
            {"containers": [container("limits", cpu="1", memory="1Gi")]},
            Resources(),
            id="limits are no requests",
        ),
        pytest.param(
            {"containers": [container(cpu="1e-1", memory="129e6")]},
            Resources(cpu=0.1, memory=129e6),
            id="written with an exponent, as the API server keeps it",
        ),
        pytest.param({"containers": []}, Resources(), id="of no container"),
        pytest.param({}, Resources(), id="of no spec"),
    ],
)
def test_requests_are_what_the_running_containers_ask_for_together(
    spec: dict[str, Any], expected: Resources
) -> None:
    assert resources("requests", spec) == expected


def test_limits_are_read_beside_requests() -> None:
    both = {
        "resources": {
            "requests": {"cpu": "1", "memory": "1Gi"},
            "limits": {"cpu": "2", "memory": "2Gi"},
        }
    }
    assert resources("requests", {"containers": [both]}) == Resources(cpu=1.0, memory=GIB)
    assert resources("limits", {"containers": [both]}) == Resources(cpu=2.0, memory=2 * GIB)


@pytest.mark.parametrize(
    ("owners", "name"),
    [
        pytest.param(None, "HorizontalPodAutoscaler chat", id="by itself"),
        pytest.param(
            [{"kind": "ScaledObject", "name": "peaks"}], "ScaledObject peaks", id="KEDA's"
        ),
        pytest.param(
            [{"kind": "Application", "name": "chat"}],
            "HorizontalPodAutoscaler chat",
            id="owned by what does not scale",
        ),
    ],
)
def test_an_autoscaler_is_named_as_its_user_knows_it(
    owners: list[dict[str, str]] | None, name: str
) -> None:
    owned = {} if owners is None else {"ownerReferences": owners}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}
    found = {
        "metadata": {"namespace": "edge", "name": "chat", **owned},
        "spec": {"scaleTargetRef": target},
    }
    assert autoscaler(found) == Autoscaler(
        namespace="edge", name=name, kind="Deployment", target="gateway"
    )


def entry(manager: str, time: str, *fields: str, **others: str) -> dict[str, Any]:
    """Return a manager's entry: it set these fields of the spec."""
    spec: dict[str, Any] = {f"f:{name}": {} for name in fields}
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": spec}, **others}


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        pytest.param(
            [entry("kubectl-apply", "2026-11-23T12:00:00Z", "replicas", "template")],
            "kubectl-apply",
            id="the only one",
        ),
        pytest.param(
            [
                entry("kubectl-scale", "2026-11-23T12:09:59Z", "replicas"),
                entry("argocd", "2026-11-23T12:10:00Z", "replicas"),
                entry("helm", "2026-11-23T11:59:59Z", "replicas"),
            ],
            "argocd",
            id="the last one of several, whatever their order",
        ),
        pytest.param(
            [
                entry("kubectl-scale", "2026-11-23T12:00:00Z", "replicas", subresource="scale"),
                entry("helm", "2026-11-23T11:00:00Z", "template"),
            ],
            "kubectl-scale",
            id="one through the scale subresource",
        ),
        pytest.param(
            [
                entry("helm", "2026-11-23T11:00:00Z", "replicas"),
                entry("kubectl-edit", "2026-11-23T12:00:00Z", "template"),
                {
                    "manager": "kube-controller-manager",
                    "time": "2026-11-23T12:00:01Z",
                    "subresource": "status",
                    "fieldsV1": {"f:status": {"f:replicas": {}}},
                },
            ],
            "helm",
            id="not who set another field later",
        ),
        pytest.param(
            [
                {"fieldsV1": {"f:spec": {"f:replicas": {}}}, "manager": "old"},
                entry("new", "2026-11-23T12:00:00Z", "replicas"),
            ],
            "new",
            id="one without a time comes first",
        ),
        pytest.param([entry("helm", "2026-11-23T12:00:00Z", "template")], "", id="nobody"),
        pytest.param([{"manager": "helm", "time": "2026-11-23T12:00:00Z"}], "", id="no fields"),
        pytest.param([], "", id="no entry"),
    ],
)
def test_who_set_the_replicas_last_is_in_the_managed_fields(
    entries: list[dict[str, Any]], manager: str
) -> None:
    assert replicas_manager({"metadata": {"managedFields": entries}}) == manager


def test_without_managed_fields_nobody_is_known() -> None:
    assert not replicas_manager({"metadata": {}})
