"""What runs behind the kubeconfig is Kubernetes: its controllers, its RBAC, its audit log."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from controlplane import ControlPlane, kubeconfig_of
from controlplane.kubectl import kubectl

if TYPE_CHECKING:
    from subprocess import CompletedProcess

Eventually: TypeAlias = Callable[..., Any]
Kubectl: TypeAlias = Callable[..., str]

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "gateway"}},
    "spec": {"containers": [{"name": "gateway", "image": "none"}]},
}
SELECTOR = {"matchLabels": {"app": "gateway"}}


def manifest(api: str, kind: str, name: str, **fields: Any) -> str:
    return json.dumps({"apiVersion": api, "kind": kind, "metadata": {"name": name}, **fields})


def workload(kind: str, name: str, **spec: Any) -> str:
    spec = {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE, **spec}
    return manifest("apps/v1", kind, name, spec=spec)


def succeeded(done: CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    name = f"controlplane-{uuid.uuid4().hex[:8]}"
    succeeded(kubectl("create", "namespace", name, kubeconfig=control_plane.kubeconfig))
    yield name
    config = control_plane.kubeconfig
    succeeded(kubectl("delete", "namespace", name, "--wait=false", kubeconfig=config))


@pytest.fixture
def run(control_plane: ControlPlane, namespace: str) -> Kubectl:
    """Run kubectl in the test's namespace; the result is what it says."""

    def run(*arguments: str, manifest: str | None = None) -> str:
        inside = f"--namespace={namespace}"
        config = control_plane.kubeconfig
        return succeeded(kubectl(*arguments, inside, kubeconfig=config, manifest=manifest))

    return run


@pytest.fixture
def items(run: Kubectl) -> Callable[[str], list[dict[str, Any]]]:
    """List the objects of a kind in the test's namespace."""

    def items(kind: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(run("get", kind, "--output=json"))["items"]
        return listed

    return items


@pytest.fixture
def apply(run: Kubectl, eventually: Eventually, items: Any) -> Callable[[str], str]:
    """Apply a manifest once pods can be created in the namespace."""

    def apply(text: str) -> str:
        eventually(lambda: items("serviceaccounts"))
        return run("apply", "--filename=-", manifest=text)

    return apply


def test_a_namespace_gets_the_default_service_account_and_the_authority_of_the_server(
    items: Any, eventually: Eventually
) -> None:
    names = eventually(lambda: [each["metadata"]["name"] for each in items("serviceaccounts")])
    assert names == ["default"]
    maps = eventually(lambda: [each["metadata"]["name"] for each in items("configmaps")])
    assert maps == ["kube-root-ca.crt"]


def test_a_deployment_gets_pods_and_takes_all_that_it_owns_along_when_it_is_deleted(
    apply: Any, run: Kubectl, items: Any, eventually: Eventually
) -> None:
    apply(workload("Deployment", "gateway"))
    assert len(eventually(lambda: len(items("pods")) == 2 and items("pods"))) == 2
    (replica_set,) = items("replicasets")
    assert replica_set["metadata"]["ownerReferences"][0]["name"] == "gateway"
    run("delete", "deployment", "gateway")
    eventually(lambda: not items("replicasets") and not items("pods"))


def test_a_stateful_set_starts_its_pods_in_order(
    apply: Any, items: Any, eventually: Eventually
) -> None:
    apply(workload("StatefulSet", "ordered", serviceName="ordered"))
    (pod,) = eventually(lambda: items("pods"))
    assert pod["metadata"]["name"] == "ordered-0"


def test_a_job_gets_its_pod(apply: Any, items: Any, eventually: Eventually) -> None:
    pod = {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
    apply(manifest("batch/v1", "Job", "once", spec={"template": pod}))
    (pod,) = eventually(lambda: items("pods"))
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Job"


def test_a_disruption_budget_counts_the_pods_that_it_protects(
    apply: Any, items: Any, eventually: Eventually
) -> None:
    apply(workload("Deployment", "gateway"))
    spec = {"minAvailable": 1, "selector": SELECTOR}
    apply(manifest("policy/v1", "PodDisruptionBudget", "gateway", spec=spec))

    def status() -> dict[str, Any]:
        (budget,) = items("poddisruptionbudgets")
        return dict(budget.get("status", {}))

    eventually(lambda: status().get("expectedPods") == 2)
    assert (status()["desiredHealthy"], status()["disruptionsAllowed"]) == (1, 0)


def test_an_autoscaler_says_why_it_does_not_scale_without_metrics(
    apply: Any, items: Any, eventually: Eventually
) -> None:
    apply(workload("Deployment", "gateway"))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
    apply(manifest("autoscaling/v2", "HorizontalPodAutoscaler", "gateway", spec=spec))

    def reasons() -> dict[str, str]:
        (autoscaler,) = items("horizontalpodautoscalers")
        conditions = autoscaler.get("status", {}).get("conditions", [])
        return {each["type"]: each["reason"] for each in conditions}

    eventually(lambda: reasons().get("ScalingActive") == "FailedGetResourceMetric", seconds=60)


def test_a_node_that_reports_not_ready_is_tainted(run: Kubectl, eventually: Eventually) -> None:
    # Two nodes: when all are down, Kubernetes takes it for its own trouble and evicts nobody.
    well, ill = (f"node-{uuid.uuid4().hex[:8]}" for _ in range(2))

    def report() -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        for name, status in ((well, "True"), (ill, "False")):
            ready = {"type": "Ready", "status": status, "lastHeartbeatTime": now}
            patch = json.dumps({"status": {"conditions": [ready]}})
            run("patch", "node", name, "--subresource=status", f"--patch={patch}")

    def effects() -> set[str]:
        report()  # again and again, as kubelets do: one that falls silent becomes Unknown
        spec = json.loads(run("get", "node", ill, "--output=json"))["spec"]
        taints = spec.get("taints", [])
        return {each["effect"] for each in taints if each["key"] == "node.kubernetes.io/not-ready"}

    try:
        for name in (well, ill):
            run("create", "--filename=-", manifest=manifest("v1", "Node", name))
        eventually(lambda: effects() == {"NoSchedule", "NoExecute"}, seconds=60)
    finally:
        run("delete", "node", well, ill, "--ignore-not-found")


def test_a_user_may_do_only_what_a_role_binding_grants(
    control_plane: ControlPlane, namespace: str, run: Kubectl, eventually: Eventually
) -> None:
    alice = kubeconfig_of(control_plane, f"alice-{namespace}", groups=[f"readers-{namespace}"])
    inside = f"--namespace={namespace}"
    refused = kubectl("get", "pods", inside, kubeconfig=alice)
    assert f'User "alice-{namespace}" cannot list resource "pods"' in refused.stderr
    run("create", "rolebinding", "readers", "--clusterrole=view", f"--group=readers-{namespace}")
    eventually(lambda: kubectl("get", "pods", inside, kubeconfig=alice).returncode == 0)
    refused = kubectl("create", "configmap", "mine", inside, kubeconfig=alice)
    assert "cannot create resource" in refused.stderr


def test_the_audit_log_has_each_request_of_a_user(
    control_plane: ControlPlane, namespace: str, eventually: Eventually
) -> None:
    if control_plane.audit_log is None:
        pytest.skip("the cluster that was named keeps its audit log for itself")
    log, user = control_plane.audit_log, f"counted-{namespace}"
    config = kubeconfig_of(control_plane, user)
    for _ in range(3):
        kubectl("get", "--raw=/api/v1/pods", kubeconfig=config)

    def requests() -> list[str]:
        entries = map(json.loads, log.read_text(encoding="utf-8").splitlines())
        mine = [each["requestURI"] for each in entries if each["user"]["username"] == user]
        return [uri for uri in mine if not uri.startswith("/version")]  # kubectl's own question

    assert eventually(lambda: len(requests()) >= 3 and requests()) == ["/api/v1/pods"] * 3


def visit(url: str) -> None:
    """Ask without credentials, and without looking at those of the server."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    urllib.request.urlopen(url, context=unchecked, timeout=10)  # noqa: S310 - https


def test_nobody_gets_in_without_credentials(control_plane: ControlPlane) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        visit(f"{control_plane.server}/api/v1/pods")
    refusal.value.close()
    assert refusal.value.code in {401, 403}


@pytest.fixture
def listeners(control_plane: ControlPlane) -> dict[str, list[tuple[str, int]]]:
    """Each program's listening addresses and ports (IPv6 ones as the kernel writes them)."""
    if not control_plane.pids or not Path("/proc/self/net/tcp").exists():
        pytest.skip("needs processes of our own and Linux's /proc")
    owner: dict[str, list[tuple[str, int]]] = {}
    by_inode = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            (
                _,
                local,
                _,
                state,
                *_,
            ) = fields = line.split()
            if state == "0A":  # listening
                address, _, port = local.partition(":")
                if table == "tcp":
                    address = socket.inet_ntoa(bytes.fromhex(address)[::-1])
                by_inode[f"socket:[{fields[9]}]"] = (address, int(port, 16))
    for program, pid in control_plane.pids.items():
        links = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
        owner[program] = sorted(by_inode[link] for link in links if link in by_inode)
    return owner


def test_all_listen_on_the_loopback_address_only(
    listeners: dict[str, list[tuple[str, int]]],
) -> None:
    addresses = {address for each in listeners.values() for address, _ in each}
    assert addresses == {"127.0.0.1"}
    counts = {program: len(each) for program, each in listeners.items()}
    expected = {"supervisor": 0, "etcd": 2, "kube-apiserver": 1, "kube-controller-manager": 0}
    assert counts == expected


def test_etcd_answers_nobody_without_a_certificate(
    listeners: dict[str, list[tuple[str, int]]],
) -> None:
    for address, port in listeners["etcd"]:
        with pytest.raises(OSError, match=r"(?i)certificate required|handshake failure|reset"):
            visit(f"https://{address}:{port}/version")
