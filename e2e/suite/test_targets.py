"""Any kind with a scale subresource is a target, one that the operator has never heard of too."""

from collections.abc import Iterator

import pytest

from harness import Namespace
from harness.manifests import Manifest, cluster, gateways
from harness.rights import SERVICE_ACCOUNT

_GROUP = "suite.imchat.dev"
_REPLICAS = {"type": "object", "properties": {"replicas": {"type": "integer"}}}
_OBSERVED = {
    "type": "object",
    "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}},
}
_POOLS: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"gatewaypools.{_GROUP}"},
    "spec": {
        "group": _GROUP,
        "scope": "Namespaced",
        "names": {"kind": "GatewayPool", "plural": "gatewaypools", "singular": "gatewaypool"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": _REPLICAS, "status": _OBSERVED},
                    }
                },
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
            }
        ],
    },
}


def _rights() -> Iterator[Manifest]:
    """Yield what `rbac.targets` of the chart would grant the operator for GatewayPools."""
    api = "rbac.authorization.k8s.io"
    meta = {"apiVersion": f"{api}/v1", "metadata": {"name": "gatewaypools"}}
    scale = {"resources": ["gatewaypools/scale"], "verbs": ["get", "patch"]}
    owner = {"resources": ["gatewaypools"], "verbs": ["get", "list", "watch"]}
    rules = [{"apiGroups": [_GROUP], **rule} for rule in (scale, owner)]
    yield {**meta, "kind": "Role", "rules": rules}
    yield {
        **meta,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": api, "kind": "Role", "name": "gatewaypools"},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT}],
    }


@pytest.fixture
def pool(namespace: Namespace) -> Iterator[str]:
    """A GatewayPool of one replica, whose controller is the test; the path of the object."""
    namespace.apply(_POOLS, _rights())
    try:
        namespace.kubectl("wait", "--for=condition=Established", "crd", _POOLS["metadata"]["name"])
        made = {"apiVersion": f"{_GROUP}/v1", "kind": "GatewayPool"}
        namespace.apply({**made, "metadata": {"name": "pool"}, "spec": {"replicas": 1}})
        yield f"/apis/{_GROUP}/v1/namespaces/{namespace.name}/gatewaypools/pool"
    finally:
        namespace.kubectl("delete", "crd", _POOLS["metadata"]["name"], "--timeout=20s")


@pytest.mark.usefixtures("operator")
def test_a_custom_resource_with_a_scale_subresource_is_scaled(
    namespace: Namespace, pool: str
) -> None:
    target = {"apiVersion": f"{_GROUP}/v1", "kind": "GatewayPool", "name": "pool"}
    namespace.apply(gateways(replicas=1), cluster(targetRef=target))
    note = namespace.wait_until(lambda: namespace.note("TargetNotFound"))
    assert "GatewayPool pool does not say which pods are its own" in note
    namespace.patch(f"{pool}/status", {"status": {"replicas": 1, "selector": "app=gateway"}})

    def replicas() -> int:
        found = namespace.get(pool)
        return int(found["spec"]["replicas"]) if found else 0

    namespace.wait_until(lambda: replicas() == 2)
    assert "minReplicas is 2" in namespace.note("ScalingUp")
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 1)
    assert namespace.replicas() == 1, "the Deployment is nobody's target"
