"""The proof of the operator's rights finds what it is there to find."""

import json
from pathlib import Path
from typing import Any

from rights_proof import Findings, Use, complaints, findings, granted, left, merged
from rights_proof.audit import CLUSTER, NODE_LEASES, SERVED

PATCH_STATUS = Use(SERVED, "", "pods/status", "patch")
LIST_NODES = Use(CLUSTER, "", "nodes", "list")
GET_LEASE = Use(NODE_LEASES, "coordination.k8s.io", "leases", "get")


def event(user: str = "t-1:imchat-operator", *, decision: str = "allow", **ref: str) -> str:
    """Return a line of an audit log."""
    verb = ref.pop("verb")
    found: dict[str, Any] = {
        "verb": verb,
        "user": {"username": f"system:serviceaccount:{user}"},
        "objectRef": ref,
        "annotations": {"authorization.k8s.io/decision": decision},
    }
    return json.dumps(found)


STATUS = event(verb="patch", resource="pods", subresource="status", namespace="t-1")
NODES = event(verb="list", resource="nodes")
LEASE = event(
    verb="get", apiGroup="coordination.k8s.io", resource="leases", namespace="kube-node-lease"
)
SECRETS = event(verb="list", resource="secrets", namespace="t-1", decision="forbid")


def test_an_audit_log_tells_what_operators_did_and_nobody_else() -> None:
    others = event("t-1:default", verb="list", resource="pods", namespace="t-1")
    about = event("t-1:default", verb="get", resource="serviceaccounts", name=":imchat-operator")
    found = findings([STATUS, NODES, LEASE, SECRETS, others, about])
    assert found.used == {PATCH_STATUS, LIST_NODES, GET_LEASE}
    assert found.denied == {Use(SERVED, "", "secrets", "list")}


def test_requests_for_no_resource_are_nobodys_right() -> None:
    discovery = json.loads(NODES)
    del discovery["objectRef"]
    assert findings([json.dumps(discovery)]) == Findings(used=frozenset(), denied=frozenset())


def test_sessions_are_put_together(tmp_path: Path) -> None:
    for n, lines in enumerate(((STATUS, NODES), (LEASE, SECRETS))):
        log = tmp_path / f"audit-{n}.jsonl"
        log.write_text("\n".join(lines))
        left(log, tmp_path / "rights")
    assert merged(tmp_path / "rights") == findings([STATUS, NODES, LEASE, SECRETS])


def test_roles_grant_where_they_lie() -> None:
    rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}
    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]}
    status = {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}
    objects: list[dict[str, Any]] = [
        {"kind": "ClusterRole", "metadata": {}, "rules": [rule]},
        {"kind": "Role", "metadata": {"namespace": "kube-node-lease"}, "rules": [lease]},
        {"kind": "Role", "metadata": {"namespace": "t-1"}, "rules": [status]},
        {"kind": "RoleBinding", "metadata": {"namespace": "t-1"}},
    ]
    assert granted(objects) == {LIST_NODES, GET_LEASE, PATCH_STATUS}


def test_each_difference_is_a_complaint_of_its_own() -> None:
    found = findings([STATUS, SECRETS])
    told = list(complaints(frozenset({LIST_NODES}), found, {GET_LEASE: "by chance only"}))
    assert [line.split(":")[0] for line in told] == [
        "granted and never used",
        "used, and not granted by the chart",
        "denied",
        "excused and not granted",
    ]
    assert "list nodes in (cluster)" in told[0]


def test_what_is_granted_and_used_is_no_complaint_nor_is_an_excuse() -> None:
    rights = frozenset({PATCH_STATUS, GET_LEASE})
    assert not list(complaints(rights, findings([STATUS]), {GET_LEASE: "by chance only"}))
