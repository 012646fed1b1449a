"""Emergencies: they need an approval, which the API server lets nobody forge."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane, kubeconfig_of
from harness import Namespace
from harness.manifests import POLICIES, gateways, steady, window
from harness.namespace import KubectlError
from harness.waiting import wait_for

_ROLES = {"alice": ("author",), "bob": ("approver",), "carol": ("author", "approver")}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One namespace, as three users see it.

    Alice asks, Bob approves, Carol may do both.
    """

    alice: Namespace
    bob: Namespace
    carol: Namespace


@pytest.fixture(scope="module")
def kubeconfigs(control_plane: ControlPlane) -> dict[str, Path]:
    """The kubeconfig of each user."""
    return {user: kubeconfig_of(control_plane, user) for user in _ROLES}


@pytest.fixture(scope="module")
def policies(kubeconfig: Path) -> Iterator[None]:
    """The policies, in force."""
    everywhere = Namespace(kubeconfig=kubeconfig, name="default")
    everywhere.kubectl("apply", "-f", str(POLICIES))
    forged = _emergency("probe", requestedBy="nobody")
    wait_for(lambda: _is_refused(everywhere, forged), what="the policies in force")
    yield
    everywhere.kubectl("delete", "-f", str(POLICIES))


def _is_refused(namespace: Namespace, manifest: dict[str, Any]) -> bool:
    try:
        namespace.apply(manifest)
    except KubectlError:
        return True
    namespace.kubectl("delete", "mwin", manifest["metadata"]["name"])
    return False


@pytest.fixture
def people(namespace: Namespace, kubeconfigs: dict[str, Path], policies: None) -> People:
    """The users, with their roles in the test's namespace."""
    assert policies is None
    for user, roles in _ROLES.items():
        for role in roles:
            role_name = f"--clusterrole=imchat-maintenance-{role}"
            namespace.kubectl(
                "create", "rolebinding", f"{user}-{role}", role_name, f"--user={user}"
            )
    seen = {u: Namespace(kubeconfig=k, name=namespace.name) for u, k in kubeconfigs.items()}
    return People(**seen)


def _emergency(name: str = "now", **spec: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    times = (now - timedelta(minutes=1), now + timedelta(minutes=10))
    start, end = (t.isoformat(timespec="seconds") for t in times)
    asked = {
        "type": "Emergency",
        "reason": "the disk is full",
        "ticket": "INC-1",
        "requestedBy": "alice",
        **spec,
    }
    return window(name, {"once": {"start": start, "end": end}}, **asked)


def _path(namespace: Namespace) -> str:
    return f"/apis/imchat.dev/v1alpha1/namespaces/{namespace.name}/maintenancewindows/now"


def _merge(namespace: Namespace, **spec: Any) -> None:
    patch = json.dumps({"spec": spec})
    namespace.kubectl("patch", "mwin", "now", "--type=merge", "-p", patch)


def _approve(namespace: Namespace, user: str) -> None:
    _merge(namespace, approval={"approvedBy": user})


def _approved_by(namespace: Namespace) -> str:
    found = namespace.get(_path(namespace)) or {}
    return str(found["spec"].get("approval", {}).get("approvedBy", ""))


def test_somebody_else_with_the_verb_approves(people: People) -> None:
    people.alice.apply(_emergency())
    _approve(people.bob, "bob")
    assert _approved_by(people.alice) == "bob"


def test_without_the_verb_nobody_approves(people: People) -> None:
    people.carol.apply(_emergency(requestedBy="carol"))
    with pytest.raises(KubectlError, match="alice may not approve"):
        _approve(people.alice, "alice")
    assert _approved_by(people.alice) == ""


def test_nobody_approves_in_the_name_of_another(people: People) -> None:
    people.alice.apply(_emergency())
    with pytest.raises(KubectlError, match="must be your own name, bob"):
        _approve(people.bob, "carol")


def test_nobody_approves_what_they_ask_for(people: People) -> None:
    people.carol.apply(_emergency(requestedBy="carol"))
    with pytest.raises(KubectlError, match="somebody else than requestedBy"):
        _approve(people.carol, "carol")


def test_nobody_asks_and_approves_at_once(people: People) -> None:
    with pytest.raises(KubectlError, match="somebody else than requestedBy"):
        people.carol.apply(_emergency(requestedBy="carol", approval={"approvedBy": "carol"}))


def test_nobody_asks_in_the_name_of_another(people: People) -> None:
    with pytest.raises(KubectlError, match="must be your own name, alice"):
        people.alice.apply(_emergency(requestedBy="bob"))


def test_what_is_approved_is_not_changed_afterwards(people: People) -> None:
    people.alice.apply(_emergency())
    _approve(people.bob, "bob")
    with pytest.raises(KubectlError, match="was given for what was asked before"):
        _merge(people.alice, actions=["Healing", "ScaleUp"])
    _merge(people.alice, actions=["Healing", "ScaleUp"], approval=None)
    assert _approved_by(people.alice) == "", "a change needs an approval of its own"


def test_who_changes_what_was_asked_for_becomes_its_author(people: People) -> None:
    people.alice.apply(_emergency())
    with pytest.raises(KubectlError, match="must be your own name, carol"):
        _merge(people.carol, actions=["Healing"])
    _merge(people.carol, actions=["Healing"], requestedBy="carol")
    with pytest.raises(KubectlError, match="somebody else than requestedBy"):
        _approve(people.carol, "carol")


def test_a_checklist_may_be_ticked_off_after_the_approval(people: People) -> None:
    people.alice.apply(_emergency(checklist=[{"name": "rollback plan"}]))
    _approve(people.bob, "bob")
    _merge(people.alice, checklist=[{"name": "rollback plan", "done": True}])
    assert _approved_by(people.alice) == "bob"


def test_four_eyes_can_be_switched_off(people: People, namespace: Namespace) -> None:
    name = "maintenance-four-eyes.imchat.dev"
    kind = "validatingadmissionpolicybinding"
    people.carol.apply(_emergency(requestedBy="carol"))
    namespace.kubectl("delete", kind, name)
    try:
        wait_for(lambda: _can_approve(people.carol, "carol"), what="an approval by the author")
    finally:
        namespace.kubectl("apply", "-f", str(POLICIES))
    assert _approved_by(people.carol) == "carol"


def _can_approve(namespace: Namespace, user: str) -> bool:
    try:
        _approve(namespace, user)
    except KubectlError:
        return False
    return True


@pytest.mark.usefixtures("operator")
def test_an_emergency_holds_once_it_is_approved(people: People, namespace: Namespace) -> None:
    namespace.apply(gateways(), steady())
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    people.alice.apply(_emergency())
    namespace.wait_until(lambda: "ApprovalMissing" in namespace.reasons("MaintenanceWindow"))
    assert (namespace.get(_path(namespace)) or {})["status"]["state"] == "Unapproved"
    assert namespace.condition("MaintenanceActive").get("status") == "False"
    _approve(people.bob, "bob")
    namespace.wait_until(lambda: namespace.condition("MaintenanceActive")["status"] == "True")
    notes = [e["note"] for e in namespace.events("MaintenanceWindow") if e["reason"] == "Approved"]
    assert notes == ["Approved: bob approved INC-1: the disk is full"]
    ill = min(namespace.pod_names())
    namespace.fault(ill, "unready")
    namespace.wait_until(lambda: namespace.condition("Healing").get("reason") == "HeldByWindow")
    assert ill in namespace.pod_names()
