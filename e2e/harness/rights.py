"""The rights that an operator in a test has: those that an installation grants, and no other.

What is applied in the test's namespace is the RBAC of config/namespaced/operator.yaml, which the
chart makes; the operator gets a token of that service account. What lies outside of the namespace
(nodes, their leases) belongs to the Namespace object and goes with it.
"""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from harness.waiting import wait_for

if TYPE_CHECKING:
    from harness.manifests import Manifest
    from harness.namespace import Namespace

INSTALLED: Final = Path(__file__).resolve().parents[2] / "config" / "namespaced" / "operator.yaml"
SERVICE_ACCOUNT: Final = "imchat-operator"
# Not the operator's own: what it is refused would count against the chart's roles.
READER: Final = "imchat-reader"
_READING: Final = frozenset({"get", "list", "watch"})
LEASE: Final = "imchat-operator"
_INSTALLED_NAMESPACE: Final = "imchat-system"
_SECONDS: Final = 4 * 3600
_KINDS: Final = {
    "ServiceAccount": "/api/v1",
    "Role": "/apis/rbac.authorization.k8s.io/v1",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1",
}


def operator_kubeconfig(namespace: Namespace) -> str:
    """Grant what the chart grants for a namespace; return the operator's kubeconfig.

    Granting again changes nothing.
    """
    return _granted(namespace, rights(namespace.name), SERVICE_ACCOUNT)


def reader_kubeconfig(namespace: Namespace) -> str:
    """Grant what the chart grants, but for writing, to another account; return its kubeconfig."""
    text = json.dumps(rights(namespace.name)).replace(SERVICE_ACCOUNT, READER)
    granted: list[Manifest] = json.loads(text)
    for role in granted:
        for rule in role.get("rules", ()):
            rule["verbs"] = sorted(_READING & {*rule["verbs"], "get"})
    return _granted(namespace, granted, READER)


def _granted(namespace: Namespace, granted: list[Manifest], account_name: str) -> str:
    owner = namespace.get(f"/api/v1/namespaces/{namespace.name}")
    assert owner is not None, f"there is no namespace {namespace.name}"
    for found in granted:
        if found["metadata"].get("namespace") != namespace.name:
            found["metadata"]["ownerReferences"] = [_owner(owner)]
        namespace.create_if_missing(_path(found), found)
    account = f"/api/v1/namespaces/{namespace.name}/serviceaccounts/{account_name}"
    asked = {"spec": {"expirationSeconds": _SECONDS}}
    token = namespace.post(f"{account}/token", asked)["status"]["token"]
    # The API server's authorizer hears of roles and bindings by watches of its own.
    for review in _reviews(granted, namespace.name, account_name):
        wait_for(partial(_is_allowed, namespace, review), what=str(review["spec"]))
    return _kubeconfig(namespace.kubeconfig, token)


def rights(namespace: str) -> list[Manifest]:
    """Return the service account, roles and bindings of an installation in a namespace."""
    found: list[Manifest] = json.loads(_installed().replace(_INSTALLED_NAMESPACE, namespace))
    return found


@cache
def _installed() -> str:
    """Return them as JSON, with the namespace of the installation; YAML takes half a second."""
    documents = yaml.safe_load_all(INSTALLED.read_text(encoding="utf-8"))
    return json.dumps([found for found in documents if found["kind"] in _KINDS])


def _owner(namespace: Manifest) -> Manifest:
    meta = namespace["metadata"]
    return {"apiVersion": "v1", "kind": "Namespace", "name": meta["name"], "uid": meta["uid"]}


def _path(found: Manifest) -> str:
    kind, namespace = found["kind"], found["metadata"].get("namespace")
    return "/".join(
        [
            _KINDS[kind],
            *(("namespaces", namespace) if namespace else ()),
            f"{kind.lower()}s",
        ]
    )


def _reviews(granted: list[Manifest], namespace: str, account: str) -> list[Manifest]:
    """Return one question for each role: whether its last rule holds for the operator."""
    return [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{account}",
                "resourceAttributes": _attributes(role),
            },
        }
        for role in granted
        if "rules" in role
    ]


def _attributes(role: Manifest) -> dict[str, str]:
    rule = role["rules"][-1]
    resource, _, subresource = rule["resources"][-1].partition("/")
    return {
        "namespace": role["metadata"].get("namespace", ""),
        "group": rule["apiGroups"][-1],
        "resource": resource,
        "subresource": subresource,
        "verb": rule["verbs"][-1],
    }


def _is_allowed(namespace: Namespace, review: Manifest) -> bool:
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(namespace.post(path, review)["status"]["allowed"])


def _kubeconfig(administrators: Path, token: str) -> str:
    config: dict[str, Any] = yaml.safe_load(administrators.read_text(encoding="utf-8"))
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    return yaml.safe_dump(config)
